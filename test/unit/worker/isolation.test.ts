// No answer ever reaches another tenant or, where a tenant asks for that, another user. Random traffic says so, and
// copies of the gateway with one check taken out show that the traffic would notice.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type Hostile, runIsolation } from "../../support/isolation-run.ts";
import { type Source, World, keyOf } from "../../support/world.ts";

const seed = Number(process.env["SEED"] ?? Date.now() % 2 ** 31);
const operations = Number(process.env["VELO_OPS"] ?? 15_000);
const MUTANT_OPERATIONS = 1_500;

test(
  `${operations} random operations of ten tenants: nobody gets another's answer`,
  { timeout: 600_000 + operations * 10 },
  async () => {
    console.log(`isolation: seed ${seed}, ${operations} operations`);
    const outcome = await runIsolation({ seed, operations });
    expect(outcome.violations).toEqual([]);
    expect(outcome.foreignRows).toBe(0);
    // The run proves nothing unless it reached every path.
    for (const result of ["MISS", "HIT-EXACT", "HIT-SEMANTIC"])
      expect(outcome.results[result]).toBeGreaterThan(operations / 20);
    expect(outcome.cancelled).toBeGreaterThan(operations / 100);
  },
);

const HOSTILE: readonly Hostile[] = [
  { index: true },
  { ids: true },
  { ids: true, store: true },
  { index: true, ids: true, store: true },
];
test.each(HOSTILE)("nobody gets another's answer though these are broken: %j", async (hostile) => {
  const outcome = await runIsolation({ seed, operations: MUTANT_OPERATIONS, hostile });
  expect(outcome.violations).toEqual([]);
  expect(outcome.foreignRows > 0).toBe(hostile.index === true);
});

interface Mutant {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** What has to be broken for this check to be the last one. */
  readonly hostile?: Hostile;
  /** A violation that shows it. */
  readonly shows: RegExp;
}

const MUTANTS: readonly Mutant[] = [
  {
    name: "namespace dropped from the query",
    file: "worker/lookup/vectors.ts",
    from: "    namespace: requireNamespace(scope.namespace),\n",
    to: "",
    shows: /the index returned \d+ foreign rows/,
  },
  {
    name: "returned rows not checked again",
    file: "worker/lookup/vectors.ts",
    from: `if (match.namespace !== scope.namespace || metadata["t"] !== scope.tenant) {`,
    to: "if (Math.random() < 0) {",
    hostile: { index: true },
    shows: /a receipt of \S+ shows a row of/,
  },
  {
    name: "fresh rows not checked again",
    file: "durable/candidates.ts",
    from: "if (entry.tenant !== scope.tenant || entry.namespace !== scope.namespace) continue;",
    to: "",
    shows: /a receipt of \S+ shows a row of/,
  },
  {
    name: "vector id without tenant",
    file: "worker/lookup/entries.ts",
    from: `hmac(["vector", tenant, ansId])`,
    to: `hmac(["vector", ansId])`,
    hostile: { ids: true },
    shows: /rows were overwritten by another tenant/,
  },
  {
    name: "answer key without tenant",
    file: "worker/lookup/entries.ts",
    from: "`a/${tenant}/${ansId}`",
    to: "`a/${ansId}`",
    hostile: { ids: true },
    shows: /answers were overwritten by another tenant/,
  },
  {
    name: "answer id without scope",
    file: "worker/lookup/entries.ts",
    from: `["answer", scope.tenant, scope.namespace, scope.fingerprint, question]`,
    to: `["answer", question]`,
    shows: /got the answer of/,
  },
  {
    name: "single-flight key without tenant",
    file: "worker/answers-from-model.ts",
    from: "`${life.scope.tenant}|${life.ansId}|",
    to: "`${life.ansId}|",
    hostile: { ids: true },
    shows: /HIT-EXACT: .* got the answer of/,
  },
  {
    name: "answer read without a look at whose it is",
    file: "worker/lookup/entries.ts",
    from: `    answer.tenant === expected.tenant &&
    answer.ansId === expected.ansId &&
    answer.namespace === expected.namespace &&
`,
    to: "    answer.ansId === expected.ansId &&\n",
    hostile: { ids: true, store: true },
    shows: /got the answer of/,
  },
  {
    name: "user left out of the namespace",
    file: "worker/lookup/fingerprint.ts",
    from: 'settings.userScope ? `user:${input.user ?? ""}` : "tenant"',
    to: '"tenant"',
    shows: /got the answer of/,
  },
  {
    name: "parts joined without their lengths",
    file: "durable/length-prefixed.ts",
    from: "const encoded = parts.map((part) => encoder.encode(part));",
    to: 'return Uint8Array.from(encoder.encode(parts.join("|")));\n  const encoded: Uint8Array[] = [];',
    shows: /got the answer of/,
  },
  {
    name: "region left out of the namespace",
    file: "worker/lookup/fingerprint.ts",
    from: '`region:${input.region}` : "shared"',
    to: '"region" : "shared"',
    shows: /got the answer of/,
  },
];

describe("a gateway with one check taken out is found out", () => {
  const folder = mkdtempSync(join(tmpdir(), "velo-mutants-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(MUTANTS)(
    "$name",
    { timeout: 120_000 },
    async ({ name, file, from, to, hostile, shows }) => {
      const copy = join(folder, name.replaceAll(" ", "-"));
      for (const part of ["policy", "durable", "worker"])
        cpSync(join("src", part), join(copy, part), {
          recursive: true,
          filter: (found) => !found.endsWith("tsconfig.json"),
        });
      const path = join(copy, file);
      const source = readFileSync(path, "utf8");
      expect(source.split(from)).toHaveLength(2);
      writeFileSync(
        path,
        source.replace(from, () => to),
      );
      const load = (module: string): Promise<unknown> =>
        import(/* @vite-ignore */ join(copy, module));
      const mutated = {
        ...((await load("worker/gateway.ts")) as object),
        ...((await load("worker/isolate.ts")) as object),
      } as Source;
      const outcome = await runIsolation({
        source: mutated,
        seed,
        operations: 2 * MUTANT_OPERATIONS,
        ...(hostile && { hostile }),
      });
      expect(outcome.violations.join("\n")).toMatch(shows);
    },
  );
});

test("fifty clients of each of 40 tenants ask the same at once and some leave: every answer is the tenant's own", async () => {
  const world = new World({ dimensions: 8 });
  world.model.script = (call) => ({ text: `canary of ${call.headers.get("x-owner")!}` });
  const requests = Array.from({ length: 2_000 }, async (_, i) => {
    const tenant = `tenant ${i % 40}`;
    const connection = new AbortController();
    const leaves = i % 7 === 3;
    const reply = world.begin("What is the capital of France?", {
      key: keyOf(tenant),
      headers: { "x-owner": tenant },
      signal: connection.signal,
      body: { stream: i % 2 === 0 },
      onReader: (reader) => {
        if (!leaves) return;
        connection.abort(new Error("the client left"));
        void reader.cancel();
      },
    });
    const { text, error } = await reply;
    return leaves || (error === null && text === `canary of ${tenant}`)
      ? []
      : [`${tenant}: ${text} ${error}`];
  });
  const wrong = await world.clock.run(Promise.all(requests));
  expect(wrong.flat()).toEqual([]);
  await world.settleAll();
});
