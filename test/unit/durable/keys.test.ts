import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { checksum, digestOf, makeKey, parseKey } from "../../../src/durable/keys.ts";

describe("keys", () => {
  it("are made with 160 random bits and parsed back", () => {
    const key = makeKey(crypto);
    expect(key.text).toMatch(/^sk-velo-[a-z2-7]{12}-[a-z2-7]{32}-[0-9a-f]{8}$/);
    expect(parseKey(key.text)).toEqual({ keyId: key.keyId, secret: key.secret });
    expect(makeKey(crypto).text).not.toBe(key.text);
  });

  it("are refused without asking anybody when one character is wrong", () => {
    const { text } = makeKey(crypto);
    for (let i = 0; i < text.length; i++) {
      const wrong = text.slice(0, i) + (text[i] === "a" ? "b" : "a") + text.slice(i + 1);
      expect(parseKey(wrong), `character ${i}`).toBeNull();
    }
  });

  it.each(["", "sk-velo-local", "sk-velo-", "sk-proj-abc", `sk-velo-${"a".repeat(100_000)}`])(
    "are not taken for keys: %.20s",
    (text) => {
      expect(parseKey(text)).toBeNull();
    },
  );

  it("carry the CRC-32 of the standard", () => {
    // The check value of CRC-32/ISO-HDLC.
    expect(checksum("123456789")).toBe("cbf43926");
  });

  it("are stored as HMAC-SHA-256 under the pepper", async () => {
    const digest = createHmac("sha256", "pepper").update("secret").digest("hex");
    expect(await digestOf(crypto, "pepper", "secret")).toBe(digest);
    expect(await digestOf(crypto, "other pepper", "secret")).not.toBe(digest);
  });
});
