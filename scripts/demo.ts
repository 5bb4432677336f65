// npm run demo: the whole loop in one command. The gateway serves one half of the questions with the greedy rule it ships
// with, a policy is trained in the simulator and from that traffic, passes the gate, is published and takes over request by
// request, and both serve the other half. --help lists the options.
import { WorkloadDataError } from "../src/trainer-node/simulator/groups.ts";
import { type Stream } from "./replay/stream.ts";
import { figuresOverHttp } from "./demo/figures.ts";
import { describeReplay, replayOverHttp } from "./demo/http-replay.ts";
import { demoOptions, type DemoOptions } from "./demo/options.ts";
import { Screen } from "./demo/screen.ts";
import { Curtain, setStage } from "./demo/stage.ts";
import { figureTable } from "./demo/tables.ts";

/** Probability with which an answer of the calibration half is judged. */
const LABEL_SHARE = 0.2;

async function demo(options: DemoOptions, curtain: Curtain): Promise<void> {
  const screen = new Screen(options.json);
  const { seed } = options;

  const stage = await screen.act("Start the gateway and a model server", async () => {
    const stage = await setStage(options, curtain);
    screen.say(`gateway ${stage.stack.url}`);
    return stage;
  });
  const { stack } = stage;
  const replay = (stream: Stream, partition: string, labelShare: number) =>
    replayOverHttp({ stack, stream, seed, partition, labelShare });

  await screen.act("Serve the calibration half, and label a sample", async () => {
    screen.say(describeReplay(await replay(stage.calibration, "calibration", LABEL_SHARE)));
  });

  const heldOut = await screen.act("Serve the held-out half", async () => {
    // Nothing that is served from here on is learnt from.
    await stage.setKillSwitches({ pinnedPolicy: 0, learnOff: true });
    const before = await replay(stage.heldOut, "before", 0);
    screen.say(describeReplay(before));
    await stage.setKillSwitches({ pinnedPolicy: null });
    return { before };
  });

  const columns = [{ title: "before", figures: figuresOverHttp(heldOut.before, seed) }];
  screen.say(figureTable(columns));
}

const options = demoOptions();
const curtain = new Curtain();
try {
  await demo(options, curtain);
} catch (error) {
  if (!(error instanceof WorkloadDataError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
} finally {
  await curtain.fall();
}
