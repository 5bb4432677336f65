// R2's conditional writes over a Map: an etag is the number of the write.
import { type Bucket } from "../../src/trainer-node/publish.ts";

export interface MemoryBucket extends Bucket {
  read(key: string): Promise<Uint8Array<ArrayBuffer> | null>;
  readonly objects: Map<string, { bytes: Uint8Array<ArrayBuffer>; etag: string }>;
  /** Throws at the n-th operation from now on, before (put) or instead of doing it. */
  failAt(operation: number): void;
}

export function memoryBucket(): MemoryBucket {
  const objects: MemoryBucket["objects"] = new Map();
  let writes = 0;
  let left = Infinity;
  const operation = () => {
    if (--left < 0) throw new Error("the bucket is gone");
  };
  return {
    objects,
    failAt: (n) => (left = n),
    get: async (key) => {
      operation();
      const object = objects.get(key);
      return object
        ? { etag: object.etag, arrayBuffer: async () => object.bytes.slice().buffer }
        : null;
    },
    put: async (key, value, { onlyIf }) => {
      operation();
      const etag = objects.get(key)?.etag;
      const holds =
        "etagMatches" in onlyIf
          ? etag === onlyIf.etagMatches
          : onlyIf.etagDoesNotMatch !== "*" || etag === undefined;
      if (!holds) return null;
      objects.set(key, { bytes: value.slice(), etag: String(++writes) });
      return {};
    },
    read: async (key) => objects.get(key)?.bytes ?? null,
  };
}
