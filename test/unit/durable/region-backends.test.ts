// What a region object learns of the model servers behind it, and tells its isolates.
import { expect, test } from "vitest";
import { believed, loadElsewhere } from "../../../src/durable/backend-state.ts";
import { newRig } from "../../support/node-rig.ts";
import { experienceOf, reportOf } from "../../support/region-rig.ts";

const PRIOR = { firstTokenSeconds: 9, secondsPerToken: 9 };
const call = {
  backend: "a/m",
  tenant: "acme",
  succeeded: true,
  seconds: 3,
  firstTokenSeconds: 1,
  outputTokens: 20,
};
const told = () =>
  reportOf({
    experiences: [experienceOf("one")],
    calls: [call],
    running: { isolate: "i", counts: { "a/m": 2 } },
  });

test("replies carry what isolates measured, a batch that comes twice counted once, and the batch's own row does not", () => {
  const rig = newRig();
  expect(rig.core.sync(0).backends).toBeUndefined();
  const report = told();
  rig.core.report(report);
  const { state, at } = rig.core.report(report).backends!;
  // 1 s, and (3 s - 1 s) / 20 tokens; the guess counts like 2 x (1 - 1 / 20) outcomes.
  expect(believed(state, "a/m", PRIOR, at)).toMatchObject({
    firstTokenSeconds: { mean: expect.closeTo((1 + 1.9 * 9) / 2.9, 9) as number },
    secondsPerToken: { mean: expect.closeTo((0.1 + 1.9 * 9) / 2.9, 9) as number },
  });
  expect(state.measured.match(/"weight":1/g)).toHaveLength(2);
  // Told to the isolate whose calls they are they count for nothing; any other hears of them.
  expect(loadElsewhere(state, "a/m", "i", at)).toBeNull();
  const heard = rig.core.sync(0).backends!.state;
  expect(loadElsewhere(heard, "a/m", "another", at)).toMatchObject({ running: 2, ageMs: 0 });
  expect(JSON.stringify(rig.rows("SELECT * FROM batch"))).not.toContain("firstTokenSeconds");
});

test("the next commit takes them along; a crash before it forgets them", async () => {
  const rig = newRig();
  rig.core.report(told());
  expect(rig.restart().sync(0).backends).toBeUndefined();
  rig.core.report(told());
  await rig.settle();
  expect(rig.restart().sync(0).backends?.state.health).toHaveProperty(["a/m"]);
});
