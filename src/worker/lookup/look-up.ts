// The look-up: exact match beside the embedding, then the neighbours, all within one deadline. Whatever is late or
// broken is left out; the model can always answer.
import { mergeFresh } from "../../durable/candidates.ts";
import { type Candidate } from "../../policy/cache/candidate.ts";
import { type CacheControls } from "../cache-controls.ts";
import { type Hop, type Ports } from "../ports.ts";
import { type RegionDesk, type RegionLink } from "../reports.ts";
import { type Eligibility } from "./eligibility.ts";
import { type StoredAnswer, readAnswer } from "./entries.ts";
import { type Scope } from "./fingerprint.ts";
import { hedged } from "./hedge.ts";
import { neighboursOf } from "./vectors.ts";

/** An exact pointer in isolate memory is trusted this long; an answer body a little longer. */
const EXACT_MEMORY_MS = 5_000;
const ANSWER_MEMORY_MS = 60_000;

export interface LookUp {
  readonly exact: StoredAnswer | null;
  /** Unit vector, when the embedder answered in time. */
  readonly embedding: Float32Array | null;
  readonly candidates: readonly Candidate[];
  /** Whether the region's state is young enough to serve from the cache at all. */
  readonly current: boolean;
  /** Milliseconds per hop; a hop that failed has its reason in `failures`. */
  readonly hops: Readonly<Record<string, number>>;
  readonly failures: Readonly<Record<string, string>>;
  /** How often store and embedder were asked; what is late is asked for a second time, and paid for twice. */
  readonly calls: { readonly store: number; readonly embed: number };
}

export interface LookUpRequest {
  readonly eligibility: Eligibility;
  readonly controls: CacheControls;
  readonly scope: Scope;
  readonly ansId: string;
  readonly question: string;
  readonly receivedAt: number;
  readonly desk: RegionDesk;
  readonly link: RegionLink;
  /** Whether answers of this tenant have a row in the index, so that a missing row means a new question. */
  readonly hasRows: boolean;
}

export async function lookUp(request: LookUpRequest, ports: Ports): Promise<LookUp> {
  const { scope, controls, desk } = request;
  const hops: Record<string, number> = {};
  const failures: Record<string, string> = {};
  const calls = { store: 0, embed: 0 };
  const remaining = (): number =>
    Math.max(1, ports.config.deadlines.lookupMs - (ports.now() - request.receivedAt));
  const note = (name: string, hop: { ok: boolean; ms: number; reason?: string }): void => {
    hops[name] = hop.ms;
    if (!hop.ok) failures[name] = hop.reason ?? "error";
  };

  const syncing = desk.isCurrent(ports.now())
    ? Promise.resolve()
    : ports
        .bounded("region", remaining(), () => desk.sync(request.link, ports.now))
        .then((hop) => note("region", hop));

  const remembered = controls.noCache
    ? null
    : ports.isolate.answers.get(scope.tenant, request.ansId, ports.now(), EXACT_MEMORY_MS);
  if (remembered !== null) {
    await syncing;
    return {
      exact: remembered,
      embedding: null,
      candidates: [],
      current: desk.isCurrent(ports.now()),
      hops,
      failures,
      calls,
    };
  }

  const exactly = async (): Promise<StoredAnswer | null> => {
    if (controls.noCache) return null;
    const read = () => {
      calls.store++;
      return readAnswer(ports.answers, {
        tenant: scope.tenant,
        ansId: request.ansId,
        namespace: scope.namespace,
        fingerprint: scope.fingerprint,
        now: ports.now(),
      });
    };
    const hop = await ports.bounded("store", remaining(), () =>
      hedged(read, ports.config.deadlines.hedgeExactMs, ports.wait),
    );
    note("exact", hop);
    return hop.ok ? hop.value : null;
  };
  let found: StoredAnswer | null = null;
  const exact = exactly().then((answer) => {
    found = answer;
    return answer;
  });

  const semantically = async (): Promise<Neighbourhood> => {
    // The embedding is wanted even under no-cache: the new answer's row is stored with it.
    if (request.eligibility.level !== "semantic") return UNSEEN;
    const embed = () => {
      calls.embed++;
      return ports.embed([request.question]);
    };
    const embedded = await embedQuestion(
      embed,
      Math.min(ports.config.deadlines.embedMs, remaining()),
      ports,
    );
    note("embed", embedded);
    const embedding = embedded.ok ? embedded.value[0] : undefined;
    if (embedding === undefined) return UNSEEN;
    if (controls.noCache || found !== null) return { ...UNSEEN, embedding };
    const queried = await ports.bounded("vectors", remaining(), () =>
      neighboursOf(ports.index, scope, embedding, () => {
        ports.isolate.counters.foreignRows++;
      }),
    );
    note("vectors", queried);
    const candidates = mergeFresh(
      queried.ok ? queried.value : [],
      desk.fresh,
      desk.tombstones,
      scope,
      embedding,
    );
    const isNew = queried.ok && candidates.every(({ ansId }) => ansId !== request.ansId);
    return { embedding, candidates, isNew };
  };

  // A repeat does not wait for its embedding. A new question does not wait for a slow read either: had it been asked
  // before, its own row would be its nearest neighbour.
  const semantic = semantically();
  const seen = semantic.then(({ isNew }) => (isNew && request.hasRows ? null : exact));
  const first = await Promise.race([exact, seen]);
  const { embedding, candidates } = first === null ? await semantic : UNSEEN;
  await syncing;
  const current = desk.isCurrent(ports.now());
  return { exact: first, embedding, candidates, current, hops, failures, calls };
}

/** What is computed here needs no deadline, no second try, and no breaker that one odd text after another could open. */
async function embedQuestion(
  embed: () => ReturnType<Ports["embed"]>,
  ms: number,
  ports: Ports,
): Promise<Hop<readonly Float32Array[]>> {
  if (!ports.embedder.inPlace)
    return await ports.bounded("embed", ms, () =>
      hedged(embed, ports.config.deadlines.hedgeEmbedMs, ports.wait),
    );
  try {
    return { ok: true, value: await embed(), ms: 0 };
  } catch {
    return { ok: false, reason: "error", ms: 0 };
  }
}

interface Neighbourhood extends Pick<LookUp, "embedding" | "candidates"> {
  /** The index has answered, and this very question is not in it. */
  readonly isNew: boolean;
}

const UNSEEN: Neighbourhood = { embedding: null, candidates: [], isNew: false };

/** Fetches the answer of a chosen row; the row may be stale, the object decides. */
export async function answerOfRow(
  row: Candidate,
  request: Pick<LookUpRequest, "scope" | "receivedAt">,
  ports: Ports,
): Promise<StoredAnswer | null> {
  const { tenant, namespace, fingerprint } = request.scope;
  const remembered = ports.isolate.answers.get(tenant, row.ansId, ports.now(), ANSWER_MEMORY_MS);
  if (remembered !== null && remembered.fingerprint === fingerprint) return remembered;
  const left = ports.config.deadlines.lookupMs - (ports.now() - request.receivedAt);
  const hop = await ports.bounded("store", Math.max(1, left), () =>
    readAnswer(ports.answers, {
      tenant,
      ansId: row.ansId,
      namespace,
      fingerprint,
      now: ports.now(),
    }),
  );
  if (!hop.ok || hop.value === null) return null;
  ports.isolate.answers.set(hop.value, ports.now());
  return hop.value;
}
