// A trainer's memory between runs: weights, optimiser and the ids of every experience that is in them, in one file that is
// replaced whole. Experiences are acknowledged only after the file that contains them was written (pull.ts), so a
// trainer that dies at any moment learns each of them once.
import { createHash } from "node:crypto";
import { mkdir, open, readFile, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";

type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

export interface Checkpoint {
  readonly format: 1;
  /** Updates done (paper: u). */
  readonly update: number;
  /** Version published last; 0 before the first. */
  readonly version: number;
  /** Weights, moments of the optimiser and whatever else is float32, by name. */
  readonly tensors: ReadonlyMap<string, Float32Array>;
  /** Ids of what was learnt or is kept in `rest`, oldest first; bounded by pull.ts. */
  readonly seen: ReadonlySet<string>;
  /** Everything else that the trainer goes on from. */
  readonly rest: JsonValue;
}

/** The file system as a checkpoint needs it; what was written survives a power cut only after `sync`. */
export interface Disk {
  /** Names in a directory, which is made when it is missing. */
  list(directory: string): Promise<readonly string[]>;
  read(path: string): Promise<Uint8Array>;
  /** Creates or replaces a file. */
  write(path: string, chunks: readonly Uint8Array[]): Promise<void>;
  /** Of a file's content, or of a directory's names. */
  sync(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

export interface CheckpointOptions {
  readonly disk?: Disk;
  /** Told what is wrong when the newest file cannot be used and an older one is. */
  readonly onDamage?: (message: string) => void;
}

/** What a file begins with: name and number of the layout. */
const MAGIC = Buffer.from("velockp1", "latin1");
const DIGEST_BYTES = 32;
/** The newest two stay: should one file rot, the one before it is still there. */
const KEPT = 2;
const NAME = /^checkpoint-(\d{12})$/;
const PARTIAL = /^checkpoint-\d{12}\.partial$/;

interface Header {
  readonly format: 1;
  readonly update: number;
  readonly version: number;
  readonly tensors: readonly { readonly name: string; readonly length: number }[];
  readonly seen: readonly string[];
  readonly rest: JsonValue;
}

/**
 * Writes the next checkpoint beside the last one; when this resolves it survives a power cut. One trainer at a time per
 * directory.
 */
export async function writeCheckpoint(
  directory: string,
  checkpoint: Checkpoint,
  { disk = nodeDisk }: CheckpointOptions = {},
): Promise<void> {
  const names = await disk.list(directory);
  const numbers = numbersOf(names);
  const path = join(directory, nameOf((numbers[0] ?? 0) + 1));
  const partial = `${path}.partial`;
  await disk.write(partial, encode(checkpoint));
  // Content before name: a file that has its name is whole.
  await disk.sync(partial);
  await disk.rename(partial, path);
  await disk.sync(directory);
  for (const old of numbers.slice(KEPT - 1)) await disk.remove(join(directory, nameOf(old)));
  for (const name of names.filter(
    (each) => PARTIAL.test(each) && join(directory, each) !== partial,
  ))
    await disk.remove(join(directory, name));
}

/**
 * The newest checkpoint that is whole, or null in a directory without any.
 * @throws when there are checkpoints and none can be read: to begin again would forget what was acknowledged
 */
export async function readCheckpoint(
  directory: string,
  { disk = nodeDisk, onDamage = warn }: CheckpointOptions = {},
): Promise<Checkpoint | null> {
  const damaged: string[] = [];
  for (const number of numbersOf(await disk.list(directory))) {
    const path = join(directory, nameOf(number));
    try {
      const checkpoint = decode(await disk.read(path));
      if (damaged.length > 0)
        onDamage(
          `${damaged.join("; ")}. Going on from ${path}: what was learnt after update ${checkpoint.update} is lost.`,
        );
      return checkpoint;
    } catch (error) {
      damaged.push(`${path} is damaged: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (damaged.length > 0)
    throw new Error(
      `no checkpoint can be read (${damaged.join("; ")}); move the directory away to begin again`,
    );
  return null;
}

/** Newest first. */
const numbersOf = (names: readonly string[]): number[] =>
  names
    .flatMap((name) => NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .toSorted((a, b) => b - a);

const nameOf = (number: number): string => `checkpoint-${String(number).padStart(12, "0")}`;

/** magic, length of the header (uint32), header (JSON), tensors (float32, little-endian), SHA-256 of all before it */
function encode(checkpoint: Checkpoint): Uint8Array[] {
  const { format, update, version, tensors, seen, rest } = checkpoint;
  const header: Header = {
    format,
    update,
    version,
    tensors: Array.from(tensors, ([name, { length }]) => ({ name, length })),
    seen: [...seen],
    rest,
  };
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  const chunks: Uint8Array[] = [MAGIC, length, text];
  for (const tensor of tensors.values())
    chunks.push(new Uint8Array(tensor.buffer, tensor.byteOffset, tensor.byteLength));
  return [...chunks, digestOf(chunks)];
}

function decode(bytes: Uint8Array): Checkpoint {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const body = file.subarray(0, Math.max(0, file.length - DIGEST_BYTES));
  if (!body.subarray(0, MAGIC.length).equals(MAGIC))
    throw new Error("it is no checkpoint of this release");
  if (!digestOf([body]).equals(file.subarray(body.length)))
    throw new Error("its checksum does not match");
  const start = MAGIC.length + 4;
  let offset = start + body.readUInt32LE(MAGIC.length);
  const header = JSON.parse(body.toString("utf8", start, offset)) as Header;
  const tensors = new Map<string, Float32Array>();
  for (const { name, length } of header.tensors) {
    // Copied, because a view would need an offset that is a multiple of four.
    tensors.set(
      name,
      new Float32Array(Uint8Array.from(body.subarray(offset, offset + 4 * length)).buffer),
    );
    offset += 4 * length;
  }
  const { format, update, version, rest } = header;
  return { format, update, version, tensors, seen: new Set(header.seen), rest };
}

function digestOf(chunks: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha256");
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest();
}

// oxlint-disable-next-line no-console -- a trainer is a command: this is where its operator looks
const warn = (message: string): void => console.error(message);

const nodeDisk: Disk = {
  async list(directory) {
    await mkdir(directory, { recursive: true });
    return await readdir(directory);
  },
  read: (path) => readFile(path),
  async write(path, chunks) {
    const file = await open(path, "w");
    try {
      for (const chunk of chunks) await file.writeFile(chunk);
    } finally {
      await file.close();
    }
  },
  async sync(path) {
    const file = await open(path, "r");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  },
  rename,
  remove: (path) => rm(path, { force: true }),
};
