// The files of published policies through the Worker's front door, into R2 as workerd has it.
import { reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Bytes } from "../../../src/policy/network/bytes.ts";
import { POINTER_KEY } from "../../../src/policy/network/manifest.ts";
import { sha256 } from "../../../src/policy/network/manifest-gate.ts";
import { type Release } from "../../../src/trainer-node/publish.ts";
import { testRelease } from "../../support/golden-policy.ts";
import { call, codeOf, requestOf, send, signer } from "./trainer-calls.ts";

afterEach(reset);

const { subtle } = crypto;

let first: Release;
let second: Release;
beforeAll(async () => {
  const expires = Date.now() + 86_400_000;
  first = await testRelease(signer, { version: 1, seed: 1, expires });
  second = await testRelease(signer, { version: 2, seed: 2, previous: first.manifest, expires });
});

describe("published files", () => {
  const put = (
    key: string,
    bytes: Bytes,
    headers: Record<string, string> = { "if-none-match": "*" },
  ) => call({ method: "PUT", path: `/trainer/objects/${key}`, bytes, headers });
  const get = (key: string) => call({ method: "GET", path: `/trainer/objects/${key}` });
  const bytesOf = (text: string) => Uint8Array.from(new TextEncoder().encode(text));
  const filesOf = (release: Release) => [...release.files] as [string, Bytes][];

  it("are stored in their order, and read back with an etag", async () => {
    expect(await codeOf(await get(POINTER_KEY))).toBe("404 not_found");
    for (const [key, bytes] of filesOf(first)) expect((await put(key, bytes)).status).toBe(201);
    const pointer = await get(POINTER_KEY);
    const etag = pointer.headers.get("etag")!;
    expect(await pointer.json()).toEqual({ version: 1 });
    const [blob, manifest, next] = filesOf(second);
    expect((await put(...blob!)).status).toBe(201);
    expect((await put(...manifest!)).status).toBe(201);
    expect(await codeOf(await put(...next!))).toBe("412 precondition_failed");
    expect(await codeOf(await put(...next!, { "if-match": '"0"' }))).toBe(
      "412 precondition_failed",
    );
    expect((await put(...next!, { "if-match": etag })).status).toBe(201);
    expect(await codeOf(await put(...next!, { "if-match": etag }))).toBe("412 precondition_failed");
  });

  it("are never overwritten, but for the pointer", async () => {
    const [blob, manifest] = filesOf(first);
    for (const [key, bytes] of [blob!, manifest!]) {
      expect((await put(key, bytes)).status).toBe(201);
      expect(await codeOf(await put(key, bytes))).toBe("412 precondition_failed");
      for (const headers of [{}, { "if-match": '"1"' }, { "if-none-match": '"1"' }])
        expect(await codeOf(await put(key, bytes, headers as Record<string, string>))).toBe(
          "400 invalid_request",
        );
    }
  });

  it("are refused when they are not what their key says, or what they rest on is not there", async () => {
    const [blob, manifest, pointer] = filesOf(first);
    const [, later] = filesOf(second);
    const refusal = async (key: string, bytes: Bytes) => {
      const response = await put(key, bytes);
      return `${response.status} ${(await response.json<{ error: { message: string } }>()).error.message}`;
    };
    const changed = Uint8Array.from(blob![1], (byte, i) => (i === 100 ? byte ^ 1 : byte));
    expect(await refusal(blob![0], changed)).toBe("400 This file is not named by its SHA-256.");
    expect(await refusal(...manifest!)).toBe("400 This file names a blob that is not there.");
    expect(await refusal(...pointer!)).toBe("400 This file names a manifest that is not there.");
    await put(...blob!);
    const text = new TextDecoder().decode(manifest![1]);
    const forged = (from: RegExp, to: string) => bytesOf(text.replace(from, to));
    expect(await refusal("m/1.json", forged(/"trainingEpoch":\d+/, '"trainingEpoch":9'))).toBe(
      "400 This file is refused: signature-wrong.",
    );
    expect(await refusal("m/1.json", forged(/"keyId":"key-a"/, '"keyId":"key-b"'))).toBe(
      "400 This file is refused: signature-unknown-key.",
    );
    expect(await refusal("m/1.json", forged(/"format":1,/, ""))).toBe(
      "400 This file is refused: manifest-malformed.",
    );
    expect(await refusal("m/1.json", new Uint8Array(64 * 1024 + 1))).toMatch(/^413 /);
    expect(await refusal("m/7.json", manifest![1])).toBe(
      "400 This file is not named by its version.",
    );
    expect(await refusal("m/2.json", later![1])).toBe(
      "400 This file names a blob that is not there.",
    );
    await put(...manifest!);
    expect(await refusal(POINTER_KEY, bytesOf('{"version":0}'))).toBe(
      "400 This file is no pointer.",
    );
    expect(await refusal(POINTER_KEY, bytesOf('{"version":1001}'))).toBe(
      "400 This file does not follow version 0.",
    );
    expect(await refusal(POINTER_KEY, new Uint8Array(257))).toMatch(/^413 /);
    expect((await put(...pointer!)).status).toBe(201);
  });

  it.each([
    "a/acme/1",
    "e/eu/0/1-1.json",
    "r/eu/0/1-1.json",
    "w/abc",
    "m/0.json",
    "m/01.json",
    "m/1.json.bak",
    "current.json/x",
  ])("are all that can be reached: %s is no key", async (key) => {
    await env.STORE.put(key, "not for trainers");
    expect(await codeOf(await get(key))).toBe("404 not_found");
    expect(await codeOf(await put(key, new Uint8Array(1)))).toBe("404 not_found");
  });

  it("have 16 MiB at most, and nothing of a larger one is kept", async () => {
    const large = new Uint8Array(16 * 1024 * 1024 + 1);
    expect(await codeOf(await put(`w/${await sha256(large, subtle)}`, large))).toBe(
      "413 request_too_large",
    );
    expect((await env.STORE.list()).objects).toEqual([]);
  });

  it("cannot be asked for under another condition than the signed one", async () => {
    const [blob] = filesOf(first);
    const request = await requestOf({
      method: "PUT",
      path: `/trainer/objects/${blob![0]}`,
      bytes: blob![1],
      headers: { "if-none-match": "*" },
    });
    const headers = new Headers(request.headers);
    headers.delete("if-none-match");
    headers.set("if-match", '"1"');
    const changed = new Request(request.url, { method: "PUT", headers, body: blob![1] });
    expect(await codeOf(await send(changed))).toBe("401 invalid_signature");
  });
});
