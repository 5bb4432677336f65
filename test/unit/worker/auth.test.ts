// Whom a key belongs to, also while nobody can be asked.
import { webcrypto } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type KeyCrypto, digestOf, makeKey } from "../../../src/durable/keys.ts";
import { type KeyScope, type TenantsRpc, type VerifiedKey } from "../../../src/durable/tenant.ts";
import { type AuthPorts, authenticate } from "../../../src/worker/auth.ts";
import { Isolate } from "../../../src/worker/isolate.ts";
import { GatewayError } from "../../../src/worker/openai/errors.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { keyOf } from "../../support/world.ts";

const PEPPER = "pepper";
const MINUTE = 60_000;
const keyCrypto = webcrypto as unknown as KeyCrypto;

/** A Tenants object that knows the given keys, and can be down or silent. */
async function guardhouse(change: Partial<AuthPorts> = {}) {
  const clock = new VirtualClock(0);
  const known = new Map<string, { digest: string; verified: VerifiedKey }>();
  const state = { isDown: false, isSilent: false, asked: 0 };
  const addKey = async (tenant: string, scopes: readonly KeyScope[] = ["infer"]) => {
    const key = makeKey(keyCrypto);
    const digest = await digestOf(keyCrypto, PEPPER, key.secret);
    known.set(key.keyId, { digest, verified: { ...keyOf(tenant), keyId: key.keyId, scopes } });
    return key;
  };
  const tenants = {
    verify: (keyId: string, digest: string) => {
      state.asked++;
      if (state.isDown) return Promise.reject(new Error("down"));
      if (state.isSilent) return new Promise<never>(() => {});
      const record = known.get(keyId);
      return Promise.resolve(record?.digest === digest ? record.verified : null);
    },
  } as unknown as TenantsRpc;
  const isolate = new Isolate();
  const ports = {
    isolate,
    tenants,
    pepper: PEPPER,
    localKey: undefined,
    now: clock.now,
    wait: clock.wait,
    ...change,
  } as AuthPorts;
  /** The tenant, or status and code of the refusal. */
  const enter = async (
    authorization: string | null,
    scope: KeyScope = "infer",
  ): Promise<string> => {
    const headers = new Headers(authorization === null ? {} : { authorization });
    const entering = authenticate(headers, scope, ports).then(
      ({ tenant }) => tenant.id as string,
      (error: unknown) => {
        if (error instanceof GatewayError) return `${error.status} ${error.code}`;
        throw error;
      },
    );
    // Key digests are computed on a thread that the clock cannot see, so it is moved only once somebody waits for it.
    const turns = setInterval(() => void (clock.isAwaited && clock.advance(2_000)), 5);
    try {
      return await entering;
    } finally {
      clearInterval(turns);
    }
  };
  return { clock, known, state, isolate, addKey, enter };
}

const REFUSED = "401 invalid_api_key";

describe("a key", () => {
  test("lets in whom it belongs to", async () => {
    const { addKey, enter } = await guardhouse();
    const { text } = await addKey("acme");
    expect(await enter(`Bearer ${text}`)).toBe("acme");
    expect(await enter(`bearer   ${text} `)).toBe("acme");
  });

  test("is refused when it is missing, mistyped, unknown, of another length or in another scheme", async () => {
    const { addKey, enter, state } = await guardhouse();
    const { text } = await addKey("acme");
    const unknown = makeKey(keyCrypto).text;
    const attempts = [
      null,
      "",
      "Bearer",
      "Bearer ",
      text,
      `Basic ${text}`,
      `Bearer ${text} ${text}`,
      `Bearer ${text.slice(0, -1)}`,
      `Bearer ${text}0`,
      `Bearer ${text.slice(0, 20)}${text[20] === "a" ? "b" : "a"}${text.slice(21)}`,
      "Bearer sk-velo-local",
      "Bearer x",
      `Bearer ${"x".repeat(512)}`,
      `Bearer ${"x".repeat(5_000)}`,
      "Bearer \u00e9",
    ];
    for (const attempt of attempts)
      expect([attempt, await enter(attempt)]).toEqual([attempt, REFUSED]);
    // A mistyped key has a wrong checksum: nobody had to be asked.
    expect(state.asked).toBe(0);
    expect(await enter(`Bearer ${unknown}`)).toBe(REFUSED);
    expect(state.asked).toBe(1);
  });

  test("opens only what it is for", async () => {
    const { addKey, enter } = await guardhouse();
    const { text } = await addKey("acme", ["feedback"]);
    expect(await enter(`Bearer ${text}`, "feedback")).toBe("acme");
    for (const scope of ["infer", "admin:read", "admin:write", "trainer"] as const)
      expect(await enter(`Bearer ${text}`, scope)).toBe("403 permission_denied");
  });

  test("of somebody else's secret under a known id is refused, before and after the owner came", async () => {
    const { addKey, enter } = await guardhouse();
    const owner = await addKey("acme");
    const thief = await addKey("rival");
    const stolen = owner.text.replace(owner.secret, thief.secret);
    expect(await enter(`Bearer ${stolen}`)).toBe(REFUSED);
    expect(await enter(`Bearer ${owner.text}`)).toBe("acme");
    expect(await enter(`Bearer ${stolen}`)).toBe(REFUSED);
  });

  test("is nothing without the deployment's pepper", async () => {
    const { addKey, enter } = await guardhouse({ pepper: undefined });
    const { text } = await addKey("acme");
    expect(await enter(`Bearer ${text}`)).toBe(REFUSED);
  });

  test("for the local tenant works where it is configured and nowhere else", async () => {
    const local = await guardhouse({ localKey: "sk-velo-local", pepper: undefined });
    expect(await local.enter("Bearer sk-velo-local")).toBe("local");
    expect(await local.enter("Bearer sk-velo-loca")).toBe(REFUSED);
    const remote = await guardhouse({ localKey: "" });
    expect(await remote.enter("Bearer ")).toBe(REFUSED);
  });
});

describe("the Tenants object", () => {
  test("is asked once a minute for a key", async () => {
    const { addKey, clock, enter, state } = await guardhouse();
    const { text } = await addKey("acme");
    for (let i = 0; i < 3; i++) await enter(`Bearer ${text}`);
    expect(state.asked).toBe(1);
    await clock.advance(MINUTE);
    await enter(`Bearer ${text}`);
    expect(state.asked).toBe(2);
  });

  test("revokes a key within a minute", async () => {
    const { addKey, clock, enter, known } = await guardhouse();
    const { text } = await addKey("acme");
    await enter(`Bearer ${text}`);
    known.clear();
    expect(await enter(`Bearer ${text}`)).toBe("acme");
    await clock.advance(MINUTE);
    expect(await enter(`Bearer ${text}`)).toBe(REFUSED);
  });

  test("learns of new keys within five seconds, though they were refused a moment ago", async () => {
    const { addKey, clock, enter, known } = await guardhouse();
    const { text, keyId } = await addKey("acme");
    const record = known.get(keyId)!;
    known.clear();
    expect(await enter(`Bearer ${text}`)).toBe(REFUSED);
    known.set(keyId, record);
    await clock.advance(5_000);
    expect(await enter(`Bearer ${text}`)).toBe("acme");
  });

  test.each(["isDown", "isSilent"] as const)(
    "%s: a key that was good stays good for 15 minutes, an unknown one gets 503",
    async (fault) => {
      const { addKey, clock, enter, state } = await guardhouse();
      const [good, other] = [await addKey("acme"), await addKey("rival")];
      expect(await enter(`Bearer ${good.text}`)).toBe("acme");
      state[fault] = true;
      for (let minute = 1; minute <= 14; minute++) {
        await clock.advance(MINUTE - 10_000);
        expect([minute, await enter(`Bearer ${good.text}`)]).toEqual([minute, "acme"]);
      }
      expect(await enter(`Bearer ${other.text}`)).toBe("503 unavailable");
      await clock.advance(15 * MINUTE);
      expect(await enter(`Bearer ${good.text}`)).toBe("503 unavailable");
      state[fault] = false;
      expect(await enter(`Bearer ${good.text}`)).toBe("acme");
      expect(await enter(`Bearer ${other.text}`)).toBe("rival");
    },
  );
});
