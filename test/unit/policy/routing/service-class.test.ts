import { expect, it } from "vitest";
import { serviceClass } from "../../../../src/policy/routing/service-class.ts";

const of = (deadlineSeconds: number | null, promptTokens: number) =>
  serviceClass({ deadlineSeconds, promptTokens });

it("has four deadlines times three prompt lengths, the length counting first", () => {
  expect([of(1, 10), of(1, 500), of(1, 5_000)]).toEqual([0, 1, 2]);
  expect([of(3, 10), of(10, 10), of(60, 10)]).toEqual([3, 6, 9]);
  expect(of(60, 5_000)).toBe(11);
});

it("puts a value on an edge above it", () => {
  expect(of(2, 10)).toBe(3);
  expect(of(1, 128)).toBe(1);
});

it("holds no deadline, or one that is no number, for the longest", () => {
  expect([of(null, 10), of(Infinity, 10), of(NaN, 10)]).toEqual([9, 9, 9]);
});

it("has other edges where the caller knows its deadlines", () => {
  const edges = { deadline: [3, 4, 5], prompt: [128, 1_024] };
  const bins = [2.5, 3.5, 4.5, 5.5].map((deadlineSeconds) =>
    serviceClass({ deadlineSeconds, promptTokens: 1 }, edges),
  );
  expect(bins).toEqual([0, 3, 6, 9]);
});
