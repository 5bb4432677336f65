// A disk that can lose power: what was not synced may be gone, or half there. A file's content and a directory's names are
// made durable apart, as a real file system does it.
import { type Disk } from "../../src/trainer-node/checkpoint.ts";
import { type Random } from "../../src/policy/random.ts";

export class PowerCut extends Error {}

export class PowerCutDisk implements Disk {
  /** Operations so far, reads not counted. */
  steps = 0;
  /** The power fails in the middle of this operation. */
  failAt = Number.POSITIVE_INFINITY;
  readonly #random: Random;
  /** Name -> file, as a process sees it, and as a power cut leaves it. */
  #names = new Map<string, { content: Buffer; durable: Buffer }>();
  #durableNames = new Map<string, { content: Buffer; durable: Buffer }>();

  constructor(random: Random) {
    this.#random = random;
  }

  async list(directory: string): Promise<string[]> {
    return [...this.#names.keys()].map((path) => path.slice(directory.length + 1));
  }

  async read(path: string): Promise<Uint8Array> {
    const file = this.#names.get(path);
    if (!file) throw new Error(`no file ${path}`);
    return file.content;
  }

  async write(path: string, chunks: readonly Uint8Array[]): Promise<void> {
    const content = Buffer.concat(chunks);
    const fails = this.#fails();
    const length = fails ? Math.floor(this.#random.uniform() * content.length) : content.length;
    this.#names.set(path, { content: content.subarray(0, length), durable: Buffer.alloc(0) });
    if (fails) throw this.#cut();
  }

  async sync(path: string): Promise<void> {
    if (this.#fails()) throw this.#cut();
    const file = this.#names.get(path);
    if (file) file.durable = file.content;
    else this.#durableNames = new Map(this.#names);
  }

  async rename(from: string, to: string): Promise<void> {
    if (this.#fails()) throw this.#cut();
    const file = this.#names.get(from);
    if (!file) throw new Error(`no file ${from}`);
    this.#names.delete(from);
    this.#names.set(to, file);
  }

  async remove(path: string): Promise<void> {
    if (this.#fails()) throw this.#cut();
    this.#names.delete(path);
  }

  /** Changes one bit of a file, as a bad sector would. */
  rot(path: string): void {
    const file = this.#names.get(path);
    if (!file) throw new Error(`no file ${path}`);
    const content = Buffer.from(file.content);
    const at = Math.floor(this.#random.uniform() * content.length);
    content[at]! ^= 1 << Math.floor(this.#random.uniform() * 8);
    file.content = file.durable = content;
  }

  #fails(): boolean {
    return ++this.steps === this.failAt;
  }

  /** Every name is as it was synced or as it is now, every content too, or a part of it: by chance. */
  #cut(): PowerCut {
    const names = this.#random.uniform() < 0.5 ? this.#names : this.#durableNames;
    this.#names = new Map(
      Array.from(names, ([name, file]) => {
        const length = Math.floor(this.#random.uniform() * (file.content.length + 1));
        const lost = this.#random.uniform() < 0.5 ? file.durable : file.content.subarray(0, length);
        const left = file.durable === file.content ? file.content : lost;
        return [name, { content: left, durable: left }];
      }),
    );
    this.#durableNames = new Map(this.#names);
    this.failAt = Number.POSITIVE_INFINITY;
    return new PowerCut(`the power failed at operation ${this.steps}`);
  }
}
