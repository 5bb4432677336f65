import { describe, expect, test } from "vitest";
import { hashEmbed } from "../../../../../src/dev/embedding.ts";
import { type ActionNames, THREE_WAY, TWO_WAY } from "../../../../../src/policy/action.ts";
import { guardsFor } from "../../../../../src/policy/cache/guards.ts";
import { obstacleOf } from "../../../../../src/policy/cache/resolver.ts";
import { type Decision } from "../../../../../src/policy/decide.ts";
import { embedderProfile } from "../../../../../src/policy/embedders.ts";
import { type PolicyOutput } from "../../../../../src/policy/network/policy.ts";
import { certain } from "../../../../../src/trainer-node/simulator/baselines.ts";
import { Environment } from "../../../../../src/trainer-node/simulator/environment.ts";
import { type Pending } from "../../../../../src/trainer-node/simulator/executed.ts";
import { loadBundled } from "../../../../../src/trainer-node/simulator/groups.ts";
import { workloadSource } from "../../../../../src/trainer-node/simulator/source.ts";
import { generateWorkload } from "../../../../../src/trainer-node/simulator/workload.ts";

const seed = Number(process.env["SEED"] ?? 20_261_121);
console.log(`guard bound seed ${seed}`);

describe("behind the product's guards", () => {
  const groups = loadBundled();
  const bundled = workloadSource({
    requests: generateWorkload({ groups, requests: 150, seed }).requests,
    groups,
    embedder: embedderProfile("velo/hash-ngram-768"),
    embed: hashEmbed,
    answerTokens: () => 200,
  });
  const outputOf = (...probs: number[]): PolicyOutput => ({
    logits: Float32Array.from(probs),
    probs: Float32Array.from(probs),
  });
  const hostile: readonly (readonly [
    string,
    { readonly actions: ActionNames; readonly output: PolicyOutput; readonly isServed: boolean },
  ])[] = [
    ["the cache always", { actions: TWO_WAY, output: certain(1), isServed: true }],
    ["A always", { actions: THREE_WAY, output: certain(2, THREE_WAY), isServed: true }],
    ["more than all of it", { actions: TWO_WAY, output: outputOf(-5, 1e9), isServed: true }],
    ["infinity", { actions: TWO_WAY, output: outputOf(0, Infinity), isServed: false }],
    ["no number", { actions: TWO_WAY, output: outputOf(Number.NaN, 1), isServed: false }],
    ["an action too many", { actions: TWO_WAY, output: outputOf(0, 0, 1), isServed: false }],
    ["nothing at all", { actions: THREE_WAY, output: outputOf(0, 0, 0), isServed: false }],
  ];

  test.each(hostile)(
    "%s serves no row that they refuse",
    async (_, { actions, output, isServed }) => {
      const { coldStartDistance } = bundled.embedder;
      const environment = new Environment({ source: bundled, seed, scorer: null });
      let isGreedy = false;
      let refusals = 0;
      const served: { readonly pending: Pending; readonly decision: Decision }[] = [];
      for (let slot = await environment.next(); slot !== null; slot = await environment.next())
        for (const pending of slot) {
          isGreedy = !isGreedy;
          const { decision, kind } = environment.act(pending, output, actions, {
            greedy: isGreedy,
          });
          if (kind === "HIT-SEMANTIC") served.push({ pending, decision: decision! });
          else if (decision!.nearestMiss?.why.startsWith("guard:") === true) refusals++;
        }
      for (const { pending, decision } of served) {
        const row = decision.selected!;
        const verdict = decision.verdicts.find(({ id }) => id === row.id)!;
        expect(obstacleOf(row, verdict)).toBeNull();
        // Asked once more, beside the decision.
        const { question: text, lang, fp } = pending.request;
        const guards = guardsFor({ text, lang, fp, now: pending.at }, { fuzzy: "veto" });
        expect(guards(row).filter(({ pass }) => !pass)).toEqual([]);
        expect(row.evidence !== undefined || row.distance <= coldStartDistance).toBe(true);
      }
      // Whoever speaks in numbers is served, and meets guards that refuse.
      expect({ isServed: served.length > 0, isRefused: refusals > 0 }).toMatchObject({
        isServed,
        isRefused: isServed || refusals > 0,
      });
    },
  );
});
