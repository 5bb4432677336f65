// A text's sum before normalisation, as src/policy/embedding/subword-embedder.ts computes it, from weights that are still
// being learnt; and the way back from its gradient to theirs.
import { type Unit, readText } from "../../policy/embedding/features.ts";
import { frequencyShare, spellingOf } from "../../policy/embedding/subword-embedder.ts";
import { type Gradients, type Parameters } from "./parameters.ts";

/** A feature where it occurs: its position among the known ones or -1, and its two signed dimensions. */
interface Place {
  readonly feature: number;
  readonly spelling: readonly [number, number, number, number];
}

interface UnitPlace extends Place {
  readonly unit: Unit;
  readonly often: number;
  /** `often`, more for a capital. */
  readonly emphasis: number;
  readonly grams: readonly Place[];
}

interface PairPlace extends Place {
  readonly gain: number;
  readonly left: UnitPlace;
  readonly right: UnitPlace;
}

export interface Placed {
  readonly units: readonly UnitPlace[];
  readonly pairs: readonly PairPlace[];
}

/** Finds the features of texts; weights may change afterwards. */
export class PlaceBook {
  readonly #parameters: Parameters;
  readonly #units = new Map<number, readonly [Place, readonly Place[]]>();

  constructor(parameters: Parameters) {
    this.#parameters = parameters;
  }

  read(text: string): Placed {
    const { gains } = this.#parameters;
    const { units, pairs } = readText(text);
    const places = new Map<Unit, UnitPlace>();
    for (const unit of units) {
      const [place, grams] = this.#placesOf(unit);
      const often = frequencyShare(unit.count);
      const emphasis = unit.isCapital ? often * gains.capital : often;
      places.set(unit, { ...place, unit, often, emphasis, grams });
    }
    return {
      units: [...places.values()],
      pairs: pairs.map(({ hash, left, right }) => ({
        feature: -1,
        spelling: spellingOf(hash, this.#parameters.width),
        gain:
          left.kind === "character" && right.kind === "character"
            ? gains.characterPair
            : gains.wordPair,
        left: places.get(left)!,
        right: places.get(right)!,
      })),
    };
  }

  #placesOf({ hash, grams }: Unit): readonly [Place, readonly Place[]] {
    const known = this.#units.get(hash);
    if (known !== undefined) return known;
    const { index, width } = this.#parameters;
    const placeOf = (of: number): Place => ({
      feature: index.find(of),
      spelling: spellingOf(of, width),
    });
    const found = [placeOf(hash), grams.map(placeOf)] as const;
    this.#units.set(hash, found);
    return found;
  }
}

/** Adds the text's sum to x[from .. from + 768]. */
export function addSum(x: Float32Array, from: number, text: Placed, parameters: Parameters): void {
  const { gains, rows, width, logWeights } = parameters;
  for (const place of text.units) {
    const { feature, often, grams } = place;
    const weight = place.emphasis * weightOf(place, parameters);
    if (feature >= 0) addRow(x, from, rows, feature, width, often);
    addSpelling(x, from, place, weight);
    const each = weight / Math.sqrt(grams.length);
    for (const gram of grams) {
      const known = gram.feature >= 0;
      if (known) addRow(x, from, rows, gram.feature, width, each);
      const own = known ? Math.exp(logWeights[gram.feature]!) : gains.gram;
      addSpelling(x, from, gram, gains.grams * each * own);
    }
  }
  for (const pair of text.pairs) {
    const lesser = Math.min(weightOf(pair.left, parameters), weightOf(pair.right, parameters));
    addSpelling(x, from, pair, pair.gain * lesser);
  }
}

/** Adds to the gradients what dx[from .. from + 768], the gradient of the text's sum, means for them. */
export function passBack(
  dx: Float32Array,
  from: number,
  text: Placed,
  parameters: Parameters,
  gradients: Gradients,
): void {
  const { gains, rows, width, logWeights } = parameters;
  for (const place of text.units) {
    const { feature, often, grams } = place;
    const weight = place.emphasis * weightOf(place, parameters);
    // d loss / d weight, where the weight also multiplies everything about the word's n-grams
    let dWeight = spelt(dx, from, place);
    const share = 1 / Math.sqrt(grams.length);
    for (const gram of grams) {
      const known = gram.feature >= 0;
      const own = known ? Math.exp(logWeights[gram.feature]!) : gains.gram;
      const dSpelling = gains.grams * share * own * spelt(dx, from, gram);
      dWeight += dSpelling;
      if (!known) continue;
      gradients.touch(gram.feature);
      gradients.logWeights[gram.feature]! += weight * dSpelling;
      dWeight += share * dotRow(dx, from, rows, gram.feature, width);
      addGradient(gradients.rows, gram.feature, width, dx, from, weight * share);
    }
    if (feature < 0) continue;
    gradients.touch(feature);
    gradients.logWeights[feature]! += weight * dWeight;
    addGradient(gradients.rows, feature, width, dx, from, often);
  }
  for (const pair of text.pairs) {
    const [left, right] = [weightOf(pair.left, parameters), weightOf(pair.right, parameters)];
    const lesser = left <= right ? pair.left : pair.right;
    if (lesser.feature < 0) continue;
    gradients.touch(lesser.feature);
    gradients.logWeights[lesser.feature]! +=
      Math.min(left, right) * pair.gain * spelt(dx, from, pair);
  }
}

const weightOf = ({ feature, unit }: UnitPlace, { gains, logWeights }: Parameters): number =>
  feature < 0 ? gains[unit.kind] : Math.exp(logWeights[feature]!);

function addSpelling(x: Float32Array, from: number, { spelling }: Place, weight: number): void {
  x[from + spelling[0]]! += weight * spelling[1];
  x[from + spelling[2]]! += weight * spelling[3];
}

const spelt = (dx: Float32Array, from: number, { spelling }: Place): number =>
  dx[from + spelling[0]]! * spelling[1] + dx[from + spelling[2]]! * spelling[3];

function addRow(
  x: Float32Array,
  from: number,
  rows: Float32Array,
  feature: number,
  width: number,
  factor: number,
): void {
  for (let i = 0, at = feature * width; i < width; i++, at++) x[from + i]! += factor * rows[at]!;
}

function addGradient(
  rows: Float32Array,
  feature: number,
  width: number,
  dx: Float32Array,
  from: number,
  factor: number,
): void {
  for (let i = 0, at = feature * width; i < width; i++, at++) rows[at]! += factor * dx[from + i]!;
}

function dotRow(
  dx: Float32Array,
  from: number,
  rows: Float32Array,
  feature: number,
  width: number,
): number {
  let sum = 0;
  for (let i = 0, at = feature * width; i < width; i++, at++) sum += dx[from + i]! * rows[at]!;
  return sum;
}
