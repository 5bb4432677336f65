// Real dialogues as a world for policies: what a request asks is text, what it gets is what a model or the cache said to it,
// and q is how far that lies from the reference (DLRS Eq. 2). Nothing about quality is drawn.
import { type EmbedderProfile } from "../../../../policy/embedders.ts";
import { BUILT_IN_EMBEDDER, builtInEmbed } from "../../../built-in-embedder.ts";
import {
  DEFAULT_DELAYS,
  type DelayAssumptions,
  delaySampler,
  edgeDelay,
} from "../../../simulator/delays.ts";
import {
  countTokens,
  type Handled,
  type RequestSource,
  type SimulatedRequest,
} from "../../../simulator/source.ts";
import { type Asked, ask, type AskingOptions, type DatasetRequest, prefillOf } from "./asked.ts";
import { type DialogueItem } from "./dialogues.ts";
import { promptWithNotes } from "./notes-prompt.ts";
import { type Split, splitByDialogue } from "./split.ts";
import { TextVectors } from "./text-vectors.ts";
import { type Upstream, type UpstreamAnswer } from "./upstream.ts";
import { type Wording, wordingsOf } from "./wordings.ts";

export interface DatasetWorldOptions extends Partial<Omit<AskingOptions, "slots">> {
  readonly items: readonly DialogueItem[];
  readonly upstream: Upstream;
  /** Left out: 4.5 for every wording, as the paper's 13,500 rounds for 3,000 samples. */
  readonly trainingSlots?: number | undefined;
  /** Left out: as many as there are wordings, so that a region gets each of them once on average. */
  readonly testSlots?: number | undefined;
  /** Of a model whose delays nobody measured. */
  readonly delays?: DelayAssumptions;
  readonly embedder?: EmbedderProfile;
  /** Unit vector [768] of a text, all zeros where it has no words. */
  readonly embed?: (text: string) => Float32Array;
  /** Calls of the upstream at a time. */
  readonly concurrency?: number;
}

export interface DatasetSource extends RequestSource {
  readonly requests: readonly DatasetRequest[];
  readonly prefill: readonly DatasetRequest[];
  /** Wordings that are asked at least once, by how they were made. */
  readonly wordings: Readonly<Record<Wording["how"], number>>;
}

export interface DatasetWorld {
  readonly train: DatasetSource;
  readonly test: DatasetSource;
  readonly split: Split;
  readonly upstream: Upstream;
}

/**
 * What notes in the prompt add to a call that nobody measured, as a share of its usual time: the paper's Table III has 68.81 s
 * for its six calls with notes and 46.36 s for the same six without.
 */
const NOTES_SHARE = 68.81 / 46.36 - 1;

/**
 * Training and test over different dialogues and in different frames; databases begin with pairs that neither asks. The
 * upstream is asked for everything that is asked here, before anything runs; for prompts with notes as they come up.
 * @throws UpstreamError, and RangeError where the items are too few to be divided
 */
export async function datasetWorld(options: DatasetWorldOptions): Promise<DatasetWorld> {
  const { items, upstream, seed = 1, trainingSlots, testSlots } = options;
  const split = splitByDialogue(items);
  const vectors = new TextVectors(options.embed ?? builtInEmbed);
  const training = split.training.map((item) => [item, wordingsOf(item, "training")] as const);
  const test = split.test.map((item) => [item, wordingsOf(item, "test")] as const);
  const count = (of: typeof test) => of.reduce((sum, [, wordings]) => sum + wordings.length, 0);
  return {
    split,
    upstream,
    train: await datasetSource({
      ...options,
      name: "dialogues (training)",
      asked: training,
      prefill: split.prefill,
      slots: trainingSlots ?? Math.ceil(4.5 * count(training)),
      seed,
      vectors,
    }),
    test: await datasetSource({
      ...options,
      name: "dialogues (test)",
      asked: test,
      prefill: split.prefill,
      slots: testSlots ?? count(test),
      seed: seed + 1_000_003,
      vectors,
    }),
  };
}

export interface DatasetSourceOptions extends Omit<
  DatasetWorldOptions,
  "items" | "trainingSlots" | "testSlots" | "embed"
> {
  readonly name: string;
  readonly asked: readonly (readonly [DialogueItem, readonly Wording[]])[];
  /** In every region's database from the start, with their references for answers. */
  readonly prefill: readonly DialogueItem[];
  readonly slots: number;
  readonly seed: number;
  readonly vectors: TextVectors;
}

/** Resolves when the upstream has answered every wording that is asked. */
export async function datasetSource(options: DatasetSourceOptions): Promise<DatasetSource> {
  const { name, upstream, vectors, delays = DEFAULT_DELAYS, concurrency = 4 } = options;
  const { regions = ["us", "eu", "asia"], slotSeconds = 10, zipf = 1, homeShare = 0.7 } = options;
  const asked = ask(options.asked, { ...options, regions, slotSeconds, zipf, homeShare });
  const direct = await directAnswers(asked, upstream, concurrency);
  const withNotes = new Map<string, UpstreamAnswer>();

  const directTo = ({ item, wording }: Asked): UpstreamAnswer => direct.get(keyOf(item, wording))!;
  const storedText = (request: Asked): string =>
    request.isPrefill ? request.item.reference : directTo(request).text;
  const counted = (request: Asked): DatasetRequest => ({
    ...request,
    tokensIn: countTokens(request.question),
    tokensOut: request.isPrefill
      ? countTokens(request.item.reference)
      : (directTo(request).tokens ?? Math.max(1, countTokens(directTo(request).text))),
  });
  const promptOf = ({ request, stored }: Handled): string =>
    promptWithNotes(
      request.question,
      stored.map((each) => ({ question: each.question, answer: storedText(own(each)) })),
    );
  const answerWithNotes = (handled: Handled): UpstreamAnswer => {
    if (!upstream.readsPrompt) return directTo(own(handled.request));
    const answer = withNotes.get(promptOf(handled));
    if (answer !== undefined) return answer;
    throw new Error(`${upstream.model} was not asked about ${handled.request.id} with its notes`);
  };

  const distinct = new Map(asked.map(({ item, wording }) => [keyOf(item, wording), wording]));
  const how = Object.groupBy(distinct.values(), (wording) => wording.how);
  return {
    name,
    embedder: options.embedder ?? BUILT_IN_EMBEDDER,
    hasWords: true,
    regions,
    requests: asked.map(counted),
    prefill: prefillOf(options.prefill, regions).map(counted),
    wordings: {
      "as asked": how["as asked"]?.length ?? 0,
      paraphrase: how.paraphrase?.length ?? 0,
      frame: how.frame?.length ?? 0,
    },
    embeddingOf: ({ question }) => vectors.of(question),
    searchVectorOf: ({ question }) => vectors.of(question),
    toSearchSpace: (embedding) => embedding,
    answerVectorOf(request) {
      const vector = vectors.ofAnswer(storedText(own(request)));
      return vector.some((value) => value !== 0) ? vector : null;
    },
    isRight: (request, stored) => request.group === stored.group,
    paperQuality(handling, _right, _random, handled) {
      const request = own(handled.request);
      const answer =
        handling === "A"
          ? storedText(own(handled.stored[0]!))
          : (handling === "B" ? directTo(request) : answerWithNotes(handled)).text;
      return vectors.quality(answer, request.item.reference);
    },
    edgeDelay,
    modelSeconds(request, random) {
      const { seconds } = directTo(own(request));
      // Drawn in any case: whether somebody measured it changes nothing else about a request.
      const drawn = delaySampler(delays, random.next())(request.tokensOut).total;
      return seconds ?? drawn;
    },
    notesSeconds(_random, handled) {
      const [plain, noted] = [directTo(own(handled.request)), answerWithNotes(handled)];
      const { firstTokenP50Seconds, perTokenP50Seconds } = delays;
      const usual = firstTokenP50Seconds + handled.request.tokensOut * perTokenP50Seconds;
      // May be negative: with notes the answer may be shorter.
      return plain.seconds === null || noted.seconds === null || !upstream.readsPrompt
        ? NOTES_SHARE * usual
        : noted.seconds - plain.seconds;
    },
    async prepare(handled) {
      const prompt = promptOf(handled);
      if (!upstream.readsPrompt || withNotes.has(prompt)) return;
      withNotes.set(prompt, await upstream.answer(own(handled.request).item, prompt));
    },
    congestion: 0,
  };
}

/** Requests of this world alone are asked about. */
const own = (request: SimulatedRequest): DatasetRequest => request as DatasetRequest;

const keyOf = (item: DialogueItem, { text }: Wording): string => `${item.id}\u0000${text}`;

/** What the upstream says to every wording, without notes; `concurrency` calls at a time. */
async function directAnswers(
  asked: readonly Asked[],
  upstream: Upstream,
  concurrency: number,
): Promise<ReadonlyMap<string, UpstreamAnswer>> {
  const open = new Map(asked.map(({ item, wording }) => [keyOf(item, wording), { item, wording }]));
  const answers = new Map<string, UpstreamAnswer>();
  const left = open.entries();
  // The first error ends all: `left` is shared, so nobody begins another call.
  let failed = false;
  const work = async () => {
    for (const [key, { item, wording }] of left) {
      if (failed) return;
      try {
        answers.set(key, await upstream.answer(item, wording.text));
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return answers;
}
