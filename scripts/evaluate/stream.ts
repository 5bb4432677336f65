// A labelled request stream: drawn from question groups, or read from a file that an earlier run wrote.
import { writeFileSync } from "node:fs";
import { normaliseQuestion } from "../../src/policy/cache/question.ts";
import {
  compareStream,
  type LabelledStream,
  type StreamReport,
} from "../../src/trainer-node/evaluation/compare-stream.ts";
import {
  InputError,
  type JsonLine,
  jsonLines,
  optionalText,
  textField,
} from "../../src/trainer-node/evaluation/json-lines.ts";
import { PRICE_POINTS } from "../../src/trainer-node/evaluation/net-saving.ts";
import { type Group, type Half, onlyHalf } from "../../src/trainer-node/simulator/groups.ts";
import { DEFAULT_MIX, type Mix } from "../../src/trainer-node/simulator/mix.ts";
import { REQUEST_KINDS, type WorkloadRequest } from "../../src/trainer-node/simulator/request.ts";
import { workloadSource } from "../../src/trainer-node/simulator/source.ts";
import { generateWorkload } from "../../src/trainer-node/simulator/workload.ts";
import { costOfLookUp } from "../../src/worker/prices.ts";
import { shippedScorer } from "../../src/trainer-node/verifier/shipped.ts";
import { roughTokens } from "../local/chat-wire.ts";
import { currentCommit, progressBar } from "../replay/progress.ts";
import { loadGroups } from "../replay/stream.ts";
import { type OpenEmbedder, openEmbedder } from "./built-in.ts";
import { CALLS_EACH, operationCosts } from "./costs.ts";
import { type StreamOptions, UsageError } from "./options.ts";

export interface StreamResult extends StreamReport {
  readonly source: string;
  readonly commit: string;
  readonly seed: number;
  readonly seconds: number;
  readonly embedder: string;
  readonly verifier: string | null;
  readonly kinds: Readonly<Record<string, number>>;
  /** Whether shares and popularity changed half-way. */
  readonly shifted: boolean;
  /** Tokens that an answer counts at least: references are often one word, where models explain. */
  readonly answerTokens: number;
  /** Where other caches' thresholds come from. */
  readonly thresholdsFrom: string;
}

/** A question's length, for what embedding one costs. */
const QUESTION_TOKENS = 20;
/** Half-way: fewer repeats, more changed numbers and translations. */
const SHIFTED_MIX: Mix = { ...DEFAULT_MIX, repeat: 0.15, changed: 0.25, translation: 0.15 };

/** Throws InputError or WorkloadDataError. */
export async function evaluateStream(options: StreamOptions): Promise<StreamResult> {
  const begin = performance.now();
  const embedder = await openEmbedder(options.embedder);
  const scorer = options.verifier === "none" ? null : shippedScorer();
  const drawn = options.file === undefined ? await loadGroups(options.data) : null;
  const { requests, groups } =
    drawn === null
      ? await readStream(options.file!)
      : { requests: draw(drawn, "measured", options), groups: drawn };
  if (options.write !== undefined) writeStream(options.write, requests, groups);
  const calibration =
    drawn === null ? null : draw(drawn, "calibration", { ...options, seed: options.seed + 1 });
  const world = (some: readonly WorkloadRequest[]) =>
    worldOf(some, groups, embedder, options.answerTokens);
  const bar = progressBar("", 200);
  const report = await compareStream({
    measured: world(requests),
    calibration: calibration === null ? null : world(calibration),
    seed: options.seed,
    scorer,
    lookUpUsd: costOfLookUp(
      1,
      embedder.profile.dimensions,
      CALLS_EACH * QUESTION_TOKENS,
      options.embeddingPrice / 1e6,
    ),
    prices: options.price === undefined ? PRICE_POINTS : [options.price],
    costs: operationCosts(embedder.profile.dimensions, options.embeddingPrice),
    ...(bar && { onProgress: (_, done, total) => bar(done, total) }),
  });
  return {
    source: options.file ?? options.data ?? "the bundled questions",
    commit: currentCommit(),
    seed: options.seed,
    seconds: (performance.now() - begin) / 1000,
    embedder: embedder.profile.id,
    verifier: scorer?.id ?? null,
    kinds: Object.fromEntries(
      REQUEST_KINDS.map((kind) => [kind, requests.filter((one) => one.kind === kind).length]),
    ),
    shifted: options.shift,
    answerTokens: options.answerTokens,
    thresholdsFrom:
      calibration === null
        ? "this stream itself, in the others' favour"
        : "a stream of the calibration half",
    ...report,
  };
}

function draw(
  groups: readonly Group[],
  half: Half,
  { requests, seed, shift, mix }: Pick<StreamOptions, "requests" | "seed" | "shift" | "mix">,
): readonly WorkloadRequest[] {
  try {
    return generateWorkload({
      groups: onlyHalf(groups, half),
      requests,
      seed,
      ...(mix && { mix }),
      ...(shift && { shiftTo: SHIFTED_MIX }),
    }).requests;
  } catch (error) {
    // No groups of this half, or a mix that they cannot supply.
    if (error instanceof RangeError) throw new UsageError(`no such stream: ${error.message}`);
    throw error;
  }
}

const worldOf = (
  requests: readonly WorkloadRequest[],
  groups: readonly FamilyMember[],
  { profile, embed }: OpenEmbedder,
  answerTokens: number,
): LabelledStream => ({
  requests,
  source: workloadSource({
    requests,
    groups,
    embedder: profile,
    embed,
    answerTokens: ({ reference_answer: answer = "" }) =>
      Math.max(answerTokens, roughTokens(answer).length),
  }),
});

/** A group and its near misses are one family: right or wrong together. */
type FamilyMember = Pick<Group, "id" | "family">;

function writeStream(
  file: string,
  requests: readonly WorkloadRequest[],
  groups: readonly FamilyMember[],
): void {
  const families = new Map(groups.map(({ id, family }) => [id, family]));
  const lines = requests.map((one) =>
    JSON.stringify({ ...one, family: families.get(one.group) ?? one.group }),
  );
  writeFileSync(file, lines.map((line) => `${line}\n`).join(""));
}

async function readStream(file: string) {
  const requests: WorkloadRequest[] = [];
  const families = new Map<string, string>();
  const owners = new Map<string, string>();
  for await (const line of jsonLines(file)) {
    const request = requestOf(line, requests);
    const { group, question } = request;
    // Whether its answer is right for somebody could not be told.
    const owner = owners.get(normaliseQuestion(question)) ?? group;
    if (owner !== group)
      throw new InputError(`${line.place}: the question of group ${owner} is asked in ${group}`);
    owners.set(normaliseQuestion(question), group);
    families.set(group, optionalText(line, "family") ?? group);
    requests.push(request);
  }
  if (requests.length < 2) throw new InputError(`${file}: holds no stream`);
  return { requests, groups: [...families].map(([id, family]) => ({ id, family })) };
}

function requestOf(line: JsonLine, before: readonly WorkloadRequest[]): WorkloadRequest {
  const { value, place } = line;
  const t = value["t"];
  if (typeof t !== "number" || !(t >= (before.at(-1)?.t ?? 0)))
    throw new InputError(`${place}: t must be seconds, not less than in the line before`);
  const kind = REQUEST_KINDS.find((known) => known === value["kind"]);
  if (kind === undefined)
    throw new InputError(`${place}: kind must be one of ${REQUEST_KINDS.join(", ")}`);
  if (kind === "follow-up") throw new InputError(`${place}: follow-ups cannot be evaluated here`);
  const region = textField(line, "region");
  if (!REGIONS.includes(region))
    throw new InputError(`${place}: region must be one of ${REGIONS.join(", ")}`);
  const answer = optionalText(line, "reference_answer");
  return {
    t,
    kind,
    region,
    id: textField(line, "id"),
    group: textField(line, "group"),
    question: textField(line, "question"),
    lang: textField(line, "lang"),
    ...(answer !== undefined && { reference_answer: answer }),
  };
}

const REGIONS: readonly string[] = ["us", "eu", "asia"];
