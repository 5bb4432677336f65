// Least predicted completion: the server that will be done first. Learns nothing and needs good predictions.
import { type Constraints } from "./prediction.ts";
import { type Selector, selectorOf } from "./selector.ts";

export const leastCompletion = (constraints: Constraints = {}): Selector =>
  selectorOf({
    name: "least-completion",
    constraints,
    scores: (_, options) => options.map(({ seconds }) => -seconds),
  });
