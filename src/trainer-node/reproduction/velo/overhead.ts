// What VELO costs beside the models (DLRS section V): time of a decision and of a training step, memory, bytes over the wire.
// Decisions inside workerd, whose clocks stand still while it computes: `npm run bench -- decision`.
import { PAPER_TRAINING } from "../../config.ts";
import { type DecisionTimes, decisionTimes } from "./decision-times.ts";
import { networkOf } from "./learned.ts";
import { smallWorld } from "./small-world.ts";
import { type StepTimes, stepTimes } from "./step-times.ts";
import { type Transfer, transfer } from "./transfer.ts";

export interface OverheadOptions {
  /** A few of everything, in seconds: tells the order of magnitude. */
  readonly quick: boolean;
  readonly seed: number;
  readonly onProgress?: (line: string) => void;
}

export interface OverheadResult {
  readonly decisions: readonly DecisionTimes[];
  readonly steps: readonly StepTimes[];
  readonly memory: {
    /** Bytes in memory at most until now, of the whole process: Node, ONNX Runtime, the simulated world. */
    readonly peakBytes: number;
    /** The same before anything was measured. */
    readonly startBytes: number;
  };
  readonly transfer: Transfer;
}

/** As published. */
const NETWORKS = {
  LRS: networkOf("LRS", "paper"),
  "DLRS-V10": networkOf("DLRS-V10", "paper"),
  "DLRS-L10": networkOf("DLRS-L10", "paper"),
};
/** The reproduction's and the trainer's own. */
const MINIBATCHES = [60, PAPER_TRAINING.minibatchSize];
/** The simulated world's: three servers with a request every ten seconds each. */
const TRAFFIC = {
  servers: 3,
  slotSeconds: 10,
  samplesPerAgent: PAPER_TRAINING.samplesPerAgent,
};

export async function measureOverhead({
  quick,
  seed,
  onProgress = () => undefined,
}: OverheadOptions): Promise<OverheadResult> {
  const startBytes = peakBytes();
  // An update's round has 300 requests of each server; a minibatch must be filled in any case.
  const world = await smallWorld(quick ? 80 : PAPER_TRAINING.samplesPerAgent, seed);
  const { pendings, experiences, outcomes } = world;
  onProgress(`${pendings.length} requests lived through`);
  const decisions = await decisionTimes({
    networks: NETWORKS,
    pendings,
    seed,
    decisions: quick ? 20 : 400,
  });
  onProgress("decisions timed");
  const steps = await stepTimes({
    networks: NETWORKS,
    minibatchSizes: MINIBATCHES,
    threads: 1,
    world,
    seed,
    steps: quick ? 3 : 40,
  });
  onProgress("training steps timed");
  const network = NETWORKS["DLRS-L10"];
  const sizes = await transfer({ network, experiences, outcomes, seed, ...TRAFFIC });
  return {
    decisions,
    steps,
    memory: { peakBytes: peakBytes(), startBytes },
    transfer: sizes,
  };
}

/** Linux and macOS alike: Node gives kilobytes. */
const peakBytes = (): number => 1024 * process.resourceUsage().maxRSS;
