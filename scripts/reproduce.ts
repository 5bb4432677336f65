// npm run reproduce: the experiments of a paper, run here, beside what it published. --help lists the options.
import { resolve } from "node:path";
import { refuse } from "./local/flags.ts";
import { reproduceVelo } from "./reproduce/velo.ts";

const USAGE = `usage: npm run reproduce -- velo [options]
  velo             VELO and DLRS (IEEE TSC 2025): every algorithm, experiment and ablation, claims judged
  --quick          the same code in under three minutes of two free cores; decides little
  --results DIR    raw results, weights and the report; a second run goes on where the first one was
                   (.velo/reproduce/velo, or velo-quick)
  --only PREFIX    only jobs whose name begins like this; no report
  --workers N      processes (one per core)
  --dataset FILE   real dialogues instead (an oasst1 export), with a real model behind it:
  --upstream NAME  local, file:MODEL or an http address of an OpenAI-compatible model
  --seed S         of the run with a dataset (1)
  --json           print claims and checks as JSON`;

const [what, ...rest] = process.argv.slice(2);
if (what === "--help" || rest.includes("--help")) {
  console.log(USAGE);
} else if (what === "velo") {
  process.argv.splice(2, 1);
  await reproduceVelo(USAGE, (path) => resolve(process.env["INIT_CWD"] ?? process.cwd(), path));
} else {
  refuse(what === undefined ? "which paper?" : `${what} is no paper known here`, USAGE);
}
