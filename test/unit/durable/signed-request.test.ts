import { createHash, createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Nonces } from "../../../src/durable/nonces.ts";
import { migrate, REGION_SCHEMA } from "../../../src/durable/rows.ts";
import {
  type Answered,
  type Asked,
  type Claim,
  isInTime,
  isReplyTo,
  isSignedBy,
  parseClaim,
  parseTrainerKeys,
  signReply,
  signRequest,
  type TrainerKey,
} from "../../../src/durable/signed-request.ts";
import { nodeStore } from "../../support/node-rig.ts";

const { subtle } = crypto;
const KEY: TrainerKey = { region: "eu", id: "k1", secret: "0123456789abcdefghijklmnopqrstuv" };
const ASKED: Asked = {
  method: "POST",
  path: "/trainer/eu/lease",
  query: "",
  condition: "",
  body: createHash("sha256").update("{}").digest("hex"),
};
const ONCE = { time: 1_700_000_000_000, nonce: "00112233445566778899aabbccddeeff" };

const claimOf = async (asked: Asked = ASKED, key: TrainerKey = KEY): Promise<Claim> => {
  const claim = parseClaim(await signRequest(asked, key, ONCE, subtle));
  if (claim === null) throw new Error("its own header must be readable");
  return claim;
};

describe("a signed request", () => {
  it("carries HMAC-SHA-256 of its parts, each behind its length in four bytes", async () => {
    const { signature } = await claimOf();
    const parts = [
      "velo-hmac-1",
      "POST",
      "/trainer/eu/lease",
      "",
      "",
      ASKED.body,
      "1700000000000",
      ONCE.nonce,
      "eu",
      "k1",
    ];
    const hmac = createHmac("sha256", KEY.secret);
    for (const part of parts) hmac.update(Buffer.from([0, 0, 0, part.length])).update(part);
    expect(signature).toBe(hmac.digest("hex"));
  });

  it("is good for its sender's key", async () => {
    expect(await isSignedBy(KEY, ASKED, await claimOf(), subtle)).toBe(true);
  });

  it.each([
    ["method", { method: "PUT" }],
    ["path", { path: "/trainer/eu/ack" }],
    ["a region's prefix before the path", { path: "/us/trainer/eu/lease" }],
    ["query", { query: "?shard=1" }],
    ["condition", { condition: "if-none-match: *" }],
    ["body", { body: createHash("sha256").update("{ }").digest("hex") }],
  ])("is not good any more with another %s", async (_, changed) => {
    expect(await isSignedBy(KEY, { ...ASKED, ...changed }, await claimOf(), subtle)).toBe(false);
  });

  it.each([
    ["time", { time: ONCE.time + 1 }],
    ["nonce", { nonce: ONCE.nonce.replace("ff", "fe") }],
    ["region", { region: "us" }],
    ["key id", { keyId: "k2" }],
    ["signature", { signature: "0".repeat(64) }],
    ["shorter signature", { signature: "00" }],
    ["empty signature", { signature: "" }],
    ["longer signature", { signature: "0".repeat(66) }],
    ["signature that is no hex", { signature: "zz" }],
  ])("is not good any more with another %s", async (_, changed) => {
    const claim = { ...(await claimOf()), ...changed };
    // The secret alone decides nothing: region and id of the key must be those of the claim.
    const holder = { ...KEY, region: claim.region, id: claim.keyId };
    expect(await isSignedBy(holder, ASKED, claim, subtle)).toBe(false);
    expect(await isSignedBy(KEY, ASKED, claim, subtle)).toBe(false);
  });

  it("is not good with any single bit of its signature flipped", async () => {
    const claim = await claimOf();
    for (let bit = 0; bit < 256; bit++) {
      const bytes = Buffer.from(claim.signature, "hex");
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      const flipped = { ...claim, signature: bytes.toString("hex") };
      expect(await isSignedBy(KEY, ASKED, flipped, subtle), `bit ${bit}`).toBe(false);
    }
  });

  it("is not good under another region's key, an old one after its rotation, or an unknown one", async () => {
    const claim = await claimOf();
    const others = [
      { ...KEY, region: "us" },
      { ...KEY, secret: "vutsrqponmlkjihgfedcba9876543210" },
      undefined,
    ];
    for (const key of others) expect(await isSignedBy(key, ASKED, claim, subtle)).toBe(false);
  });

  it("does not depend on the order of the query's parameters", async () => {
    const claim = await claimOf({ ...ASKED, query: "?b=2&a=1" });
    expect(await isSignedBy(KEY, { ...ASKED, query: "?a=1&b=2" }, claim, subtle)).toBe(true);
    expect(await isSignedBy(KEY, { ...ASKED, query: "?a=2&b=1" }, claim, subtle)).toBe(false);
  });

  it("keeps its parts apart: no byte can move from one to the next", async () => {
    const claim = await claimOf({ ...ASKED, method: "POST", path: "/trainer" });
    const moved = { ...ASKED, method: "POS", path: "T/trainer" };
    expect(await isSignedBy(KEY, moved, claim, subtle)).toBe(false);
  });

  it("is in time up to 300 s before and after", () => {
    const now = 1_700_000_000_000;
    expect(
      [-301_000, -300_001, -300_000, 0, 300_000, 300_001, 301_000].map((off) =>
        isInTime(now + off, now),
      ),
    ).toEqual([false, false, true, true, true, false, false]);
  });

  it.each([
    null,
    "",
    "Bearer sk-velo-local",
    "Velo1 ",
    `Velo1 region=EU,key=k1,time=1,nonce=${"0".repeat(32)},body=${"0".repeat(64)},signature=${"0".repeat(64)}`,
    `Velo1 region=eu,key=k1,time=1e3,nonce=${"0".repeat(32)},body=${"0".repeat(64)},signature=${"0".repeat(64)}`,
    `Velo1 region=eu,key=k1,time=1,nonce=${"0".repeat(31)},body=${"0".repeat(64)},signature=${"0".repeat(64)}`,
    `Velo1 region=eu,key=k1,time=1,nonce=${"0".repeat(32)},body=${"0".repeat(64)},signature=${"0".repeat(63)}`,
    `Velo1 region=eu,key=k1,time=1,nonce=${"0".repeat(32)},body=${"0".repeat(64)},signature=${"0".repeat(64)},x=1`,
  ])("is told from other headers: %s", (header) => {
    expect(parseClaim(header)).toBeNull();
  });
});

describe("a signed reply", () => {
  const answered: Answered = { status: 200, etag: '"e1"', body: ASKED.body };

  it("is bound to its request, its status, its etag and its body", async () => {
    const claim = await claimOf();
    const signature = await signReply(answered, claim, KEY, subtle);
    const holds = (what: Answered, of: Claim) => isReplyTo(of, what, signature, KEY, subtle);
    expect(await holds(answered, claim)).toBe(true);
    expect(await holds({ ...answered, status: 409 }, claim)).toBe(false);
    expect(await holds({ ...answered, etag: '"e2"' }, claim)).toBe(false);
    expect(await holds({ ...answered, body: "0".repeat(64) }, claim)).toBe(false);
    expect(await holds(answered, { ...claim, nonce: "f".repeat(32) })).toBe(false);
    expect(await holds(answered, { ...claim, region: "us" })).toBe(false);
  });

  it("cannot be made from a request's signature", async () => {
    const claim = await claimOf();
    expect(await isReplyTo(claim, answered, claim.signature, KEY, subtle)).toBe(false);
  });
});

describe("the setting of trainers' keys", () => {
  const secret = (letter: string) => `${letter}0123456789abcdefghijklmnopqrstu`;

  it("is off when nothing is set", () => {
    for (const setting of [undefined, "", " , "])
      expect(parseTrainerKeys(setting)).toEqual({ state: "off" });
  });

  it("holds two keys per region, so that one can be exchanged for the other", () => {
    const setting = `eu/old:${secret("a")}, eu/new:${secret("b")}\nus/k:${secret("c")}`;
    expect(parseTrainerKeys(setting)).toEqual({
      state: "on",
      keys: [
        { region: "eu", id: "old", secret: secret("a") },
        { region: "eu", id: "new", secret: secret("b") },
        { region: "us", id: "k", secret: secret("c") },
      ],
    });
  });

  it.each([
    [
      "three keys of one region",
      ["a", "b", "c"].map((x) => `eu/${x}:${secret(x)}`).join(","),
      /more than 2/,
    ],
    ["the same key twice", `eu/a:${secret("a")},eu/a:${secret("b")}`, /twice/],
    ["a short secret", "eu/a:short", /32 random characters/],
    ["a secret of one letter", `eu/a:${"x".repeat(40)}`, /32 random characters/],
    ["a placeholder", "eu/a:change-me-0123456789-abcdefghijklm", /32 random characters/],
    [
      "a placeholder in brackets",
      "eu/a:<0123456789abcdefghijklmnopqrstuvw>",
      /32 random characters/,
    ],
    ["no region", `a:${secret("a")}`, /entry 1 is not/],
  ])("is of no use with %s, and does not repeat the secret", (_, setting, problem) => {
    const parsed = parseTrainerKeys(setting);
    expect(parsed).toEqual({ state: "unusable", problem: expect.stringMatching(problem) });
    for (const part of setting.split(/[,:]/).filter((each) => each.length > 20))
      expect(JSON.stringify(parsed)).not.toContain(part);
  });
});

describe("a nonce", () => {
  it("is new once, also after a restart, and for at least ten minutes", () => {
    const store = nodeStore();
    migrate(store, REGION_SCHEMA);
    const start = 1_700_000_000_000;
    const nonces = new Nonces(store);
    expect(nonces.take("n1", start)).toBe(true);
    expect(nonces.take("n1", start)).toBe(false);
    expect(nonces.take("n2", start)).toBe(true);
    expect(new Nonces(store).take("n1", start + 600_000)).toBe(false);
    // 660 s after it came, no clock of ours takes the request for one in time.
    expect(new Nonces(store).take("n1", start + 660_000)).toBe(true);
    expect(store.exec("SELECT nonce FROM nonce")).toEqual([{ nonce: "n1" }]);
  });
});
