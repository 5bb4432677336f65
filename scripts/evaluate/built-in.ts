// The models that the gateway brings along, from their files.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { hashEmbed } from "../../src/dev/embedding.ts";
import { type EmbedderProfile, embedderProfile } from "../../src/policy/embedders.ts";
import { unpackEmbedder } from "../../src/policy/embedding/packed-embedder.ts";
import { type EmbedderName } from "./options.ts";

export interface OpenEmbedder {
  readonly profile: EmbedderProfile;
  readonly embed: (text: string) => Float32Array;
}

const DATA = join(import.meta.dirname, "../../data");

export async function openEmbedder(name: EmbedderName): Promise<OpenEmbedder> {
  if (name === "hash") return { profile: embedderProfile("velo/hash-ngram-768"), embed: hashEmbed };
  const embedder = unpackEmbedder(await readFile(join(DATA, "embedders/subword-768.bin")));
  return {
    profile: embedderProfile(embedder.id, embedder.dimensions),
    embed: (text) => embedder.embed(text),
  };
}
