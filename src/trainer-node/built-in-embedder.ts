// The embedder that the gateway brings along, for what runs outside the Worker.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { embedderProfile, type EmbedderProfile } from "../policy/embedders.ts";
import { unpackEmbedder } from "../policy/embedding/packed-embedder.ts";
import { type BuiltInEmbedder, SUBWORD_MODEL } from "../policy/embedding/subword-embedder.ts";

const FILE = join(import.meta.dirname, "../../data/embedders/subword-768.bin");

export const BUILT_IN_EMBEDDER: EmbedderProfile = embedderProfile(SUBWORD_MODEL);

let opened: BuiltInEmbedder | undefined;

/** One for the process. Throws when its file is missing or damaged. */
const builtInEmbedder = (): BuiltInEmbedder => (opened ??= unpackEmbedder(readFileSync(FILE)));

/** Unit vector of a text; all zeros for one without letters or digits. */
export const builtInEmbed = (text: string): Float32Array => builtInEmbedder().embed(text);
