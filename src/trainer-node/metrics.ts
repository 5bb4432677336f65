// What a round of training leaves behind: one JSON line in a file, one line on the terminal.
import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from "node:fs";
import { dirname } from "node:path";
import { type UpdateReport } from "./mappo.ts";

/** What the experiences of a round tell about the policy that made them; shares and means are per request. */
export interface RoundFigures {
  /** Requests that reached the policy. */
  readonly requests: number;
  /** Mean utility at the price of time of evaluation, whatever price was trained on. */
  readonly utility: number;
  /** Shares: a stored answer was served; it was wrong; the policy chose the cache, whatever came of it. */
  readonly served: number;
  readonly wrong: number;
  readonly cacheAction: number;
  /** Mean, seconds. */
  readonly delay: number;
  /** Only with the paper's reward: means of 10 (q - omega d - phi3 [direct]) at the omega of evaluation, and of q. */
  readonly reward?: number;
  readonly quality?: number;
}

export interface TrainingMetrics extends UpdateReport, RoundFigures {
  /** u */
  readonly update: number;
  /** Requests that reached the policy, so far. */
  readonly totalRequests: number;
  readonly collectSeconds: number;
  readonly updateSeconds: number;
  /** Since training began. */
  readonly elapsedSeconds: number;
}

/** Appends; a run that goes on from a checkpoint goes on in the same file, after its last whole line. */
export class MetricsFile {
  readonly #path: string;

  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true });
    // What a crash cut off would run into the next line.
    if (existsSync(path)) truncateSync(path, readFileSync(path).lastIndexOf("\n") + 1);
    this.#path = path;
  }

  append(metrics: TrainingMetrics): void {
    appendFileSync(this.#path, `${JSON.stringify(metrics)}\n`);
  }

  read(): readonly TrainingMetrics[] {
    return readMetrics(readFileSync(this.#path, "utf8"));
  }
}

/** A last line that was cut off, as a crash leaves it, is left out. */
export function readMetrics(text: string): readonly TrainingMetrics[] {
  // What follows the last line's end is nothing, or the beginning of a line.
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as TrainingMetrics);
}

/** For people: "update 12/45  utility -0.642  served 31.2 %  wrong 0.4 %  ..." */
export function progressLine(metrics: TrainingMetrics, updates: number): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const left = ((updates - metrics.update) * metrics.elapsedSeconds) / metrics.update;
  return [
    `update ${metrics.update}/${updates}`,
    `utility ${metrics.utility.toFixed(3)}`,
    `served ${percent(metrics.served)}`,
    `wrong ${percent(metrics.wrong)}`,
    `KL ${metrics.kl.toFixed(3)}`,
    metrics.status === "updated" ? `${metrics.accesses} steps` : metrics.status,
    `${Math.ceil(left)} s left`,
  ].join("   ");
}
