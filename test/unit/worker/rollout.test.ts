// Five bad policies, signed and published as they should be, against simulated users of the whole gateway: how many
// requests they decide and how long it takes until they are taken out. The region's stages and limits are production's.
import { beforeAll, expect, it } from "vitest";
import {
  NO_ROLLOUT,
  type RolloutState,
  countBatch,
  nominate,
  servingOf,
} from "../../../src/durable/rollout.ts";
import { ROLLOUT_SETTINGS } from "../../../src/durable/rollout-settings.ts";
import { equalBytes } from "../../../src/policy/network/bytes.ts";
import { Forward, type ForwardOutput } from "../../../src/policy/network/forward.ts";
import { greedyPolicy } from "../../../src/policy/network/greedy.ts";
import { type NetworkConfig, type Weights } from "../../../src/policy/network/layout.ts";
import { EMBEDDING_SIZE } from "../../../src/policy/network/policy.ts";
import { Random } from "../../../src/policy/random.ts";
import { publish } from "../../../src/trainer-node/publish.ts";
import { type Isolate } from "../../../src/worker/isolate.ts";
import { type Accelerator, PublishedPolicy } from "../../../src/worker/published-policy.ts";
import {
  type TestSigner,
  seededWeights,
  testRelease,
  testSigner,
} from "../../support/golden-policy.ts";
import { always, alwaysNotes, inverted, near } from "../../support/handmade-policies.ts";
import { memoryBucket } from "../../support/memory-bucket.ts";
import { World, keyOf } from "../../support/world.ts";

const SEED = Number(process.env["SEED"] ?? 20_261_121);
const PER_SECOND = 200;
const TICK_MS = 50;
const USERS = 5_000;
const KNOWN = 40;
const WARM_UP_S = 2;
const AFTER_S = 4;
const MAX_TRIAL_S = 60;
/** A minute and more with VELO_TRIAL_SECONDS. */
const GOOD_TRIAL_S = Number(process.env["VELO_TRIAL_SECONDS"] ?? 8);
console.log(`rollout of bad policies: seed ${SEED}, ${PER_SECOND} requests/s, ${USERS} users`);

let signer: TestSigner;
beforeAll(async () => {
  signer = await testSigner("key-a");
});

interface Published {
  readonly config: NetworkConfig;
  readonly weights: Weights;
  /** What an inference takes, milliseconds of the world's time. */
  readonly inferenceMs?: number;
}

/** A region and two isolates on version 1, which is good, with signed files behind them and traffic in front. */
class Stage {
  readonly world = new World({
    onReport: ({ outcomes, labels }) => this.#count({ outcomes, labels }),
  });
  rollout: RolloutState = { ...NO_ROLLOUT, stable: 1, newest: 1 };
  requests = 0;
  /** Moments at which the candidate decided. */
  readonly exposed: number[] = [];
  readonly results = new Map<string, number>();
  readonly #random = new Random(SEED);
  readonly #isolates: Isolate[];
  readonly #policies = new Map<Isolate, PublishedPolicy>();

  constructor(
    versions: readonly { readonly model: Uint8Array; readonly policy: Published }[],
    bucket: ReturnType<typeof memoryBucket>,
  ) {
    const { world } = this;
    world.model.script = () => ({
      text: "An answer.",
      firstByteMs: TICK_MS * Math.floor(12 + 16 * this.#random.uniform()),
    });
    world.draws = () => this.#random.uniform();
    this.#isolates = [world.isolate, new world.source.Isolate()];
    for (const isolate of this.#isolates)
      this.#policies.set(
        isolate,
        new PublishedPolicy({
          read: (key) => bucket.read(key),
          now: world.clock.now,
          random: () => 0.5,
          subtle: crypto.subtle,
          keys: [signer.publicKey],
          baseline: greedyPolicy(0.95),
          embedder: "test/embedder",
          accelerator: runtimeOf(world, versions),
        }),
      );
    world.policies = (isolate) => {
      const published = this.#policies.get(isolate)!;
      return {
        policy: (wanted) => published.firstOf(wanted),
        refreshPolicies: (serving) =>
          published.refresh(serving?.stable ?? null, serving?.candidate),
      };
    };
    world.region("us", "acme");
    this.#serve();
  }

  nominate(version: number): void {
    this.rollout = nominate(this.rollout, version, this.world.clock.now(), ROLLOUT_SETTINGS);
    this.#serve();
  }

  /** Everybody's first questions, so that there is something to serve. */
  async fill(): Promise<void> {
    for (let i = 0; i < KNOWN; i++) {
      this.world.alike(rephrased(i), question(i), 0.97);
      // Near, and another question: the guards see the number.
      this.world.alike(changed(i), question(i), 0.96);
      await this.world.ask(question(i), { key: keyOf("acme", SETTINGS) });
    }
    await this.world.settleAll();
    for (const isolate of this.#isolates) await this.world.ask(rephrased(0), { isolate });
    for (const policies of this.#policies.values()) await policies.refresh(1);
  }

  async play(seconds: number, until: () => boolean = () => false): Promise<void> {
    const { world } = this;
    for (let tick = 0; tick < (1_000 * seconds) / TICK_MS && !until(); tick++) {
      for (let i = 0; i < (PER_SECOND * TICK_MS) / 1_000; i++) void this.#ask();
      await world.clock.advance(TICK_MS);
    }
  }

  async #ask(): Promise<void> {
    const random = this.#random;
    const at = this.world.clock.now();
    const i = Math.floor(KNOWN * random.uniform());
    const kind = random.uniform();
    const text =
      kind < 0.5 ? rephrased(i) : kind < 0.6 ? question(i) : kind < 0.65 ? changed(i) : stranger(i);
    const reply = await this.world.begin(text, {
      key: keyOf("acme", SETTINGS),
      isolate: this.#isolates[Math.floor(2 * random.uniform())]!,
      body: { user: `user-${Math.floor(USERS * random.uniform())}` },
      // What was asked in other words is not kept, so that it stays a question in other words.
      headers: kind < 0.5 || kind >= 0.6 ? { "cache-control": "no-store" } : {},
    });
    this.requests++;
    this.results.set(reply.result, (this.results.get(reply.result) ?? 0) + 1);
    if (reply.headers.get("x-velo-policy")?.endsWith("@2")) this.exposed.push(at);
  }

  #seq = 0;
  #count(report: Parameters<typeof countBatch>[1]["report"]): void {
    const batch = { seq: ++this.#seq, receivedAt: this.world.clock.now(), report };
    this.rollout = countBatch(this.rollout, batch, ROLLOUT_SETTINGS);
    this.#serve();
  }

  #serve(): void {
    this.world.region("us", "acme").policy = servingOf(this.rollout, ROLLOUT_SETTINGS);
  }
}

const SETTINGS = { augment: true };
const PLACES = ["Austria", "Belgium", "Chile", "Denmark", "Egypt", "Finland", "Ghana", "Hungary"];
const THINGS = [
  "the capital of",
  "the currency of",
  "the anthem of",
  "the flag of",
  "the climate of",
];
const topic = (i: number): string => `${THINGS[i % 5]!} ${PLACES[Math.floor(i / 5)]!}`;
const question = (i: number): string => `What is ${topic(i)}?`;
const rephrased = (i: number): string => `Tell me ${topic(i)}`;
const changed = (i: number): string => `What is ${topic(i)} in ${1900 + i}?`;
const stranger = (i: number): string => `Where do I find a recipe with ${i + 2} eggs?`;

/**
 * Computes what the file says. Hand-made networks read the nearest distance alone, so an output is computed once. The
 * world's embeddings are short: zeros make them as long as the network's.
 */
const runtimeOf = (
  world: World,
  versions: readonly { readonly model: Uint8Array; readonly policy: Published }[],
): Accelerator => ({
  up: true,
  createSession: (model) => {
    const { policy } = versions.find((version) => equalBytes(version.model, model))!;
    const forward = new Forward(policy.config, policy.weights);
    const known = new Map<string, Pick<ForwardOutput, "logits">>();
    return Promise.resolve({
      run: async ({ f, c, omega }, noise) => {
        const { inferenceMs = 1 } = policy;
        await world.clock.wait(inferenceMs);
        const key = policy === random ? "" : `${c[0]} ${noise.join()}`;
        const padded = new Float32Array(EMBEDDING_SIZE);
        padded.set(f);
        const output = known.get(key) ?? forward.run(padded, c, omega, noise);
        if (key !== "") known.set(key, output);
        return output;
      },
      release: () => Promise.resolve(),
    });
  },
});

async function stageWith(candidate: Published): Promise<Stage> {
  const bucket = memoryBucket();
  const versions: { model: Uint8Array; policy: Published }[] = [];
  for (const [i, policy] of [near, candidate].entries()) {
    const { config, weights } = policy;
    const version = i + 1;
    const release = await testRelease(signer, { version, config, weights, name: `v${version}` });
    expect(await publish(release, bucket)).toBe("published");
    versions.push({ model: release.model, policy });
  }
  const stage = new Stage(versions, bucket);
  await stage.fill();
  await stage.play(WARM_UP_S);
  return stage;
}

const withBias = (weights: Weights, name: string): Weights =>
  new Map(weights).set(
    name,
    weights.get(name)!.map(() => 0.5),
  );
const random: Published = { config: near.config, weights: seededWeights(4) };
const BAD: readonly (readonly [string, Published])[] = [
  ["always serves", always],
  ["always gives notes", alwaysNotes],
  ["was never trained", random],
  ["does the opposite", inverted],
  // The weights that differ from the stable policy's have no effect; they make it another file.
  ["is slow", { ...near, weights: withBias(near.weights, "fc4.b"), inferenceMs: 60 }],
];

it.for(BAD)(
  "a policy that %s is taken out within a minute, after at most 1 % of the requests",
  { timeout: 300_000 },
  async ([name, candidate]) => {
    const stage = await stageWith(candidate);
    expect(stage.exposed).toEqual([]);
    stage.nominate(2);
    await stage.play(MAX_TRIAL_S + 5, () => stage.rollout.candidate === null);
    const rolledBack = stage.rollout.lastEvent!;
    const first = Math.min(...stage.exposed);
    const seconds = (stage.world.clock.now() - first) / 1_000;
    // What was under way when the reply came still ends with the candidate.
    await stage.play(2);
    const decisions = stage.exposed.length;
    const last = Math.max(...stage.exposed);
    const hitsBefore = stage.results.get("HIT-SEMANTIC")!;
    const requestsBefore = stage.requests;
    stage.nominate(2);
    await stage.play(AFTER_S);
    const share = stage.exposed.length / stage.requests;
    console.log(
      `${name}: ${rolledBack.reason} (${rolledBack.detail}) ${seconds.toFixed(1)} s after its first request; ` +
        `it decided ${decisions} of ${stage.requests} requests, ${(100 * share).toFixed(2)} %`,
    );
    expect(rolledBack).toMatchObject({ kind: "rolled-back", version: 2 });
    expect(seconds).toBeLessThanOrEqual(60);
    expect(share).toBeLessThanOrEqual(0.01);
    // The last decision fell before the isolates heard of it, and none since: nothing comes back.
    expect(stage.exposed.length).toBe(decisions);
    expect(last - rolledBack.at).toBeLessThanOrEqual(1_000);
    expect(stage.rollout).toMatchObject({ stable: 1, candidate: null, newest: 2 });
    expect(stage.rollout.rolledBack.map(({ version }) => version)).toEqual([2]);
    // Version 1 serves: a half of the requests are rephrasings, and it proposes the cache for nearly all of them.
    const hits = stage.results.get("HIT-SEMANTIC")! - hitsBefore;
    expect(hits / (stage.requests - requestsBefore)).toBeGreaterThan(0.4);
  },
);

it("a policy as good as the stable one goes on being tried", async () => {
  const stage = await stageWith({ ...near, weights: withBias(near.weights, "fc4.b") });
  stage.nominate(2);
  await stage.play(GOOD_TRIAL_S);
  console.log(
    `as good for ${GOOD_TRIAL_S} s: decided ${stage.exposed.length} of ${stage.requests} requests`,
  );
  expect(stage.rollout).toMatchObject({ stable: 1, candidate: 2, rolledBack: [] });
  // About 1.8 decisions a second.
  expect(stage.exposed.length).toBeGreaterThan(GOOD_TRIAL_S);
}, 300_000);
