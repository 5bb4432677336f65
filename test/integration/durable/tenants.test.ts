import { evictDurableObject, reset, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { digestOf, makeKey } from "../../../src/durable/keys.ts";
import { DEFAULT_SETTINGS, type KeyScope } from "../../../src/durable/tenant.ts";

afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

const tenants = () => env.TENANTS.getByName("tenants");

async function addKey(
  tenant: string,
  more: { scopes?: readonly KeyScope[]; expiresAt?: number } = {},
) {
  const { keyId, secret } = makeKey(crypto);
  const digestHex = await digestOf(crypto, "pepper", secret);
  const outcome = await tenants().addKey({
    keyId,
    tenant,
    digestHex,
    scopes: ["infer"],
    ...more,
  });
  return { keyId, digestHex, outcome };
}

describe("keys", () => {
  it("are verified by id and digest, with their tenant and scopes", async () => {
    const tenant = await tenants().createTenant("one", { serve: "semantic" });
    const { keyId, digestHex } = await addKey(tenant.id, { scopes: ["infer", "feedback"] });
    await evictDurableObject(tenants());
    expect(await tenants().verify(keyId, digestHex)).toEqual({
      keyId,
      tenant: { id: tenant.id, name: "one", settings: { ...DEFAULT_SETTINGS, serve: "semantic" } },
      scopes: ["infer", "feedback"],
    });
  });

  it("are refused with another digest, a longer or shorter one, another id, or another key's digest", async () => {
    const { id } = await tenants().createTenant("one");
    const one = await addKey(id);
    const two = await addKey(id);
    const wrong = [two.digestHex, one.digestHex.slice(1), `${one.digestHex}0`, "", "0".repeat(64)];
    for (const digest of wrong) expect(await tenants().verify(one.keyId, digest)).toBeNull();
    expect(await tenants().verify("unknown", one.digestHex)).toBeNull();
    // What an unknown key id is compared with is no key.
    expect(await tenants().verify("unknown", "0".repeat(64))).toBeNull();
  });

  it("two are live at once, so that one can replace the other without a gap", async () => {
    const { id } = await tenants().createTenant("one");
    const [before, after] = [await addKey(id), await addKey(id)];
    expect(await tenants().verify(before.keyId, before.digestHex)).not.toBeNull();
    expect(await tenants().verify(after.keyId, after.digestHex)).not.toBeNull();
    expect(await tenants().revokeKey(before.keyId)).toBe(true);
    expect(await tenants().revokeKey(before.keyId)).toBe(false);
    expect(await tenants().verify(before.keyId, before.digestHex)).toBeNull();
    expect(await tenants().verify(after.keyId, after.digestHex)).not.toBeNull();
  });

  it("end at their expiry", async () => {
    const { id } = await tenants().createTenant("one");
    const past = await addKey(id, { expiresAt: Date.now() - 1 });
    const future = await addKey(id, { expiresAt: Date.now() + 60_000 });
    expect(await tenants().verify(past.keyId, past.digestHex)).toBeNull();
    expect(await tenants().verify(future.keyId, future.digestHex)).not.toBeNull();
  });

  it("are never replaced, never stored in clear, and never given to a tenant that does not exist", async () => {
    const { id } = await tenants().createTenant("one");
    const key = await addKey(id);
    const again = async () =>
      await tenants().addKey({
        keyId: key.keyId,
        digestHex: key.digestHex,
        tenant: id,
        scopes: ["admin:write"],
      });
    await expect(again()).rejects.toThrow(/UNIQUE/);
    expect((await tenants().verify(key.keyId, key.digestHex))?.scopes).toEqual(["infer"]);
    const clear = async () =>
      await tenants().addKey({ keyId: "k", tenant: id, digestHex: "a secret", scopes: ["infer"] });
    await expect(clear()).rejects.toThrow(/64 lower-case/);
    expect((await addKey("t-unknown")).outcome).toBe("unknown-tenant");
  });

  it("are at most 32 live ones per tenant", async () => {
    const { id } = await tenants().createTenant("one");
    const keys = [];
    for (let i = 0; i < 32; i++) keys.push(await addKey(id));
    expect((await addKey(id)).outcome).toBe("too-many-keys");
    await tenants().revokeKey(keys[0]?.keyId ?? "");
    expect((await addKey(id)).outcome).toBe("added");
  });
});

describe("settings", () => {
  it("change one by one and keep what was chosen before", async () => {
    const { id } = await tenants().createTenant("one", { augment: true });
    const changed = await tenants().updateSettings(id, { deltaHit: 0.01 });
    expect(changed?.settings).toEqual({ ...DEFAULT_SETTINGS, augment: true, deltaHit: 0.01 });
    expect(await tenants().listTenants()).toEqual([changed]);
  });

  it("store only what was chosen, so that a better default reaches everybody else", async () => {
    await tenants().createTenant("one", { serve: "exact" });
    const stored = await runInDurableObject(tenants(), (_, state) =>
      state.storage.sql.exec("SELECT settings FROM tenant").one(),
    );
    expect(stored["settings"]).toBe('{"serve":"exact"}');
  });

  it("refuse names that do not exist, values of another type, and unknown tenants", async () => {
    const { id } = await tenants().createTenant("one");
    const set = (settings: object) => async () => await tenants().updateSettings(id, settings);
    await expect(set({ sreve: "exact" })()).rejects.toThrow(/unknown setting sreve/);
    await expect(set({ augment: "yes" })()).rejects.toThrow(/must be a boolean/);
    await expect(set({ deltaHit: Number.NaN })()).rejects.toThrow(/must be a number/);
    expect(await tenants().updateSettings("t-unknown", {})).toBeNull();
  });
});
