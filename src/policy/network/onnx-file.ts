// Reads what a policy file holds before any runtime sees it: the float weights, and the skeleton (everything else), which
// must be exactly the skeleton of our own graph. So another operator, another shape, external data, a sparse tensor or a
// subgraph is a different skeleton, and only numbers can change between two published policies.
import { type Bytes } from "./bytes.ts";
import { Message, fieldsOf } from "./protobuf.ts";

export interface OnnxContent {
  /** Every float initialiser by name. */
  readonly floats: ReadonlyMap<string, Float32Array>;
  /** The file without the values of its float initialisers. */
  readonly skeleton: Bytes;
}

/** Field numbers of onnx.proto. */
const MODEL_GRAPH = 7;
const GRAPH_INITIALIZER = 5;
const TENSOR = { dims: 1, dataType: 2, name: 8, rawData: 9 } as const;
const FLOAT = 1;

class OnnxFileError extends Error {
  override readonly name = "OnnxFileError";
}

/** Throws ProtobufError or OnnxFileError when the bytes are no such file. */
export function readOnnx(bytes: Uint8Array): OnnxContent {
  const floats = new Map<string, Float32Array>();
  const skeleton = new Message();
  for (const field of fieldsOf(bytes)) {
    if (field.field === MODEL_GRAPH && field.wire === 2)
      skeleton.bytes(MODEL_GRAPH, graphSkeleton(field.content, floats));
    else skeleton.raw(field.all);
  }
  return { floats, skeleton: skeleton.finish() };
}

function graphSkeleton(graph: Uint8Array, floats: Map<string, Float32Array>): Bytes {
  const skeleton = new Message();
  for (const field of fieldsOf(graph)) {
    if (field.field === GRAPH_INITIALIZER && field.wire === 2)
      skeleton.bytes(GRAPH_INITIALIZER, tensorSkeleton(field.content, floats));
    else skeleton.raw(field.all);
  }
  return skeleton.finish();
}

/** A tensor's fields but for the raw data of a float tensor, which goes to `floats`. */
function tensorSkeleton(tensor: Uint8Array, floats: Map<string, Float32Array>): Bytes {
  let size = 1;
  let dataType = 0;
  let name = "";
  let raw: Uint8Array | null = null;
  for (const field of fieldsOf(tensor)) {
    if (field.field === TENSOR.dims && field.wire === 0) size *= field.value;
    if (field.field === TENSOR.dataType && field.wire === 0) dataType = field.value;
    if (field.field === TENSOR.name) name = String.fromCharCode(...field.content.subarray(0, 200));
    if (field.field === TENSOR.rawData) {
      if (raw !== null) throw new OnnxFileError(`${name} has its values twice`);
      raw = field.content;
    }
  }
  if (dataType !== FLOAT) return Uint8Array.from(tensor);
  if (raw === null || raw.length !== 4 * size)
    throw new OnnxFileError(`${name} has ${raw?.length ?? 0} bytes for ${size} float values`);
  if (floats.has(name)) throw new OnnxFileError(`${name} is there twice`);
  floats.set(name, floatsOf(raw));
  const skeleton = new Message();
  for (const field of fieldsOf(tensor)) if (field.field !== TENSOR.rawData) skeleton.raw(field.all);
  return skeleton.finish();
}

/** A copy: raw data is aligned to nothing. */
function floatsOf(raw: Uint8Array): Float32Array {
  const bytes = Uint8Array.from(raw);
  return new Float32Array(bytes.buffer, 0, bytes.length / 4);
}
