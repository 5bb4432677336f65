// The flags of a command: --help prints its usage, a mistake is named above the usage.
import { parseArgs, type ParseArgsOptionsConfig } from "node:util";

/** Ends the process on --help (0) and on flags that are not among `options` (2). */
export function readFlags<const Options extends ParseArgsOptionsConfig>(
  usage: string,
  options: Options,
) {
  if (process.argv.slice(2).includes("--help")) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error), usage);
  }
}

/** Tells the person who typed the command what is wrong with it. */
export function refuse(problem: string, usage: string): never {
  console.error(`${problem}\n\n${usage}`);
  process.exit(2);
}
