// A scorer as one file: a line of ASCII JSON (names, calibration, thresholds, sizes), then the trees and the words.
import { type Bytes, fromAscii, toAscii } from "../network/bytes.ts";
import { type Lexicon, packLexicon, unpackLexicon } from "./lexicon.ts";
import { FEATURES } from "./pair-features.ts";
import { type Trees } from "./trees.ts";

export interface ScorerModel {
  readonly id: string;
  /** Embedder whose cosines it was trained with. */
  readonly embedder: string;
  readonly trees: Trees;
  /** Isotonic map from margins to probabilities: knots, both rising. */
  readonly calibration: {
    readonly margins: readonly number[];
    readonly probabilities: readonly number[];
  };
  /** tau_0 as a matchDistance, by embedder; "*" where the cosine is unknown. */
  readonly coldStart: Readonly<Record<string, number>>;
  readonly lexicon: Lexicon;
}

const FORMAT = "velo-pair-scorer-1";
const NEW_LINE = 10;
/** Bytes of a node: feature 2, left 4, right 4, threshold 4, value 4. */
const NODE_BYTES = 18;

interface Head {
  readonly format: string;
  readonly id: string;
  readonly embedder: string;
  readonly features: readonly string[];
  readonly bias: number;
  readonly calibration: ScorerModel["calibration"];
  readonly coldStart: ScorerModel["coldStart"];
  readonly roots: number;
  readonly nodes: number;
  readonly lexiconBytes: number;
  /** FNV-1a of everything behind the head. */
  readonly sum: number;
}

export function packScorer(model: ScorerModel): Bytes {
  const { trees } = model;
  const [roots, nodes] = [trees.roots.length, trees.feature.length];
  const lexicon = packLexicon(model.lexicon);
  const body = new Uint8Array(4 * roots + NODE_BYTES * nodes + lexicon.length);
  const view = new DataView(body.buffer);
  let at = 0;
  for (const root of trees.roots) at = (view.setInt32(at, root, true), at + 4);
  for (let node = 0; node < nodes; node++) {
    view.setInt16(at, trees.feature[node]!, true);
    view.setInt32(at + 2, trees.left[node]!, true);
    view.setInt32(at + 6, trees.right[node]!, true);
    view.setFloat32(at + 10, trees.threshold[node]!, true);
    view.setFloat32(at + 14, trees.value[node]!, true);
    at += NODE_BYTES;
  }
  body.set(lexicon, at);
  const head = {
    format: FORMAT,
    id: model.id,
    embedder: model.embedder,
    features: FEATURES,
    bias: trees.bias,
    calibration: model.calibration,
    coldStart: model.coldStart,
    roots,
    nodes,
    lexiconBytes: lexicon.length,
    sum: checksum(body),
  } satisfies Head;
  const line = fromAscii(`${JSON.stringify(head)}\n`);
  const bytes = new Uint8Array(line.length + body.length);
  bytes.set(line);
  bytes.set(body, line.length);
  return bytes;
}

/** Throws RangeError when the bytes are no scorer, are damaged or cut short, or were made for other features. */
export function unpackModel(bytes: Uint8Array): ScorerModel {
  const end = bytes.indexOf(NEW_LINE);
  const head = headOf(end > 0 ? toAscii(bytes.subarray(0, end)) : null);
  const body = bytes.subarray(end + 1);
  const { roots, nodes, lexiconBytes } = head;
  if (body.length !== 4 * roots + NODE_BYTES * nodes + lexiconBytes)
    throw new RangeError(`the scorer's body has ${body.length} bytes`);
  if (checksum(body) !== head.sum) throw new RangeError("the scorer's bytes are damaged");
  if (head.features.join() !== FEATURES.join())
    throw new RangeError("the scorer was trained on other features");
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const trees = {
    bias: head.bias,
    roots: Int32Array.from({ length: roots }, (_, i) => view.getInt32(4 * i, true)),
    feature: new Int16Array(nodes),
    threshold: new Float32Array(nodes),
    left: new Int32Array(nodes),
    right: new Int32Array(nodes),
    value: new Float32Array(nodes),
  };
  let at = 4 * roots;
  for (let node = 0; node < nodes; node++, at += NODE_BYTES) {
    trees.feature[node] = view.getInt16(at, true);
    trees.left[node] = view.getInt32(at + 2, true);
    trees.right[node] = view.getInt32(at + 6, true);
    trees.threshold[node] = view.getFloat32(at + 10, true);
    trees.value[node] = view.getFloat32(at + 14, true);
  }
  const { id, embedder, calibration, coldStart } = head;
  return { id, embedder, trees, calibration, coldStart, lexicon: unpackLexicon(body.subarray(at)) };
}

/** Our own file: its format is checked and its bytes are summed, its fields are trusted. */
function headOf(line: string | null): Head {
  let value: unknown = null;
  try {
    value = JSON.parse(line ?? "null");
  } catch {
    // Told below.
  }
  const isHead = (fields: unknown): fields is Head =>
    typeof fields === "object" && fields !== null && "format" in fields && fields.format === FORMAT;
  if (!isHead(value)) throw new RangeError("these bytes are no packed scorer");
  return value;
}

function checksum(bytes: Uint8Array): number {
  let state = 0x811c9dc5;
  for (const byte of bytes) state = Math.imul(state ^ byte, 0x01000193);
  return state >>> 0;
}
