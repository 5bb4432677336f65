// Random traffic of many tenants through one gateway, every answer marked with whom it was made for. What comes back is
// compared with who asked. The same run drives the gateway as it is and copies of it with one check taken out.
import { createHmac } from "node:crypto";
import { type Report } from "../../src/durable/report.ts";
import { type VerifiedKey } from "../../src/durable/tenant.ts";
import { Random } from "../../src/policy/random.ts";
import { lengthPrefixed } from "../../src/worker/lookup/digest.ts";
import { type Isolate } from "../../src/worker/isolate.ts";
import { type Reply } from "./reply.ts";
import { type Source, World, keyOf } from "./world.ts";

/** Parts of the world that are broken, so that a check behind them is the last one. */
export interface Hostile {
  /** The index returns every tenant's rows, whatever namespace is asked for. */
  readonly index?: boolean;
  /** Answer ids of equal questions are equal for all tenants and users. */
  readonly ids?: boolean;
  /** The store returns any tenant's object of that id. */
  readonly store?: boolean;
}

export interface IsolationRun {
  readonly source?: Source;
  readonly seed: number;
  readonly operations: number;
  readonly hostile?: Hostile;
}

export interface IsolationOutcome {
  /** What must never happen, in words; the run stops after some twenty. */
  readonly violations: readonly string[];
  /** Rows of others that the index returned and the gateway dropped. */
  readonly foreignRows: number;
  /** Answers by their header, to show that the run reached the cache at all. */
  readonly results: Readonly<Record<string, number>>;
  readonly cancelled: number;
  readonly modelCalls: number;
}

/** Whom an answer was made for; it is the answer's text. */
interface Owner {
  readonly tenant: string;
  readonly user: string;
  readonly namespace: string;
  readonly region: string;
  readonly system: string;
}

/** Ids that look alike to a careless concatenation, comparison or index. */
const LONG = "t".repeat(59);
const TENANTS: readonly VerifiedKey[] = (
  [
    ["a|bc", {}],
    ["ab|c", { userScope: true }],
    ["a", {}],
    ["A", { domain: "shared" }],
    ["a/b", { userScope: true, domain: "shared" }],
    ["a:b", {}],
    ["us", {}],
    ["region:us", {}],
    [`${LONG}1`, {}],
    [`${LONG}2`, { finishForCache: true }],
  ] as const
)
  // Short lives, so that answers are made anew all the time.
  .map(([id, settings]) => keyOf(id, { maxTtlSeconds: 40, ...settings }));
/** Two users and two namespaces that read the same once they are written side by side. */
const USERS = ["u", "u|v", "", "U"] as const;
const NAMESPACES = ["", "", "v|w", "w", "user:u"] as const;
const SYSTEMS = ["", "Be brief."] as const;
const REGIONS = ["us", "us", "eu"] as const;
/** Same vector, different words: every one of them is a candidate for every other. */
const PROMPTS = [
  "What is the capital of France?",
  "Tell me the capital of France",
  "What is the capital of France",
  "Explain how photosynthesis works",
  "Please explain how photosynthesis works",
] as const;
const MODEL_MS = [0, 10, 40] as const;

export async function runIsolation(run: IsolationRun): Promise<IsolationOutcome> {
  // Every deadline that is met aborts its timer with an error whose stack nobody reads.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return await traffic(run);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

async function traffic(run: IsolationRun): Promise<IsolationOutcome> {
  const random = new Random(run.seed);
  const pick = <T>(items: readonly T[]): T => items[random.next() % items.length]!;
  const violations: string[] = [];
  const results: Record<string, number> = {};
  let cancelled = 0;
  let modelCalls = 0;
  const violation = (what: string) => {
    if (violations.length < 20) violations.push(what);
  };

  const rowOwners = new Map<string, string>();
  const check = (report: Report) => {
    for (const { id, tenant } of report.inserts) rowOwners.set(id, tenant);
    for (const { tenant, body } of report.receipts)
      for (const { id } of body["neighbours"] as readonly { readonly id: string }[])
        if (rowOwners.get(id) !== tenant)
          violation(`a receipt of ${tenant} shows a row of ${rowOwners.get(id)}`);
  };
  const world = new World({
    dimensions: 8,
    onReport: check,
    ...(run.source && { source: run.source }),
  });
  // Equal steps, so that the waits of overlapping requests end together.
  Object.assign(world.delays, { embed: 5, vectors: 5, store: 5, region: 5 });
  for (const prompt of PROMPTS)
    world.alike(prompt, prompt.includes("France") ? "geography" : "biology", 1);
  world.model.script = (call) => {
    const pieces = [call.headers.get("x-owner")!, "#", String(modelCalls++)];
    return {
      text: pieces.join(""),
      pieces,
      firstByteMs: pick(MODEL_MS),
      pieceMs: pick([0, 5, 15]),
    };
  };
  makeHostile(world, run.hostile ?? {});

  const isolates: Isolate[] = [world.isolate, new world.source.Isolate()];
  const counters = () =>
    isolates.reduce((sum, { counters: { foreignRows } }) => sum + foreignRows, 0);
  let foreignBefore = 0;
  const running = new Set<Promise<void>>();
  const cancels: (() => void)[] = [];

  const verify = (reply: Reply, key: VerifiedKey, owner: Owner) => {
    results[reply.result] = (results[reply.result] ?? 0) + 1;
    if (reply.status !== 200)
      return violation(`status ${reply.status}: ${reply.body.slice(0, 200)}`);
    // A follower's stream ends early when its leader leaves: then there may be no text at all.
    if (reply.text === "") return;
    const made = /^\{[^}]*\}/.exec(reply.text)?.[0];
    if (made === undefined) return violation(`no answer of the model: ${reply.text}`);
    const { settings } = key.tenant;
    const of = JSON.parse(made) as Owner;
    const own =
      of.tenant === owner.tenant &&
      ((run.hostile?.ids ?? false) ||
        ((!settings.userScope || of.user === owner.user) &&
          of.namespace === owner.namespace &&
          of.system === owner.system &&
          (settings.domain === "shared" || of.region === owner.region)));
    if (!own) violation(`${reply.result}: ${JSON.stringify(owner)} got the answer of ${made}`);
  };

  const begin = () => {
    const key = pick(TENANTS);
    const system = pick(SYSTEMS);
    const owner: Owner = {
      tenant: key.tenant.id,
      user: pick(USERS),
      namespace: pick(NAMESPACES),
      region: pick(REGIONS),
      system,
    };
    const prompt = pick(PROMPTS);
    const connection = new AbortController();
    const headers = {
      "x-owner": JSON.stringify(owner),
      ...(owner.namespace !== "" && { "x-velo-cache": `namespace=${owner.namespace}` }),
      ...(random.uniform() < 0.05 && { "cache-control": "no-cache" }),
    };
    const messages = [
      ...(system === "" ? [] : [{ role: "system", content: system }]),
      { role: "user", content: prompt },
    ];
    let isCancelled = false;
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
    cancels.push(() => {
      isCancelled = true;
      cancelled++;
      connection.abort(new Error("the client left"));
      reader?.cancel().catch(() => {});
    });
    if (cancels.length > 30) cancels.shift();
    const task = (async () => {
      const stream = random.uniform() < 0.5;
      const reply = await world.begin(prompt, {
        key,
        headers,
        region: owner.region,
        isolate: pick(isolates),
        signal: connection.signal,
        body: { messages, user: owner.user, stream },
        onReader: (opened) => {
          reader = opened;
          if (isCancelled) opened.cancel().catch(() => {});
        },
      });
      if (!isCancelled) verify(reply, key, owner);
    })();
    running.add(task);
    void task.finally(() => running.delete(task));
  };

  const others: (() => void | Promise<void>)[] = [
    () => void (cancels.length > 0 && cancels.splice(random.next() % cancels.length, 1)[0]!()),
    // Eviction: the object goes, the index still shows its row.
    () => void world.store.delete(pick([...world.store.keys(), ""])),
    () => world.region(pick(REGIONS), "a").remove(pick([...world.index.rows.keys(), ""])),
    () => void world.index.rows.delete(pick([...world.index.rows.keys(), ""])),
    () => void world.region(pick(REGIONS), "a").epoch++,
    () => void (world.indexLagMs = pick([0, 20, 500, 20_000])),
    () => {
      if (random.uniform() < 0.2) {
        const i = random.next() % isolates.length;
        foreignBefore += isolates[i]!.counters.foreignRows;
        isolates[i] = new world.source.Isolate();
      }
    },
  ];
  /** What the world remembers for other tests would fill the memory in this one. */
  const forget = async () => {
    await world.settleAll();
    for (const region of world.regions.values()) region.received.length = 0;
    for (const list of [world.model.calls, world.embedded, world.refreshed]) list.length = 0;
  };
  let ops = 0;
  // A gateway that leaks has shown enough.
  const isOver = () =>
    violations.length >= 20 ||
    world.index.takeovers + world.storeTakeovers >= 20 ||
    (run.hostile?.index !== true && counters() > 0);
  while (ops++ < run.operations && !isOver()) {
    const draw = random.uniform();
    if (draw < 0.65) begin();
    else if (draw < 0.85) await world.clock.advance(5 * (1 + (random.next() % 12)));
    else if (draw < 0.852) await world.clock.advance(7_000);
    else await pick(others)();
    if (running.size > 60) await world.clock.advance(50);
    if (ops % 1_000 === 0) await forget();
  }
  await world.clock.run(Promise.all(running));
  await forget();
  const foreignRows = foreignBefore + counters();
  const { takeovers } = world.index;
  if (takeovers > 0) violations.push(`${takeovers} rows were overwritten by another tenant`);
  if (world.storeTakeovers > 0)
    violations.push(`${world.storeTakeovers} answers were overwritten by another tenant`);
  if (run.hostile?.index !== true && foreignRows > 0)
    violations.push(`the index returned ${foreignRows} foreign rows`);
  return { violations, foreignRows, results, cancelled, modelCalls };
}

function makeHostile(world: World, { index, ids, store }: Hostile): void {
  if (index) world.index.ignoresNamespaces = true;
  if (ids) {
    const honest = world.hmac;
    world.hmac = (parts) =>
      parts[0] === "answer"
        ? Promise.resolve(
            createHmac("sha256", "weak")
              .update(lengthPrefixed(parts.slice(3)))
              .digest(),
          )
        : honest(parts);
  }
  if (store) {
    world.find = (key) => {
      const id = key.slice(key.lastIndexOf("/"));
      const keys = [...world.store.keys()].filter((candidate) => candidate.endsWith(id));
      const found = keys.find((candidate) => candidate !== key) ?? keys[0];
      return found === undefined ? null : world.store.get(found)!;
    };
  }
}
