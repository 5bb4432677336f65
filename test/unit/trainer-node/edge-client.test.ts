// The trainer's side of the wire against a gateway that is a plain function: what it signs, what it believes, what it
// tries again, and the bucket on top of it.
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  type Claim,
  isSignedBy,
  parseClaim,
  REPLY_SIGNATURE,
  signReply,
  type TrainerKey,
} from "../../../src/durable/signed-request.ts";
import { EdgeClient } from "../../../src/trainer-node/edge-client.ts";
import { httpBucket } from "../../../src/trainer-node/http-bucket.ts";

const KEY: TrainerKey = { region: "eu", id: "k1", secret: "0123456789abcdefghijklmnopqrstuv" };
const { subtle } = crypto;
const sha256 = (body: string) => createHash("sha256").update(body).digest("hex");

interface Received {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: string;
  readonly claim: Claim;
}
type Answer = (request: Received) => Promise<Response> | Response;

/** What the gateway would send: signed for the request it answers. */
async function signed(
  { claim }: Pick<Received, "claim">,
  status: number,
  body: string,
  etag = "",
  as = KEY,
): Promise<Response> {
  const signature = await signReply({ status, etag, body: sha256(body) }, claim, as, subtle);
  const headers = { [REPLY_SIGNATURE]: signature, ...(etag && { etag }) };
  return new Response(body, { status, headers });
}

function clientOf(...answers: Answer[]) {
  const received: Received[] = [];
  const waits: number[] = [];
  const client = new EdgeClient({
    url: "https://velo.test/behind/a/proxy",
    key: KEY,
    wait: async (ms) => waits.push(ms),
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const { method, headers } = request;
      const claim = parseClaim(headers.get("authorization"))!;
      const got = { method, headers, url: new URL(request.url), body: await request.text(), claim };
      received.push(got);
      const answer = answers.shift();
      if (!answer) throw new TypeError("fetch failed");
      return await answer(got);
    },
  });
  return { client, received, waits };
}

const ok: Answer = (request) => signed(request, 200, '{"n":1}');

describe("a call", () => {
  it("is signed over what is sent, and each try anew", async () => {
    const fails: Answer = () => {
      throw new TypeError("fetch failed");
    };
    const { client, received, waits } = clientOf(fails, ok);
    expect(await client.post("/trainer/eu/lease?b=1&a=2", { max: 1 })).toEqual({
      ok: true,
      json: { n: 1 },
    });
    for (const { method, url, body, claim } of received) {
      expect(body).toBe('{"max":1}');
      const asked = {
        method,
        path: url.pathname,
        query: url.search,
        condition: "",
        body: sha256(body),
      };
      expect(asked.path).toBe("/behind/a/proxy/trainer/eu/lease");
      expect(await isSignedBy(KEY, asked, claim, subtle)).toBe(true);
    }
    expect(new Set(received.map(({ claim }) => claim.nonce)).size).toBe(2);
    expect(waits).toHaveLength(1);
  });

  it.each<[string, Answer]>([
    [
      "another key's signature",
      (request) => signed(request, 200, "{}", "", { ...KEY, secret: "x".repeat(32) }),
    ],
    [
      "an earlier reply",
      ({ claim }) => signed({ claim: { ...claim, nonce: "0".repeat(32) } }, 200, "{}"),
    ],
    [
      "another body than the signed one",
      async (request) =>
        new Response('{"packs":[1]}', { headers: (await signed(request, 200, "{}")).headers }),
    ],
    [
      "another status than the signed one",
      async (request) =>
        new Response("{}", { status: 409, headers: (await signed(request, 200, "{}")).headers }),
    ],
    ["no signature", () => new Response("{}")],
    ["no signature and the word that the lease is gone", () => new Response("{}", { status: 409 })],
    ["a fault of the gateway", (request) => signed(request, 503, "{}")],
  ])("does not believe %s, and asks again", async (_, answer) => {
    const { client, received } = clientOf(answer, ok);
    expect(await client.post("/trainer/eu/ack", {})).toEqual({ ok: true, json: { n: 1 } });
    expect(received).toHaveLength(2);
  });

  it.each([401, 403, 404])(
    "is not repeated after an unsigned %i: no retry makes a key right",
    async (status) => {
      const { client, received } = clientOf(() => new Response("who are you?", { status }), ok);
      await expect(client.post("/trainer/eu/ack", {})).rejects.toThrow(`${status}: who are you?`);
      expect(received).toHaveLength(1);
    },
  );

  it("gives up after four tries, after waits that double, each between half of its length and all of it", async () => {
    const { client, received, waits } = clientOf();
    await expect(client.post("/trainer/eu/ack", {})).rejects.toThrow("does not answer");
    expect(received).toHaveLength(4);
    for (const [i, most] of [250, 500, 1000].entries()) {
      expect(waits[i]).toBeGreaterThanOrEqual(most / 2);
      expect(waits[i]).toBeLessThanOrEqual(most);
    }
  });

  it("reports a signed refusal by its status", async () => {
    const { client } = clientOf((request) => signed(request, 409, "{}"));
    expect(await client.post("/trainer/eu/ack", {})).toEqual({ ok: false, status: 409 });
  });
});

describe("the bucket over the routes", () => {
  const bytes = new TextEncoder().encode('{"version":1}');
  const lost: Answer = () => {
    throw new TypeError("fetch failed");
  };

  it("reads an object with its etag, or null", async () => {
    const { client } = clientOf(
      (r) => signed(r, 200, "abc", '"e1"'),
      (r) => signed(r, 404, "{}"),
    );
    const bucket = httpBucket(client);
    const object = await bucket.get("current.json");
    expect(object?.etag).toBe("e1");
    expect(Buffer.from(await object!.arrayBuffer()).toString()).toBe("abc");
    expect(await bucket.get("m/1.json")).toBeNull();
  });

  it.each([
    [{ etagMatches: "e1" }, "if-match", '"e1"'],
    [{ etagDoesNotMatch: "*" }, "if-none-match", "*"],
  ])("writes under the condition %j, which is signed", async (onlyIf, name, value) => {
    const { client, received } = clientOf((r) => signed(r, 201, "{}"));
    expect(await httpBucket(client).put("current.json", bytes, { onlyIf })).not.toBeNull();
    const [{ method, url, headers, claim, body }] = received as [Received];
    expect(headers.get(name)).toBe(value);
    const asked = {
      method,
      path: url.pathname,
      query: "",
      condition: `${name}: ${value}`,
      body: sha256(body),
    };
    expect(await isSignedBy(KEY, asked, claim, subtle)).toBe(true);
  });

  it("says null when the condition failed", async () => {
    const { client } = clientOf((r) => signed(r, 412, "{}"));
    expect(
      await httpBucket(client).put("current.json", bytes, { onlyIf: { etagMatches: "e1" } }),
    ).toBeNull();
  });

  it("takes an object for written when its own first try wrote it and the reply was lost", async () => {
    const onlyIf = { etagDoesNotMatch: "*" };
    const own = clientOf(
      lost,
      (r) => signed(r, 412, "{}"),
      (r) => signed(r, 200, '{"version":1}'),
    );
    expect(await httpBucket(own.client).put("current.json", bytes, { onlyIf })).not.toBeNull();
    const other = clientOf(
      lost,
      (r) => signed(r, 412, "{}"),
      (r) => signed(r, 200, '{"version":7}'),
    );
    expect(await httpBucket(other.client).put("current.json", bytes, { onlyIf })).toBeNull();
  });

  it("fails with the gateway's words when a file is refused", async () => {
    const { client } = clientOf((r) => signed(r, 400, "names a blob that is not there"));
    await expect(
      httpBucket(client).put("m/1.json", bytes, { onlyIf: { etagDoesNotMatch: "*" } }),
    ).rejects.toThrow("400 names a blob that is not there");
  });
});
