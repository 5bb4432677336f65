// Axes: where they begin and end, their ticks at 1, 2 and 5 times powers of ten, how ticks are written.

interface Tick {
  readonly value: number;
  readonly label: string;
}

export interface Axis {
  readonly low: number;
  readonly high: number;
  readonly isLog: boolean;
  /** Rising, within low and high. */
  readonly ticks: readonly Tick[];
}

export interface AxisOptions {
  readonly isLog?: boolean | undefined;
  /** About how many ticks there may be. */
  readonly most?: number;
}

/** Covers all values, which are finite (and > 0 on a log axis); each end is a tick or lies half-way to one. */
export function axisOf(
  values: readonly number[],
  { isLog = false, most = 6 }: AxisOptions = {},
): Axis {
  const low = values.reduce((least, value) => Math.min(least, value), Infinity);
  const high = values.reduce((greatest, value) => Math.max(greatest, value), -Infinity);
  return isLog ? logAxis(low, high, most) : linearAxis(low, high, most);
}

/** Ticks at the given values alone, which are distinct. */
export function axisAt(values: readonly number[], isLog = false): Axis {
  const ticks = values.toSorted((a, b) => a - b);
  return { low: ticks[0]!, high: ticks.at(-1)!, isLog, ticks: labelled(ticks, isLog) };
}

/** The place of a value between `from` (the axis's low end) and `to`; the middle where both ends are one. */
export function scaleOf(
  { low, high, isLog }: Axis,
  from: number,
  to: number,
): (value: number) => number {
  const place = isLog ? Math.log10 : (value: number) => value;
  const span = place(high) - place(low);
  return (value) => from + (span === 0 ? 0.5 : (place(value) - place(low)) / span) * (to - from);
}

function linearAxis(low: number, high: number, most: number): Axis {
  const size = Math.max(Math.abs(low), Math.abs(high));
  const isFlat = high - low <= 1e-9 * size;
  const around = size === 0 ? 1 : size / 10;
  const [start, end] = isFlat ? [low - around, high + around] : [low, high];
  const step = stepOf(start, end, most);
  const halves = multiplesAround(start, end, step / 2);
  const [first, last] = [halves[0]!, halves.at(-1)!];
  const ticks = multiplesAround(start, end, step).filter((tick) => tick >= first && tick <= last);
  return { low: first, high: last, isLog: false, ticks: labelled(ticks, false) };
}

function stepOf(low: number, high: number, most: number): number {
  const raw = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].find((factor) => factor * power >= raw * (1 - 1e-9))! * power;
}

/** From the multiple at or below `low` to the one at or above `high`. */
function multiplesAround(low: number, high: number, step: number): number[] {
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
}

function logAxis(low: number, high: number, most: number): Axis {
  const decades = Math.log10(high / low);
  const factors = decades > 2.5 ? [1] : [1, 2, 5];
  const from = Math.floor(Math.log10(low) + 1e-9);
  const to = Math.ceil(Math.log10(high) - 1e-9);
  const all = Array.from({ length: to - from + 2 }, (_, i) =>
    factors.map((factor) => Number(`${factor}e${from + i}`)),
  ).flat();
  const first = all.findLastIndex((tick) => tick <= low * (1 + 1e-9));
  // One value alone gets an axis around it.
  const last = all.findIndex((tick, i) => tick >= high * (1 - 1e-9) && i > first);
  const ticks = all.slice(first, last + 1);
  const [start, end] = [ticks[0]!, ticks.at(-1)!];
  if (ticks.length < 4 && decades < 1) {
    const finer = multiplesAround(start, end, stepOf(start, end, most)).filter(
      (tick) => tick >= start && tick <= end,
    );
    if (finer.length > ticks.length)
      return { low: start, high: end, isLog: true, ticks: labelled(finer, true) };
  }
  const every = Math.ceil(ticks.length / (2 * most));
  const some = ticks.filter((_, i) => i % every === 0);
  return { low: start, high: end, isLog: true, ticks: labelled(some, true) };
}

/** On a linear axis all with as many decimals as the finest needs. */
function labelled(ticks: readonly number[], isLog: boolean): Tick[] {
  const sizes = ticks.map(Math.abs).filter((size) => size > 0);
  const isLong =
    sizes.some((size) => size >= 1e7) || (sizes.length > 0 && Math.max(...sizes) < 1e-4);
  const decimals = Math.max(0, ...ticks.map(decimalsOf));
  return ticks.map((value) => {
    const size = Math.abs(value);
    if (isLog ? size >= 1e7 || size < 1e-4 : isLong)
      return { value, label: value === 0 ? "0" : value.toExponential().replace("e+", "e") };
    return { value, label: grouped(value, isLog ? decimalsOf(value) : decimals) };
  });
}

function decimalsOf(value: number): number {
  const [mantissa = "", exponent = "0"] = value.toPrecision(12).split("e");
  const decimals = mantissa.replace(/0+$/, "").split(".")[1]?.length ?? 0;
  return Math.min(10, Math.max(0, decimals - Number(exponent)));
}

function grouped(value: number, decimals: number): string {
  const [whole = "", rest] = value.toFixed(decimals).split(".");
  const groups = whole.replaceAll(/\B(?=(\d{3})+$)/g, ",");
  return rest === undefined ? groups : `${groups}.${rest}`;
}
