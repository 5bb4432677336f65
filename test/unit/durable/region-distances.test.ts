// What a region object learns of its embedder's distances, and tells its isolates.
import { expect, test } from "vitest";
import { quantileOf } from "../../../src/policy/distance-quantiles.ts";
import { newRig } from "../../support/node-rig.ts";
import { experienceOf, reportOf } from "../../support/region-rig.ts";

test("after 500 requests with a row, replies carry the distances at equal quantiles, also after a restart", async () => {
  const rig = newRig();
  const batch = (from: number, count: number) =>
    reportOf({
      experiences: Array.from({ length: count }, (_, i) =>
        experienceOf(`d${from + i}`, { nearest: i % 2 === 0 ? 0.4 : 1.2 }),
      ),
    });
  rig.core.report(batch(0, 499));
  rig.core.report(reportOf({ experiences: [experienceOf("no row")] }));
  await rig.settle();
  expect(rig.core.sync(0).distances).toBeUndefined();

  const last = batch(499, 1);
  rig.core.report(last);
  // A second delivery counts nothing twice.
  rig.core.report(last);
  await rig.settle();
  const { distances } = rig.core.sync(0);
  expect(distances?.embedder).toBe("e");
  // Half of the requests lie at 0.4, half at 1.2: 0.8 is the middle of the scale.
  expect(quantileOf(distances!.knots, 0.8)).toBeCloseTo(1, 1);
  expect(rig.core.state.value.distances!.counts.reduce((a, b) => a + b, 0)).toBe(500);
  expect(rig.restart().sync(0).distances).toEqual(distances);
});
