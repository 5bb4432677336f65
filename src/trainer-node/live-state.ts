// What a trainer of running gateways goes on from, as a checkpoint's file holds it.
import { decodeFloats, decodeHalf, encodeFloats, encodeHalf } from "../policy/half.ts";
import { type NetworkConfig } from "../policy/network/layout.ts";
import { type PolicyInput } from "../policy/network/policy.ts";
import { type Checkpoint } from "./checkpoint.ts";
import { type Lesson, NO_LESSONS } from "./lessons.ts";
import { type LiveState } from "./live-rounds.ts";
import { type MappoState } from "./mappo.ts";

/** Whom a policy is for: experiences of another embedder or input teach it nothing. */
export interface Purpose {
  readonly embedder: string;
  readonly input: PolicyInput;
  readonly network: NetworkConfig;
}

export interface LiveTraining {
  readonly purpose: Purpose;
  readonly mappo: MappoState;
  readonly live: LiveState;
  /** The newest version known to be published; 0 before the first. */
  readonly published: number;
  readonly seen: ReadonlySet<string>;
}

export const NOTHING_YET: LiveState = { joining: NO_LESSONS, log: [], fresh: 0 };

/** As JSON: f as fp16, which it was rounded to, other numbers as they are. */
interface StoredLesson extends Omit<Lesson, "f" | "c" | "noise"> {
  readonly f: string;
  readonly c: string;
  readonly noise: string | null;
}

interface Rest {
  readonly kind: "live";
  readonly purpose: Purpose;
  readonly kept: number;
  readonly steps: number;
  readonly values: MappoState["values"];
  readonly live: Omit<LiveState, "log"> & { readonly log: readonly StoredLesson[] };
}

export function toCheckpoint({ purpose, mappo, live, published, seen }: LiveTraining): Checkpoint {
  const { tensors, update, version: kept, steps, values } = mappo;
  const log = live.log.map(stored);
  const rest: Rest = { kind: "live", purpose, kept, steps, values, live: { ...live, log } };
  // Plain data by its types, which interfaces do not tell the compiler.
  const plain = rest as unknown as Checkpoint["rest"];
  return { format: 1, update, version: published, tensors, seen, rest: plain };
}

/** @throws when another kind of training wrote it */
export function fromCheckpoint(checkpoint: Checkpoint): LiveTraining {
  const { tensors, update, version: published, seen } = checkpoint;
  const rest = checkpoint.rest as unknown as Rest;
  if (rest.kind !== "live")
    throw new Error(
      "its checkpoints are of a training in the simulator: take another directory, and --from its policy.velo",
    );
  const { purpose, kept: version, steps, values } = rest;
  const live = { ...rest.live, log: rest.live.log.map(restored) };
  return { purpose, mappo: { tensors, update, version, steps, values }, live, published, seen };
}

function stored(lesson: Lesson): StoredLesson {
  const { f, c, noise } = lesson;
  return {
    ...lesson,
    f: encodeHalf(f),
    c: encodeFloats(c),
    noise: noise && encodeFloats(noise),
  };
}

function restored(lesson: StoredLesson): Lesson {
  const { f, c, noise } = lesson;
  return {
    ...lesson,
    f: decodeHalf(f),
    c: decodeFloats(c),
    noise: noise === null ? null : decodeFloats(noise),
  };
}
