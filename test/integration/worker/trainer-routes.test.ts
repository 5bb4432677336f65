// The trainer's routes where they run, through the Worker's front door: signatures, nonces in a Durable Object's storage,
// leases of real packs.
import { evictDurableObject, reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it } from "vitest";
import { type TrainerLease } from "../../../src/durable/leases.ts";
import { isReplyTo, parseClaim, REPLY_SIGNATURE } from "../../../src/durable/signed-request.ts";
import { sha256 } from "../../../src/policy/network/manifest-gate.ts";
import { experienceOf, outcomeOf, reportOf } from "../../support/region-rig.ts";
import {
  type Call,
  call,
  codeOf,
  EU,
  NEXT,
  requestOf,
  send,
  settingOf,
  US,
} from "./trainer-calls.ts";

afterEach(reset);

const { subtle } = crypto;
const LEASE = { shard: 0, trainer: "t1", max: 100 };
const region = () => env.REGION.getByName("region/eu/0");

describe("who may call", () => {
  it("with no keys set the routes do not exist, and keys that cannot be right are said to be of no use", async () => {
    expect(await codeOf(await call({ body: LEASE, keys: null }))).toBe("404 not_found");
    expect(await codeOf(await call({ body: LEASE, keys: "" }))).toBe("404 not_found");
    const broken = await call({ body: LEASE, keys: "eu/now:change-me" });
    expect(await codeOf(broken)).toBe("503 unavailable");
    expect(broken.headers.get(REPLY_SIGNATURE)).toBeNull();
  });

  it("a good request is answered, and the answer is signed for this request alone", async () => {
    const request = await requestOf({ body: LEASE });
    const response = await send(request);
    const body = new Uint8Array(await response.arrayBuffer());
    expect(response.status).toBe(200);
    const claim = parseClaim(request.headers.get("authorization"))!;
    const answered = { status: 200, etag: "", body: await sha256(body, subtle) };
    const signature = response.headers.get(REPLY_SIGNATURE)!;
    expect(await isReplyTo(claim, answered, signature, EU, subtle)).toBe(true);
    const other = { ...claim, nonce: "f".repeat(32) };
    expect(await isReplyTo(other, answered, signature, EU, subtle)).toBe(false);
  });

  it.each<[string, Call, string]>([
    ["301 s early", { body: LEASE, timeOff: -301_000 }, "401 invalid_signature"],
    ["301 s late", { body: LEASE, timeOff: 301_000 }, "401 invalid_signature"],
    ["another region's key", { body: LEASE, key: US }, "401 invalid_signature"],
    [
      "another region's secret",
      { body: LEASE, key: { ...EU, secret: US.secret } },
      "401 invalid_signature",
    ],
    ["a key that is gone", { body: LEASE, keys: settingOf([NEXT]) }, "401 invalid_signature"],
    ["an unknown key", { body: LEASE, key: { ...EU, id: "who" } }, "401 invalid_signature"],
  ])("a request with %s is refused, unsigned", async (_, what, code) => {
    const response = await call(what);
    expect(response.headers.get(REPLY_SIGNATURE)).toBeNull();
    expect(await codeOf(response)).toBe(code);
  });

  it("both keys of a region work while one is exchanged for the other", async () => {
    for (const key of [EU, NEXT]) expect((await call({ body: LEASE, key })).status).toBe(200);
  });

  it("a request changed on its way is refused, field by field", async () => {
    const change = async (how: (request: Request) => Request | Promise<Request>) =>
      await codeOf(await send(await how(await requestOf({ body: LEASE }))));
    const bodyOf = (request: Request, url: string, more: RequestInit = {}) =>
      new Request(url, {
        method: "POST",
        headers: request.headers,
        body: JSON.stringify(LEASE),
        ...more,
      });
    const path = "https://velo.test/trainer/eu";
    expect(await change((request) => bodyOf(request, `${path}/ack`))).toBe("401 invalid_signature");
    expect(await change((request) => bodyOf(request, `${path}/lease?shard=1`))).toBe(
      "401 invalid_signature",
    );
    expect(
      await change((request) => bodyOf(request, `https://velo.test/eu/trainer/eu/lease`)),
    ).toBe("401 invalid_signature");
    expect(
      await change((request) =>
        bodyOf(request, `${path}/lease`, { body: JSON.stringify({ ...LEASE, max: 99 }) }),
      ),
    ).toBe("401 invalid_signature");
    const spoil = async (from: RegExp, to: string) =>
      await change((request) => {
        const headers = new Headers(request.headers);
        headers.set("authorization", headers.get("authorization")!.replace(from, to));
        return bodyOf(request, `${path}/lease`, { headers });
      });
    expect(await spoil(/key=now/, "key=next")).toBe("401 invalid_signature");
    expect(await spoil(/time=\d/, "time=9")).toBe("401 invalid_signature");
    expect(await spoil(/nonce=0/, "nonce=1")).toBe("401 invalid_signature");
    expect(await spoil(/region=eu/, "region=us")).toBe("401 invalid_signature");
    expect(await spoil(/signature=./, "signature=g")).toBe("401 invalid_signature");
    expect(await spoil(/signature=.*/, "signature=00")).toBe("401 invalid_signature");
    expect(await spoil(/^Velo1/, "Bearer")).toBe("401 invalid_signature");
    // The same request untouched.
    expect((await send(bodyOf(await requestOf({ body: LEASE }), `${path}/lease`))).status).toBe(
      200,
    );
  });

  it("a request is good once, also when its object was restarted in between, and the refusal is unsigned", async () => {
    const request = await requestOf({ body: LEASE });
    const again = [request.clone(), request.clone()];
    expect((await send(request)).status).toBe(200);
    expect(await codeOf(await send(again[0]!))).toBe("409 conflict");
    await evictDurableObject(region());
    const replayed = await send(again[1]!);
    expect(replayed.headers.get(REPLY_SIGNATURE)).toBeNull();
    expect(await codeOf(replayed)).toBe("409 conflict");
  });

  it("a nonce is used up for another request too", async () => {
    const nonce = "ab".repeat(16);
    expect((await call({ body: LEASE, nonce })).status).toBe(200);
    expect(await codeOf(await call({ body: { ...LEASE, max: 7 }, nonce }))).toBe("409 conflict");
  });
});

describe("packs", () => {
  const lease = async (): Promise<TrainerLease> => await (await call({ body: LEASE })).json();
  const ack = (body: unknown) => call({ path: "/trainer/eu/ack", body });

  it("are leased, kept by a heartbeat and acknowledged once", async () => {
    await region().report(
      reportOf({
        experiences: [experienceOf("d1"), experienceOf("d2")],
        outcomes: [outcomeOf("d1")],
      }),
    );
    await region().flush();
    const { leaseToken, packs } = await lease();
    expect(packs.map(({ experiences }) => experiences.map(({ expId }) => expId))).toEqual([
      ["d1", "d2"],
    ]);
    expect((await lease()).packs).toEqual([]);
    const beat = await call({
      path: "/trainer/eu/heartbeat",
      body: { shard: 0, lease_token: leaseToken },
    });
    expect((await beat.json<{ expires_at: number }>()).expires_at).toBeGreaterThan(
      Date.now() + 50_000,
    );
    const done = { shard: 0, lease_token: leaseToken, pack_ids: packs.map(({ packId }) => packId) };
    expect(await (await ack(done)).json()).toEqual({ acked: 1 });
    expect(await (await ack(done)).json()).toEqual({ acked: 0 });
    expect((await lease()).packs).toEqual([]);
  });

  it("hold no text, though a record in the region's storage should have one", async () => {
    const planted = { question: "canary-7f3a", comment: "canary-7f3a" };
    await region().report(
      reportOf({
        experiences: [{ ...experienceOf("d1"), ...planted }],
        outcomes: [{ ...outcomeOf("d1"), ...planted }],
        labels: [
          {
            labelId: "l1",
            expId: "d1",
            tenant: "t1",
            source: "human",
            correct: 1,
            weight: 1,
            ...planted,
          },
        ],
      }),
    );
    await region().flush();
    const text = await (await call({ body: LEASE })).text();
    expect(text).not.toContain("canary");
    const [pack] = (JSON.parse(text) as TrainerLease).packs;
    expect(pack).toMatchObject({
      experiences: [{ expId: "d1", mu: 0.9 }],
      outcomes: [{ expId: "d1" }],
      labels: [{ labelId: "l1" }],
    });
  });

  it("are not acknowledged under a token that holds nothing: 409, signed", async () => {
    await region().report(reportOf({ experiences: [experienceOf("d1")] }));
    await region().flush();
    const { packs } = await lease();
    const stale = await ack({
      shard: 0,
      lease_token: "0".repeat(32),
      pack_ids: packs.map(({ packId }) => packId),
    });
    expect(stale.headers.get(REPLY_SIGNATURE)).not.toBeNull();
    expect(await codeOf(stale)).toBe("409 conflict");
    const beat = await call({
      path: "/trainer/eu/heartbeat",
      body: { shard: 0, lease_token: "0".repeat(32) },
    });
    expect(await codeOf(beat)).toBe("409 conflict");
  });

  it.each<[string, Call, string]>([
    ["a shard that is not there", { body: { ...LEASE, shard: 1 } }, "400 invalid_request"],
    ["a fraction of a shard", { body: { ...LEASE, shard: 0.5 } }, "400 invalid_request"],
    ["nothing asked for", { body: { ...LEASE, max: 0 } }, "400 invalid_request"],
    ["too much asked for", { body: { ...LEASE, max: 2_001 } }, "400 invalid_request"],
    [
      "a trainer's name that is a text",
      { body: { ...LEASE, trainer: "a b" } },
      "400 invalid_request",
    ],
    ["a list as its body", { body: [] }, "400 invalid_request"],
    [
      "ids that are no packs'",
      { path: "/trainer/eu/ack", body: { shard: 0, lease_token: "a", pack_ids: ["x"] } },
      "400 invalid_request",
    ],
    [
      "too many ids",
      {
        path: "/trainer/eu/ack",
        body: {
          shard: 0,
          lease_token: "a",
          pack_ids: Array.from({ length: 1_001 }, (_, i) => `${i}-${i}`),
        },
      },
      "400 invalid_request",
    ],
    ["a body that is too large", { bytes: new Uint8Array(64 * 1024 + 1) }, "413 request_too_large"],
    ["a call that does not exist", { path: "/trainer/eu/steal", body: LEASE }, "404 not_found"],
    [
      "a region that is not configured",
      {
        path: "/trainer/mars/lease",
        body: LEASE,
        key: { ...EU, region: "mars" },
        keys: settingOf([{ ...EU, region: "mars" }]),
      },
      "404 not_found",
    ],
  ])("are not had with %s", async (_, what, code) => {
    expect(await codeOf(await call(what))).toBe(code);
  });
});
