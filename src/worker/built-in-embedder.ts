// The embedder that the gateway brings along, unpacked once for the isolate: as what the index is searched by where it is
// configured, and always as what the pair scorer reads words by.
// oxlint-disable-next-line typescript/triple-slash-reference
/// <reference path="./modules.d.ts" />
import embedderFile from "../../data/embedders/subword-768.bin";
import { unpackEmbedder } from "../policy/embedding/packed-embedder.ts";
import { type BuiltInEmbedder } from "../policy/embedding/subword-embedder.ts";

const NEW_LINE = 10;

let embedder: BuiltInEmbedder | undefined;

/** Throws RangeError when the file is damaged. */
export const builtInEmbedder = (): BuiltInEmbedder =>
  (embedder ??= unpackEmbedder(new Uint8Array(embedderFile)));

let space: string | undefined;

/** Its id with the checksum of its weights: trained anew it is another space. */
export const builtInSpace = (): string => (space ??= spaceOf(new Uint8Array(embedderFile)));

function spaceOf(bytes: Uint8Array): string {
  const head = new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(NEW_LINE)));
  const { id, checksum } = JSON.parse(head) as { readonly id: string; readonly checksum: number };
  return `${id}/${checksum.toString(36)}`;
}
