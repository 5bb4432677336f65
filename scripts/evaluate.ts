// npm run evaluate: how well the cache tells right answers from wrong ones, on pairs of questions, on a request stream, or on
// a log of your own; and what choosing between models is worth. --help lists the options; docs/evaluate.md explains the figures.
import { InputError } from "../src/trainer-node/evaluation/json-lines.ts";
import { WorkloadDataError } from "../src/trainer-node/simulator/groups.ts";
import { type EvaluateOptions, parseEvaluateArgs, UsageError } from "./evaluate/options.ts";
import { evaluateLog } from "./evaluate/log.ts";
import { formatLog } from "./evaluate/log-table.ts";
import { evaluatePairs } from "./evaluate/pairs.ts";
import { formatPairs } from "./evaluate/pairs-table.ts";
import { evaluateRouting } from "./evaluate/routing.ts";
import { formatRouting } from "./evaluate/routing-table.ts";
import { evaluateStream } from "./evaluate/stream.ts";
import { formatStream } from "./evaluate/stream-table.ts";
import { USAGE, usageFor } from "./evaluate/usage.ts";

async function evaluate(options: EvaluateOptions): Promise<string> {
  if (options.command === "pairs") {
    const figures = await evaluatePairs(options);
    return options.json ? JSON.stringify(figures, null, 2) : formatPairs(figures);
  }
  if (options.command === "stream") {
    const figures = await evaluateStream(options);
    return options.json ? JSON.stringify(figures, null, 2) : formatStream(figures);
  }
  if (options.command === "routing") {
    const figures = await evaluateRouting(options);
    return options.json ? JSON.stringify(figures, null, 2) : formatRouting(figures);
  }
  const figures = await evaluateLog(options);
  return options.json ? JSON.stringify(figures, null, 2) : formatLog(figures);
}

if (process.argv.includes("--help")) {
  console.log(USAGE);
} else {
  try {
    console.log(await evaluate(parseEvaluateArgs(process.argv.slice(2))));
  } catch (error) {
    if (error instanceof UsageError)
      console.error(`${error.message}\n\n${usageFor(process.argv.slice(2))}`);
    else if (error instanceof InputError || error instanceof WorkloadDataError)
      console.error(error.message);
    else throw error;
    process.exitCode = 2;
  }
}
