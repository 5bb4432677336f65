import { describe, expect, test } from "vitest";
import { DEFAULT_SETTINGS, type TenantId } from "../../../src/durable/tenant.ts";
import { normaliseQuestion } from "../../../src/policy/cache/question.ts";
import { Random } from "../../../src/policy/random.ts";
import { base32, hmacWith, lengthPrefixed } from "../../../src/worker/lookup/digest.ts";
import { canonicalJson, localeOf, scopeOf } from "../../../src/worker/lookup/fingerprint.ts";

const user = (content: unknown, more = {}) => ({ role: "user", content, ...more });

const SCOPE = {
  tenant: "acme",
  region: "us",
  user: null as string | null,
  callerNamespace: null as string | null,
  embedder: "e",
  locale: null as string | null,
  body: { model: "m", messages: [user("hi")] } as Record<string, unknown>,
  settings: {},
};
const scope = (change: Partial<typeof SCOPE> = {}) => {
  const { tenant, settings, ...rest } = { ...SCOPE, ...change };
  return scopeOf({
    ...rest,
    tenant: tenant as TenantId,
    settings: { ...DEFAULT_SETTINGS, ...settings },
  });
};
const withBody = (fields: Record<string, unknown>) => scope({ body: { ...SCOPE.body, ...fields } });

describe("the fingerprint", () => {
  test("is 52 base32 characters, its first 26 are indexed", async () => {
    const { namespace, fingerprint, fp } = await scope();
    for (const hash of [namespace, fingerprint]) expect(hash).toMatch(/^[a-z2-7]{52}$/);
    expect(fp).toBe(fingerprint.slice(0, 26));
  });

  test("does not see the question, the order of fields, nor what says nothing about the answer", async () => {
    const { fingerprint } = await scope();
    const same = [
      { messages: [user("another question")] },
      { messages: [user([{ type: "text", text: "parts" }])] },
      { stream: true, stream_options: { include_usage: true } },
      { max_tokens: 5, max_completion_tokens: 5 },
      { user: "ann", safety_identifier: "x", prompt_cache_key: "y", cache: { ttl: 1 } },
      { temperature: null, stop: null },
    ];
    for (const fields of same) expect((await withBody(fields)).fingerprint).toBe(fingerprint);
    const reordered = await scope({ body: { messages: [user("hi")], model: "m" } });
    expect(reordered.fingerprint).toBe(fingerprint);
  });

  test("differs with everything else that shapes an answer", async () => {
    const system = { role: "system", content: "Be brief." };
    const bodies = [
      {},
      { model: "m2" },
      { temperature: 0 },
      { temperature: 1 },
      { top_p: 0 },
      { presence_penalty: 1 },
      { frequency_penalty: 1 },
      { stop: "\n" },
      { stop: ["\n"] },
      { response_format: { type: "json_object" } },
      { reasoning_effort: "low" },
      { verbosity: "low" },
      { service_tier: "flex" },
      { tools: [] },
      { tool_choice: "none" },
      { messages: [system, user("hi")] },
      { messages: [{ ...system, role: "developer" }, user("hi")] },
      { messages: [{ ...system, content: "Be brief. " }, user("hi")] },
      { messages: [user("a"), { role: "assistant", content: "b" }, user("hi")] },
      { messages: [user("a\nb"), user("hi")] },
      { messages: [user("a"), user("b"), user("hi")] },
      { messages: [user("hi", { name: "ann" })] },
    ];
    const prints = await Promise.all(bodies.map(withBody));
    prints.push(await scope({ locale: "fr" }), await scope({ embedder: "e2" }));
    expect(new Set(prints.map(({ fingerprint }) => fingerprint)).size).toBe(prints.length);
  });
});

describe("the namespace", () => {
  test("differs with tenant, region, embedder and caller namespace, and only then", async () => {
    const base = (await scope()).namespace;
    expect((await scope({ body: { model: "other", messages: [user("x")] } })).namespace).toBe(base);
    expect((await scope({ user: "ann", locale: "fr" })).namespace).toBe(base);
    const others = await Promise.all([
      scope({ tenant: "ACME" }),
      scope({ region: "eu" }),
      scope({ embedder: "e2" }),
      scope({ callerNamespace: "n" }),
      scope({ settings: { domain: "shared" } }),
      scope({ settings: { userScope: true } }),
      scope({ settings: { userScope: true }, user: "ann" }),
    ]);
    const all = new Set([base, ...others.map(({ namespace }) => namespace)]);
    expect(all.size).toBe(others.length + 1);
  });

  test("is the same in all regions where the tenant shares them", async () => {
    const settings = { domain: "shared" as const };
    const [us, eu] = await Promise.all([scope({ settings }), scope({ settings, region: "eu" })]);
    expect(us.namespace).toBe(eu.namespace);
  });

  test("of 5,000 random pairs is equal only when all its parts are", async () => {
    const seed = Number(process.env["SEED"] ?? Date.now() % 2 ** 31);
    console.log(`namespaces: seed ${seed}`);
    const random = new Random(seed);
    const word = () =>
      ["", "a", "b", "|", "a|", "|b", "a|b", ":", "\u0000", "us"][random.next() % 10]!;
    const draw = () => ({ tenant: word(), user: word(), callerNamespace: word(), region: word() });
    const settings = { userScope: true };
    let equal = 0;
    for (let i = 0; i < 5_000; i++) {
      const [a, b] = [draw(), draw()];
      const [x, y] = await Promise.all([scope({ ...a, settings }), scope({ ...b, settings })]);
      const isSame = canonicalJson(a) === canonicalJson(b);
      expect([a, b, x.namespace === y.namespace]).toEqual([a, b, isSame]);
      equal += isSame ? 1 : 0;
    }
    console.log(`${equal} pairs were equal`);
  });
});

test("canonical JSON is equal for equal values only", () => {
  expect(canonicalJson({ b: 1, a: [true, null, { d: 1, c: "x" }] })).toBe(
    '{"a":[true,null,{"c":"x","d":1}],"b":1}',
  );
  expect(canonicalJson({ a: undefined })).toBe("{}");
  expect(canonicalJson(["1", 1])).not.toBe(canonicalJson([1, "1"]));
});

test("a question keeps what it means: only its ends, line ends and composed letters are made alike", () => {
  expect(normaliseQuestion(" a\r\n  b\t\n")).toBe("a\n  b");
  expect(normaliseQuestion("cafe\u0301")).toBe("caf\u00e9");
  expect(normaliseQuestion("Is it?")).not.toBe(normaliseQuestion("is it"));
});

test("the locale is the first language named", () => {
  const cases = [
    ["fr-FR,fr;q=0.9,en;q=0.8", "fr"],
    ["EN", "en"],
    ["de;q=0.9", "de"],
    ["*", null],
    ["", null],
    [null, null],
    ["x".repeat(100_000), null],
  ] as const;
  for (const [header, locale] of cases) expect(localeOf(header)).toBe(locale);
});

describe("digests", () => {
  test("base32 is RFC 4648's, lower case, without padding", () => {
    const encode = (text: string) => base32(new TextEncoder().encode(text));
    // RFC 4648, section 10.
    expect(["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(encode)).toEqual([
      "",
      "my",
      "mzxq",
      "mzxw6",
      "mzxw6yq",
      "mzxw6ytb",
      "mzxw6ytboi",
    ]);
  });

  test("length-prefixed parts differ wherever their borders differ", () => {
    expect([...lengthPrefixed(["a", "\u00e9"])]).toEqual([0, 0, 0, 1, 97, 0, 0, 0, 2, 0xc3, 0xa9]);
    expect(lengthPrefixed(["a|b", "c"])).not.toEqual(lengthPrefixed(["a", "b|c"]));
    expect(lengthPrefixed(["ab"])).not.toEqual(lengthPrefixed(["a", "b"]));
  });

  test("HMACs differ by secret and by parts", async () => {
    const [a, b] = [hmacWith("one"), hmacWith("two")];
    const macs = await Promise.all([a(["x"]), b(["x"]), a(["y"]), a(["x", ""])]);
    expect(new Set(macs.map(base32)).size).toBe(4);
    expect(macs[0]).toHaveLength(32);
    expect(await a(["x"])).toEqual(macs[0]);
  });
});
