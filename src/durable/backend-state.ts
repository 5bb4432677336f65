// What a region knows of the model servers behind it: how fast and how often they answer, who is calling them now, and
// which of them not to call. A pure state machine: the region object keeps it, isolates go on with a copy of it.
import { type Arrival, type ForecastView, Forecasts } from "../policy/routing/forecasts.ts";
import { Measurements, type Prior } from "../policy/routing/measurements.ts";
import { type Backend, type Load, type Spread } from "../policy/routing/selector.ts";
import {
  type Health,
  HEALTHY,
  allFailures,
  breakerOf,
  failureShareOf,
  healthAfter,
  healthLater,
  isHealth,
} from "./backend-health.ts";

/** How one call ended. One that the client gave up is none. */
export interface BackendCall {
  /** `<upstream>/<model>` */
  readonly backend: string;
  readonly tenant: string;
  readonly succeeded: boolean;
  /** Until the last byte, or the failure. */
  readonly seconds: number;
  /** null where the answer came in one piece. */
  readonly firstTokenSeconds: number | null;
  readonly outputTokens: number;
  /** What was expected of it, and what came of that; left out where nothing was. */
  readonly arrival?: Omit<Arrival, "backend" | "outputTokens">;
}

/** An isolate's calls that have not ended, by backend. */
export interface RunningCalls {
  readonly isolate: string;
  readonly counts: Readonly<Record<string, number>>;
}

export interface BackendsState {
  /** Snapshot of `Measurements`, as JSON text: between objects and isolates only values of a known type pass. */
  readonly measured: string;
  /** The same of `Forecasts`; left out before the first. */
  readonly forecasts?: string;
  readonly health: Readonly<Record<string, Health>>;
  /** By isolate; in a copy (`viewFor`) by backend, over all isolates. */
  readonly running: Readonly<
    Record<string, { readonly at: number; readonly counts: RunningCalls["counts"] }>
  >;
}

/** A copy of the state, with the clock that its times are of. */
export interface BackendsView {
  readonly state: BackendsState;
  readonly at: number;
}

export const NO_BACKENDS: BackendsState = { measured: "[]", health: {}, running: {} };

const MAX_BACKENDS = 64;
const MAX_ISOLATES = 256;
/** An isolate that is not heard of for so long has no calls, or is gone. */
const RUNNING_MS = 30_000;

/** A server that is not called shows no more how fast it is: its measured times go back to the guess by half in this time. */
const MEASURED_HALF_LIFE_MS = 600_000;
/** How forecasts turned out is forgotten when less than this of it is left: after 20 minutes. */
const LEAST_LEFT = 0.25;

export function afterCalls(
  state: BackendsState,
  calls: readonly BackendCall[],
  now: number,
): BackendsState {
  const known = calls.filter(isCall);
  if (known.length === 0) return state;
  const measurements = readMeasurements(state);
  const forecasts = readForecasts(state);
  const health: Record<string, Health> = { ...state.health };
  for (const call of known) {
    measurements.observe({
      requestId: "",
      class: 0,
      deadlineSeconds: null,
      cost: 0,
      quality: null,
      embedding: null,
      ...call,
    });
    const { backend, succeeded, outputTokens, arrival } = call;
    if (succeeded && arrival !== undefined)
      forecasts.observe({ ...arrival, backend, outputTokens });
    const before = health[call.backend];
    // The last one heard of stands last.
    delete health[call.backend];
    health[call.backend] = healthAfter(before ?? HEALTHY, call, now);
  }
  const names = Object.keys(health);
  for (const name of names.slice(0, Math.max(0, names.length - MAX_BACKENDS))) delete health[name];
  return {
    ...state,
    measured: JSON.stringify(measurements.snapshot()),
    ...(known.some(({ arrival }) => arrival !== undefined) && {
      forecasts: JSON.stringify(forecasts.snapshot()),
    }),
    health,
  };
}

/** Takes the place of what the isolate said before. */
export function afterRunning(
  state: BackendsState,
  { isolate, counts }: RunningCalls,
  now: number,
): BackendsState {
  const sound = Object.entries(counts).filter(
    ([name, count]) => isName(name) && Number.isInteger(count) && count > 0,
  );
  const others = Object.entries(state.running).filter(
    ([name, { at }]) => name !== isolate && now - at <= RUNNING_MS,
  );
  const said = { at: now, counts: Object.fromEntries(sound.slice(0, MAX_BACKENDS)) };
  const running = [
    ...others,
    ...(sound.length > 0 && isName(isolate) ? [[isolate, said] as const] : []),
  ];
  return { ...state, running: Object.fromEntries(running.slice(-MAX_ISOLATES)) };
}

/** What an isolate is told: the calls of all others as one sum for each backend. */
export function viewFor(
  isolate: string | undefined,
  state: BackendsState,
  now: number,
): BackendsView {
  const names = new Set(Object.values(state.running).flatMap(({ counts }) => Object.keys(counts)));
  const sums = [...names].flatMap((name) => {
    const load = loadElsewhere(state, name, isolate, now);
    return load === null
      ? []
      : [[name, { at: now - load.ageMs, counts: { [name]: load.running } }] as const];
  });
  return { state: { ...state, running: Object.fromEntries(sums) }, at: now };
}

/** The view on another clock, which shows `now`. */
export function stateOf({ state, at }: BackendsView, now: number): BackendsState {
  const by = now - at;
  const health = Object.entries(state.health).flatMap(([name, each]) =>
    isHealth(each) ? [[name, healthLater(each, by)] as const] : [],
  );
  const running = Object.entries(state.running).map(
    ([name, each]) => [name, { ...each, at: each.at + by }] as const,
  );
  return { ...state, health: Object.fromEntries(health), running: Object.fromEntries(running) };
}

/**
 * What is believed of one server. Measured times fade to the guess and blame to nothing while no outcome tells more, so
 * that a server that was slow or broke is tried again.
 *
 * @param tenant whose own failures count in full; null: nobody's do
 */
export function believed(
  state: BackendsState,
  backend: string,
  prior: Prior,
  now: number,
  tenant: string | null = null,
): Pick<Backend, "firstTokenSeconds" | "secondsPerToken" | "failureShare" | "breaker"> {
  const { firstTokenSeconds, secondsPerToken } = measurementsOf(state).beside(backend, prior);
  const health = state.health[backend];
  const left = leftOfMeasured(health, now);
  return {
    firstTokenSeconds: faded(firstTokenSeconds, prior.firstTokenSeconds, left),
    secondsPerToken: faded(secondsPerToken, prior.secondsPerToken, left),
    failureShare: failureShareOf(health, tenant, now),
    breaker: breakerOf(health, now),
  };
}

const leftOfMeasured = (health: Health | undefined, now: number): number =>
  health === undefined ? 1 : 2 ** (-Math.max(0, now - health.at) / MEASURED_HALF_LIFE_MS);

const faded = (measured: Spread | null, prior: number, left: number): Spread =>
  measured === null
    ? { mean: prior, deviation: 0 }
    : { mean: prior + left * (measured.mean - prior), deviation: left * measured.deviation };

/**
 * `Forecasts.upperFactor`, which goes the way of measured times while nothing more is heard, so that a server that was late is
 * tried again; null: there were too few forecasts, or they are too old.
 */
export function upperFactorOf(state: BackendsState, backend: string, now: number): number | null {
  const factor = forecastsOf(state).upperFactor(backend);
  const left = leftOfMeasured(state.health[backend], now);
  return factor === null || left < LEAST_LEFT ? null : factor ** left;
}

/** Calls that other isolates had under way when they last said so, the oldest word's age with them; null: none. */
export function loadElsewhere(
  state: BackendsState,
  backend: string,
  isolate: string | undefined,
  now: number,
): Load | null {
  let running = 0;
  let ageMs = 0;
  for (const [name, { at, counts }] of Object.entries(state.running)) {
    const count = counts[backend] ?? 0;
    if (name === isolate || count === 0 || now - at > RUNNING_MS) continue;
    running += count;
    ageMs = Math.max(ageMs, now - at);
  }
  return running === 0 ? null : { running, waiting: 0, ageMs };
}

/** Nothing was ever heard of any. */
export const isUnused = ({ health, running }: BackendsState): boolean =>
  Object.keys(health).length === 0 && Object.keys(running).length === 0;

/** An older release stored an empty list, or knew health by other fields. */
export const isBackendsState = (value: unknown): value is BackendsState =>
  typeof value === "object" &&
  value !== null &&
  "measured" in value &&
  typeof value.measured === "string" &&
  "health" in value &&
  typeof value.health === "object" &&
  Object.values(value.health ?? {}).every((each) => isHealth(each));

function readMeasurements({ measured }: BackendsState): Measurements {
  const measurements = new Measurements({ maxServers: MAX_BACKENDS });
  measurements.restore(parsed(measured));
  return measurements;
}

function readForecasts({ forecasts = "[]" }: BackendsState): Forecasts {
  const known = new Forecasts({ maxServers: MAX_BACKENDS });
  known.restore(parsed(forecasts));
  return known;
}

/** What is no JSON is nothing known: it is begun anew. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** A decision asks for each backend, and many decisions go by one state: its text is read once. */
function readOnce<T>(read: (state: BackendsState) => T): (state: BackendsState) => T {
  const known = new WeakMap<BackendsState, { readonly value: T }>();
  return (state) => {
    const found = known.get(state) ?? { value: read(state) };
    known.set(state, found);
    return found.value;
  };
}

const measurementsOf: (state: BackendsState) => Pick<Measurements, "beside"> =
  readOnce(readMeasurements);

/** How long answers are and how far expected times may be trusted. */
export const forecastsOf: (
  state: BackendsState,
) => Pick<Forecasts, "tokens" | "upperFactor" | "view"> = readOnce(readForecasts);

/** What a person is shown of a server. */
export interface BackendView {
  readonly backend: string;
  readonly breaker: Backend["breaker"];
  readonly failureShare: number;
  readonly forecast: ForecastView | null;
}

/** Those that were heard of lately come last. */
export function backendViews(state: BackendsState, now: number): readonly BackendView[] {
  const forecasts = forecastsOf(state);
  return Object.entries(state.health).map(([backend, health]) => ({
    backend,
    breaker: breakerOf(health, now),
    failureShare: allFailures(health, now),
    forecast: forecasts.view(backend),
  }));
}

const isName = (name: unknown): boolean =>
  typeof name === "string" && name !== "" && name.length <= 300 && name !== "__proto__";

const isCall = ({ backend, tenant, seconds }: BackendCall): boolean =>
  isName(backend) && isName(tenant) && Number.isFinite(seconds) && seconds >= 0;
