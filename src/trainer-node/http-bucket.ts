// The bucket of publish.ts over the gateway's routes: a trainer needs no access to the storage itself.
import { type Bytes, equalBytes } from "../policy/network/bytes.ts";
import { type EdgeClient, EdgeError } from "./edge-client.ts";
import { type Bucket } from "./publish.ts";

export function httpBucket(edge: Pick<EdgeClient, "call">): Bucket {
  const get: Bucket["get"] = async (key) => {
    const { status, etag, body } = await edge.call({ method: "GET", path: pathOf(key) });
    if (status === 404) return null;
    if (status !== 200) throw unexpected("GET", key, status, body);
    // As the bucket itself gives it: without the quotes of the header.
    return { etag: etag.replace(/^"|"$/g, ""), arrayBuffer: async () => body.buffer };
  };
  return {
    get,
    async put(key, value, { onlyIf }) {
      const condition =
        "etagMatches" in onlyIf
          ? ({ name: "if-match", value: `"${onlyIf.etagMatches}"` } as const)
          : ({ name: "if-none-match", value: onlyIf.etagDoesNotMatch } as const);
      const call = { method: "PUT", path: pathOf(key), body: value, condition } as const;
      const { status, body, attempts } = await edge.call(call);
      if (status === 201) return {};
      if (status !== 412) throw unexpected("PUT", key, status, body);
      // The reply to an earlier try may have been lost: then the object is ours already.
      const stored = attempts > 1 ? await get(key) : null;
      return stored && equalBytes(new Uint8Array(await stored.arrayBuffer()), value) ? {} : null;
    },
  };
}

const pathOf = (key: string): string => `/trainer/objects/${key}`;

function unexpected(method: string, key: string, status: number, body: Bytes): EdgeError {
  const said = new TextDecoder().decode(body.subarray(0, 300));
  return new EdgeError(`${method} ${key}: ${status} ${said}`, status, false);
}
