// Rounds of experiences from running gateways: leased packs become lessons, lessons become a round when every region that
// has any gave enough, or when there was time enough and half as many came. What was pulled is in a checkpoint within a
// minute, whether it was learnt from yet or not, so that no pack is kept from its region for long.
import { type TrainerPack } from "../durable/leases.ts";
import { meanOf } from "./intervals.ts";
import { type Lesson, type LessonSettings, type LessonState, lessonsFrom } from "./lessons.ts";
import { type RoundFigures } from "./metrics.ts";
import { type Puller } from "./pull.ts";
import { type RolloutBuffer } from "./rollout-buffer.ts";
import { type ServedActor } from "./served-actor.ts";
import { capTenants } from "./tenant-cap.ts";
import { type ExperienceSource } from "./train.ts";

/** What must survive a restart beside the weights. */
export interface LiveState {
  /** Decisions that wait for an outcome or a label. */
  readonly joining: LessonState;
  /** The newest lessons in the order in which they came: what the gate judges by. */
  readonly log: readonly Lesson[];
  /** So many at the end of `log` were not learnt from yet. */
  readonly fresh: number;
}

export interface LiveRoundsOptions {
  readonly puller: Pick<Puller, "next" | "save">;
  readonly state: LiveState;
  /** Without the time. Asked at every pull: the newest published version changes. */
  readonly settings: () => Omit<LessonSettings, "now">;
  /** l_min_m: lessons of every active region before an update; and in all, so that a minibatch is filled. */
  readonly perRegion: number;
  readonly atLeast: number;
  /** Then half as many lessons will do; 0: at once. */
  readonly waitMs: number;
  /** One look at the regions; when there is too little the source ends. */
  readonly once?: boolean;
  /** Puts the trainer's state and these ids into one file; also between updates. */
  readonly write: (seen: ReadonlySet<string>) => Promise<void>;
  /** Ends the wait. */
  readonly signal: AbortSignal;
  /** Resolves early when `signal` says stop. */
  readonly sleep: (ms: number) => Promise<void>;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** Lessons that the gate looks back on, some 2.5 kB each in every checkpoint. */
const LOG_SIZE = 10_000;
const POLL_MS = 20_000;
/** What was pulled is acknowledged so much later at the latest; a lease is kept by heartbeats meanwhile. */
const SAVE_MS = 60_000;

export class LiveRounds implements ExperienceSource {
  readonly demonstrations = [];
  readonly #options: Required<LiveRoundsOptions>;
  #joining: LessonState;
  #log: readonly Lesson[];
  #fresh: number;
  /** Something was pulled that no checkpoint holds. */
  #unsaved = false;
  #savedAt: number;
  #omitted = new Map<string, number>();

  constructor(options: LiveRoundsOptions) {
    this.#options = { once: false, now: Date.now, ...options };
    ({ joining: this.#joining, log: this.#log, fresh: this.#fresh } = options.state);
    this.#savedAt = this.#options.now();
  }

  get state(): LiveState {
    return { joining: this.#joining, log: this.#log, fresh: this.#fresh };
  }

  /** What could not be learnt from since the last call, by reason. */
  takeOmitted(): Readonly<Record<string, number>> {
    const omitted = Object.fromEntries(this.#omitted);
    this.#omitted = new Map();
    return omitted;
  }

  /** null: stopped, or one look brought too little; what it brought is saved. */
  async collect(_: ServedActor, buffer: RolloutBuffer): Promise<RoundFigures | null> {
    const { waitMs, once, signal, sleep, now, write } = this.#options;
    const began = now();
    for (;;) {
      await this.#pull();
      const round = this.#round(now() - began >= waitMs);
      if (round !== null && !signal.aborted) {
        for (const lesson of round) buffer.add(lesson);
        this.#fresh = 0;
        return lessonFigures(round);
      }
      const isEnd = once || signal.aborted;
      if (this.#unsaved && (isEnd || now() - this.#savedAt >= SAVE_MS)) await this.save(write);
      if (isEnd) return null;
      await sleep(Math.min(POLL_MS, Math.max(1, waitMs)));
    }
  }

  async save(write: (seen: ReadonlySet<string>) => Promise<void>): Promise<void> {
    await this.#options.puller.save(write);
    this.#unsaved = false;
    this.#savedAt = this.#options.now();
  }

  /** Everything that the regions have, up to what the log holds. */
  async #pull(): Promise<void> {
    const { puller, settings, now, signal } = this.#options;
    const packs: TrainerPack[] = [];
    let experiences = 0;
    while (experiences < LOG_SIZE && !signal.aborted) {
      const batch = await puller.next();
      if (batch === null) break;
      experiences += batch.experiences.length;
      packs.push({ packId: "", ...batch });
    }
    this.#unsaved ||= packs.length > 0;
    // Also without any pack: somebody may have waited long enough.
    const made = lessonsFrom(packs, this.#joining, { ...settings(), now: now() });
    this.#joining = made.state;
    this.#log = [...this.#log, ...made.lessons].slice(-LOG_SIZE);
    this.#fresh = Math.min(LOG_SIZE, this.#fresh + made.lessons.length);
    for (const [why, count] of Object.entries(made.omitted))
      this.#omitted.set(why, (this.#omitted.get(why) ?? 0) + count);
  }

  /** Everything new, or null when it is too little. Whoever sends most has no more than his share of it. */
  #round(isWaitOver: boolean): readonly Lesson[] | null {
    const { perRegion, atLeast } = this.#options;
    const lessons = capTenants(this.#log.slice(this.#log.length - this.#fresh));
    const counts = new Map<string, number>();
    for (const { experience } of this.#joining.waiting) counts.set(experience.region, 0);
    for (const { region } of lessons) counts.set(region, (counts.get(region) ?? 0) + 1);
    const isEnough =
      [...counts.values()].every((count) => count >= perRegion) ||
      (isWaitOver && lessons.length >= (counts.size * perRegion) / 2);
    return isEnough && lessons.length >= atLeast ? lessons : null;
  }
}

/** What the experiences of a round tell about the policies that made them. */
export function lessonFigures(round: readonly Lesson[]): RoundFigures {
  const served = round.filter(({ handling }) => handling === "A");
  return {
    requests: round.length,
    utility: meanOf(round.map(({ reward }) => reward)),
    served: served.length / round.length,
    wrong: served.filter(({ label }) => label?.correct === 0).length / round.length,
    cacheAction: round.filter(({ action }) => action > 0).length / round.length,
    delay: meanOf(round.map(({ delaySeconds }) => delaySeconds)),
  };
}
