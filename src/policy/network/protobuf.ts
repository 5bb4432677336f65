// The four wire types of protobuf, written and walked. Enough for ONNX files, with no schema and no dependency.
import { type Bytes } from "./bytes.ts";

/** Builds one message; fields come out in the order in which they are added. */
export class Message {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  varint(field: number, value: number | bigint): this {
    return this.#push(varint(BigInt(field) << 3n)).#push(varint(BigInt(value)));
  }
  float(field: number, value: number): this {
    const data = new DataView(new ArrayBuffer(4));
    data.setFloat32(0, value, true);
    return this.#push(varint((BigInt(field) << 3n) | 5n)).#push(new Uint8Array(data.buffer));
  }
  bytes(field: number, value: Uint8Array): this {
    return this.#push(varint((BigInt(field) << 3n) | 2n)).#push(varint(BigInt(value.length))).#push(
      value,
    );
  }
  /** @param value ASCII */
  text(field: number, value: string): this {
    return this.bytes(
      field,
      Uint8Array.from(value, (character) => character.charCodeAt(0)),
    );
  }
  message(field: number, value: Message): this {
    return this.bytes(field, value.finish());
  }
  /** Bytes of one or more whole fields, as they are. */
  raw(value: Uint8Array): this {
    return this.#push(value);
  }
  finish(): Bytes {
    const out = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }
  #push(part: Uint8Array): this {
    this.#parts.push(part);
    this.#length += part.length;
    return this;
  }
}

/** Negative numbers are written as their 64-bit two's complement, as int64 fields are. */
function varint(value: bigint): Uint8Array {
  let rest = BigInt.asUintN(64, value);
  const out: number[] = [];
  while (rest >= 0x80n) {
    out.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return Uint8Array.from(out);
}

export interface Field {
  readonly field: number;
  readonly wire: 0 | 1 | 2 | 5;
  /** Value of a varint; 0 for the other wire types. */
  readonly value: number;
  /** Content of a length-delimited field. */
  readonly content: Uint8Array;
  /** The whole field, tag and length included. */
  readonly all: Uint8Array;
}

class ProtobufError extends Error {
  override readonly name = "ProtobufError";
}

const NO_CONTENT: Uint8Array = new Uint8Array(0);

/** The fields of a message in file order; views into `bytes`, nothing is copied. Throws ProtobufError. */
export function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  let at = 0;
  const readVarint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 49; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) throw new ProtobufError(`varint runs past byte ${bytes.length}`);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new ProtobufError(`varint at byte ${at} is longer than any size or dimension`);
  };
  while (at < bytes.length) {
    const from = at;
    const tag = readVarint();
    const wire = tag & 7;
    let value = 0;
    let content: Uint8Array = NO_CONTENT;
    if (wire === 0) value = readVarint();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else if (wire === 2) {
      const length = readVarint();
      content = bytes.subarray(at, at + length);
      at += length;
    } else throw new ProtobufError(`wire type ${wire} at byte ${from}`);
    if (at > bytes.length) throw new ProtobufError(`field at byte ${from} runs past the end`);
    yield { field: Math.floor(tag / 8), wire, value, content, all: bytes.subarray(from, at) };
  }
}
