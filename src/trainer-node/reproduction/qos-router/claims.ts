// What should hold of the router, as statements about one seed's figures: a number and the direction in which it must lie. Only
// the abstract was at hand, and it has no numbers: T are what it claims in words, and what its parts are there for. O are
// questions of our own. Written before the first training, but for O6, which was asked after the others were seen.
import { type Expectation } from "../report/verdict.ts";
import { type Figures, type SeedView, type Where } from "./figures.ts";
import { DROPPING_RULES, RULES, TUNED_RULE } from "./rules.ts";
import { FLEET_SIZES, type Load, LOAD_NAMES, LOADS, RATES, USUAL_FLEET } from "./settings.ts";

export interface Claim {
  readonly id: string;
  readonly claim: string;
  readonly source: string;
  readonly published: string;
  readonly expectation: Expectation;
  /** points: differences of shares, of a hundred. */
  readonly unit: "qos" | "points" | "ratio";
  /** Can be judged from what every setting of the grid runs. */
  readonly inGrid: boolean;
  value(seed: SeedView): number;
}

export const OURS = "graph";
/** The rules, and the two networks that lack a part: everything but what may drop by a rule, and what knows the truth. */
const BASELINES = [...RULES, "flat", "graph-no-impact"] as const;
export const SIMPLE = [...RULES, ...DROPPING_RULES] as const;

/** Means within so much of each other are equal. */
const SAME = 0.02;
/** QoS per second at the highest rate, of that at the best one. */
const NO_COLLAPSE = 0.8;

const WORKLOADS = ["poisson", "real"] as const;
type Workload = (typeof WORKLOADS)[number];

const greater = (bound = 0): Expectation => ({ direction: "greater", bound });
const around = (value: number, band: number): Expectation => ({
  direction: "between",
  bounds: [value - band, value + band],
});

const qosOf = ({ meanQos }: Figures): number => meanQos;
const perGpuOf = ({ qosPerGpuSecond }: Figures): number => qosPerGpuSecond;

/** 0 where there is nothing to compare with. */
const ratio = (ours: number, other: number): number => (other > 0 ? ours / other : 0);

const bestOf = (
  seed: SeedView,
  routers: readonly string[],
  of: (figures: Figures) => number,
  where?: Where,
): number => Math.max(...routers.map((router) => of(seed.figures(router, where))));

const gap = (
  seed: SeedView,
  router: string,
  other: string,
  of: (figures: Figures) => number,
  where?: Where,
): number => of(seed.figures(router, where)) - of(seed.figures(other, where));

const placeOf = (arrivals: Workload, load: Load): Where => ({ arrivals, rate: LOADS[load] });

/** Only the usual place is that of the grid: elsewhere a claim names its own. */
const places = (
  make: (where: Where, name: string, load: Load, isUsual: boolean) => readonly Claim[],
  loads: readonly Load[] = LOAD_NAMES,
): readonly Claim[] =>
  WORKLOADS.flatMap((arrivals) =>
    loads.flatMap((load) =>
      make(
        placeOf(arrivals, load),
        `${arrivals} ${load}`,
        load,
        arrivals === "poisson" && load === "medium",
      ),
    ),
  );

const BUSY: readonly Load[] = ["medium", "high"];
const OTHER_FLEETS = FLEET_SIZES.filter((count) => count !== USUAL_FLEET);

export const CLAIMS: readonly Claim[] = [
  ...places((where, name, load, inGrid) => [
    {
      id: `T1 ${name}`,
      claim:
        load === "low"
          ? `Mean QoS like the best baseline's (${name} load, within ${SAME})`
          : `Mean QoS above every baseline's (${name} load, lead over the best)`,
      source: "abstract",
      published: load === "low" ? "" : "improves average QoS",
      expectation: load === "low" ? around(0, SAME) : greater(),
      unit: "qos",
      inGrid,
      value: (seed) => qosOf(seed.figures(OURS, where)) - bestOf(seed, BASELINES, qosOf, where),
    },
    {
      id: `T1r ${name}`,
      claim: `QoS per busy GPU-second above every baseline's (${name} load, over the best's)`,
      source: "abstract",
      published: "improves resource efficiency",
      expectation: greater(1),
      unit: "ratio",
      inGrid,
      value: (seed) =>
        ratio(perGpuOf(seed.figures(OURS, where)), bestOf(seed, BASELINES, perGpuOf, where)),
    },
  ]),
  ...places(
    (where, name, _, inGrid) => [
      {
        id: `T2 ${name}`,
        claim: `Without the impact estimator more requests are late (${name} load)`,
        source: "design of the router",
        published: "violations rise",
        expectation: greater(),
        unit: "points",
        inGrid,
        value: (seed) => gap(seed, "graph-no-impact", OURS, ({ violations }) => violations, where),
      },
      {
        id: `T2q ${name}`,
        claim: `Without the impact estimator the mean QoS is lower (${name} load)`,
        source: "design of the router",
        published: "lower",
        expectation: greater(),
        unit: "qos",
        inGrid,
        value: (seed) => gap(seed, OURS, "graph-no-impact", qosOf, where),
      },
    ],
    BUSY,
  ),
  {
    id: "T3 same",
    claim: "Mean QoS above that of the network without a graph, where both were trained",
    source: "design of the router",
    published: "higher",
    expectation: greater(),
    unit: "qos",
    inGrid: true,
    value: (seed) => gap(seed, OURS, "flat", qosOf),
  },
  ...(
    [
      ["rate", "at a rate that was not trained, 6 per second", { rate: Math.max(...RATES) }],
      ["arrivals", "at arrivals that were not trained", { arrivals: "real" }],
      ...OTHER_FLEETS.map(
        (experts) =>
          [`${experts}`, `with ${experts} experts, trained with 3`, { experts }] as const,
      ),
    ] as const satisfies readonly (readonly [string, string, Where])[]
  ).map(([id, what, where]): Claim => ({
    id: `T3 ${id}`,
    claim: `Mean QoS above that of the network without a graph ${what}`,
    source: "design of the router",
    published: "higher",
    expectation: greater(),
    unit: "qos",
    inGrid: false,
    value: (seed) => gap(seed, OURS, "flat", qosOf, where),
  })),
  {
    id: "T3 order",
    claim:
      "In another order of the experts the network without a graph loses QoS, this one does not",
    source: "design of the router",
    published: "loses",
    expectation: greater(),
    unit: "qos",
    inGrid: false,
    value: (seed) =>
      gap(seed, "flat", "flat-reordered", qosOf) -
      Math.abs(gap(seed, OURS, "graph-reordered", qosOf)),
  },
  ...WORKLOADS.flatMap((arrivals): readonly Claim[] => {
    const over = (seed: SeedView) =>
      RATES.map((rate) => qosOf(seed.figures(OURS, { arrivals, rate })));
    return [
      {
        id: `T4 ${arrivals}`,
        claim: `Mean QoS falls with every step of the rate (${arrivals}, smallest fall)`,
        source: "design of the router",
        published: "falls",
        expectation: greater(),
        unit: "qos",
        inGrid: false,
        value: (seed) => {
          const qos = over(seed);
          return Math.min(...qos.slice(1).map((value, i) => qos[i]! - value));
        },
      },
      {
        id: `T4c ${arrivals}`,
        claim: `No collapse: QoS per second at the highest rate, of that at the best one (${arrivals})`,
        source: "design of the router",
        published: "no collapse",
        expectation: greater(NO_COLLAPSE),
        unit: "ratio",
        inGrid: false,
        value: (seed) => {
          const perSecond = over(seed).map((qos, i) => qos * RATES[i]!);
          return ratio(perSecond.at(-1)!, Math.max(...perSecond));
        },
      },
    ];
  }),
  ...places(
    (where, name, _, inGrid) => [
      {
        id: `T6 ${name}`,
        claim: `Mean QoS above that of greedy-score, best score if fast enough (${name} load)`,
        source: "design of the router",
        published: "higher",
        expectation: greater(),
        unit: "qos",
        inGrid,
        value: (seed) => gap(seed, OURS, "greedy-score", qosOf, where),
      },
      {
        id: `O1 ${name}`,
        claim: `Mean QoS above that of every rule without fitted constants, those that may drop among them (${name} load)`,
        source: "ours",
        published: "",
        expectation: greater(),
        unit: "qos",
        inGrid,
        value: (seed) => qosOf(seed.figures(OURS, where)) - bestOf(seed, SIMPLE, qosOf, where),
      },
      {
        id: `O6 ${name}`,
        claim: `Mean QoS above that of priced-or-drop, a rule with two fitted constants (${name} load)`,
        source: "ours, asked after the others were seen",
        published: "",
        expectation: greater(),
        unit: "qos",
        inGrid,
        value: (seed) => gap(seed, OURS, TUNED_RULE, qosOf, where),
      },
      {
        id: `O2 ${name}`,
        claim: `Where nobody may drop: mean QoS above that of every rule (${name} load)`,
        source: "ours",
        published: "",
        expectation: greater(),
        unit: "qos",
        inGrid: false,
        value: (seed) =>
          qosOf(seed.figures("graph-keeps", where)) - bestOf(seed, RULES, qosOf, where),
      },
    ],
    BUSY,
  ),
  ...OTHER_FLEETS.map((experts): Claim => ({
    id: `O3 ${experts}`,
    claim: `With ${experts} experts, trained with 3, mean QoS above that of greedy-score`,
    source: "ours",
    published: "",
    expectation: greater(),
    unit: "qos",
    inGrid: false,
    value: (seed) => gap(seed, OURS, "greedy-score", qosOf, { experts }),
  })),
  ...BUSY.map((load): Claim => ({
    id: `O4 ${load}`,
    claim: `The impact as a difference of potentials gives a higher mean QoS than as a penalty (poisson ${load} load)`,
    source: "ours",
    published: "",
    expectation: greater(),
    unit: "qos",
    inGrid: false,
    value: (seed) => gap(seed, "graph-potential", OURS, qosOf, placeOf("poisson", load)),
  })),
  ...BUSY.map((load): Claim => ({
    id: `O5 ${load}`,
    claim: `Trained again from another start, the mean QoS is the same (poisson ${load} load, within ${SAME})`,
    source: "ours",
    published: "",
    expectation: around(0, SAME),
    unit: "qos",
    inGrid: false,
    value: (seed) => gap(seed, "graph-2", OURS, qosOf, placeOf("poisson", load)),
  })),
];
