// npm run reproduce: the experiments of a paper, run here, beside what it published. --help lists the options.
import { resolve } from "node:path";
import { refuse } from "./local/flags.ts";
import { reproducePerllm } from "./reproduce/perllm.ts";
import { reproduceQosRouter } from "./reproduce/qos-router.ts";
import { reproduceVelo } from "./reproduce/velo.ts";

const USAGE = `usage: npm run reproduce -- velo|perllm|qos-router [options]
  velo             VELO and DLRS (IEEE TSC 2025): every algorithm, experiment and ablation, claims judged
  perllm           PerLLM (arXiv 2405.14636): which of several model servers answers, in a simulator
  qos-router       QoS-aware routing (arXiv 2508.00234): a graph network trained to route, and rules beside it
  --quick          the same code in under three minutes of two free cores; decides little
  --results DIR    raw results, weights and the report; a second run goes on where the first one was
                   (.velo/reproduce/velo, velo-quick, perllm, ...)
  --only PREFIX    only jobs whose name begins like this; no report
  --workers N      processes (one per core)
  --json           print claims and checks as JSON
qos-router alone:
  --trace FILE     arrival times of a trace: CSV (TIMESTAMP,ContextTokens,GeneratedTokens) or JSON lines {t,
                   prompt_tokens, output_tokens}; a bursty process in its place when left out
  --fit            fit the two constants of the rule priced-or-drop anew, and print what was tried
velo alone:
  --dataset FILE   real dialogues instead (an oasst1 export), with a real model behind it:
  --upstream NAME  local, file:MODEL or an http address of an OpenAI-compatible model
  --seed S         of the run with a dataset (1)`;

const PAPERS = {
  velo: reproduceVelo,
  perllm: reproducePerllm,
  "qos-router": reproduceQosRouter,
} as const;

const [what = "", ...rest] = process.argv.slice(2);
if (what === "--help" || rest.includes("--help")) {
  console.log(USAGE);
} else if (Object.hasOwn(PAPERS, what)) {
  process.argv.splice(2, 1);
  const pathOf = (path: string) => resolve(process.env["INIT_CWD"] ?? process.cwd(), path);
  await PAPERS[what as keyof typeof PAPERS](USAGE, pathOf);
} else {
  refuse(what === "" ? "which paper?" : `${what} is no paper known here`, USAGE);
}
