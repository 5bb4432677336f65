// npm run demo: the whole loop in one command. The gateway serves one half of the questions with the greedy rule that it
// ships with; a policy learns in the simulator and from that traffic, passes the gate, is published and takes over; then
// both serve the other half. The trainer runs in this process, the gateway in workerd. --help lists the options.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { WorkloadDataError } from "../src/trainer-node/simulator/groups.ts";
import { DEFAULT_DELAYS, describeDelays } from "./local/delays.ts";
import { tryOnUsers } from "./demo/canary.ts";
import { compare } from "./demo/comparison.ts";
import { edgesOf } from "./demo/edges.ts";
import { pullExperiences } from "./demo/experiences.ts";
import { describeReplay, replayOverHttp, SCALE } from "./demo/http-replay.ts";
import { scoreOverHttp } from "./demo/http-score.ts";
import {
  describeImitation,
  describeUpdates,
  learnFromLog,
  learnInSimulator,
  openLearner,
} from "./demo/learning.ts";
import { demoOptions, type DemoOptions } from "./demo/options.ts";
import { passGate, publishPolicy } from "./demo/release.ts";
import { Screen } from "./demo/screen.ts";
import { Curtain, setStage } from "./demo/stage.ts";
import { scoreTable } from "./demo/tables.ts";
import { describeDifference, describeTarget, targetsOf } from "./demo/targets.ts";
import { currentCommit } from "./replay/progress.ts";
import { type Stream } from "./replay/stream.ts";

/** Probability with which an answer of the calibration half is judged. */
const LABEL_SHARE = 0.5;

async function demo(options: DemoOptions, curtain: Curtain): Promise<object> {
  const { seed } = options;
  const screen = new Screen(options.json);
  const { say } = screen;
  say(
    `${options.requests} requests a half from ${options.data ?? "data/workload"}, seed ${seed}, commit ${currentCommit()}`,
  );

  const stage = await screen.act("The gateway, a model server and the trainer start", async () => {
    const set = await setStage(options, curtain);
    say(`gateway ${set.stack.url} in workerd, trainer in this process`);
    say(describeDelays(DEFAULT_DELAYS, SCALE));
    say(`answers of fewer than ${options.answerTokens} tokens take as long as ones of so many`);
    return set;
  });
  const { stack } = stage;
  const edges = edgesOf(stack.gateway);
  const replay = (stream: Stream, partition: string, labelShare = 0) =>
    replayOverHttp({ stack, stream, seed, partition, labelShare });

  const served = await screen.act("The shipped rule serves the calibration half", async () => {
    const result = await replay(stage.calibration, "calibration", LABEL_SHARE);
    say(describeReplay(result));
    await stage.flush();
    await stage.endExploration();
    return result;
  });

  const learnt = await screen.act("A policy learns", async () => {
    const learner = await openLearner(stage, seed, options.rounds);
    say(`computing on ${learner.backend.reason}`);
    say(describeImitation(learner));
    const before = await learner.score();
    const simulated = await learnInSimulator(learner);
    const between = await learner.score();
    say(`in the simulator: ${describeUpdates(simulated)}`);
    say(`reward on the calibration half ${reward(before)} -> ${reward(between)}`);
    const pulled = await pullExperiences(edges, served);
    const logged = await learnFromLog(learner, pulled, served);
    const after = await learner.score();
    const { experiences, acked } = pulled.counts;
    say(
      `from the gateway's log: ${experiences} experiences, ${pulled.lessons.length} lessons, ` +
        `${acked} packs acknowledged, ${describeUpdates(logged)}`,
    );
    say(`reward on the calibration half ${reward(between)} -> ${reward(after)}`);
    const { weights, update } = learner.best.kept;
    say(`kept: the weights of update ${update}, the best on unseen questions`);
    await learner.mappo.close();
    return { weights, update, pulled, simulated, logged };
  });

  const { weights, update } = learnt;
  const release = await screen.act(
    "The policy is judged, published and tried on users",
    async () => {
      const verdict = await passGate(weights, learnt.pulled.lessons, seed);
      say(`gate: ${verdict.accepted ? "accepted" : `refused: ${verdict.reasons.join("; ")}`}`);
      if (!verdict.accepted)
        say("in production it would end here; the demo goes on to show the rest");
      const { gateway } = stack;
      const { manifest } = await publishPolicy(weights, {
        gateway,
        edge: edges[0]!,
        verdict,
        update,
        seed,
      });
      say(`published: version ${manifest.version}, blob ${manifest.blob.sha256.slice(0, 12)}`);
      const canary = await tryOnUsers(stage, manifest.version, seed, say);
      say(canary.inService ? "in service in every region" : "not in service");
      return { verdict, manifest, canary };
    },
  );

  const http = await screen.act("Both serve the held-out half", async () => {
    // What is served from here on teaches nothing.
    await stage.setKillSwitches({ pinnedPolicy: 0, learnOff: true });
    await stage.awaitPolicy(0);
    const before = await replay(stage.heldOut, "before");
    say(describeReplay(before));
    await stage.setKillSwitches({ pinnedPolicy: null });
    await stage.awaitPolicy(release.canary.inService ? release.manifest.version : 0);
    const after = await replay(stage.heldOut, "after");
    say(describeReplay(after));
    return {
      before: scoreOverHttp("before", before, stage.heldOut),
      after: scoreOverHttp("after", after, stage.heldOut),
      policies: { before: before.policies, after: after.policies },
    };
  });
  const comparison = await screen.act("All policies meet the held-out half in the simulator", () =>
    compare(stage, weights, seed),
  );

  const targets = targetsOf(comparison, http.after);
  const { differences, scores, thresholds } = comparison;
  screen.title("Over HTTP, on the held-out half");
  say(
    scoreTable([
      { title: "before", score: http.before },
      { title: "after", score: http.after },
    ]),
  );
  screen.title("In the simulator, on the held-out half, with the same random numbers");
  say(
    scoreTable([
      { title: "always model", score: scores.alwaysModel },
      { title: "before", score: scores.before },
      { title: `threshold ${thresholds.feasible}`, score: scores.threshold },
      { title: "after", score: scores.after },
      { title: "feasible oracle", score: scores.oracle },
    ]),
  );
  screen.title("Reward per request, differences on the same requests");
  say(`after - threshold     ${describeDifference(differences.threshold)}`);
  say(`after - always model  ${describeDifference(differences.alwaysModel)}`);
  say(`after - before        ${describeDifference(differences.before)}`);
  screen.title("Targets");
  for (const target of targets) say(describeTarget(target));

  const { simulated, logged, pulled } = learnt;
  return {
    commit: currentCommit(),
    ...options,
    acts: screen.times,
    calibration: { labels: served.labels, policies: served.policies },
    learning: { simulated, logged, pulled: pulled.counts, omitted: pulled.omitted },
    gate: release.verdict,
    canary: release.canary,
    http,
    simulator: comparison,
    targets,
  };
}

const reward = ({ meanUtility }: { readonly meanUtility: number }): string =>
  meanUtility.toFixed(4);

/** Rewards and families of single requests are for paired differences, not for readers. */
const withoutRequests = (key: string, value: unknown): unknown =>
  key === "utilities" || key === "families" ? undefined : value;

const options = demoOptions();
const curtain = new Curtain();
try {
  const report = JSON.stringify(await demo(options, curtain), withoutRequests, 2);
  if (options.json) console.log(report);
  if (options.out !== undefined) writeFileSync(join(options.out, "report.json"), `${report}\n`);
} catch (error) {
  if (!(error instanceof WorkloadDataError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
} finally {
  await curtain.fall();
}
