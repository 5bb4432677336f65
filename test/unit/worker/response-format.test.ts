// A stored answer to a request with a schema is served only if it surely keeps to it.
import { describe, expect, test } from "vitest";
import { formatMisfit, fitsSchema } from "../../../src/worker/lookup/response-format.ts";
import { World } from "../../support/world.ts";

const CITY = {
  type: "object",
  properties: {
    name: { type: "string", description: "of the city" },
    kind: { enum: ["town", "city", null] },
    people: { type: ["integer", "null"] },
    tags: { type: "array", items: { type: "string" } },
  },
  required: ["name", "kind"],
  additionalProperties: false,
};

describe("a value that keeps to its schema", () => {
  test.each([
    [CITY, { name: "Paris", kind: "city", people: 2, tags: ["a", "b"] }],
    [CITY, { name: "Paris", kind: null, people: null, tags: [] }],
    [
      { type: "object", additionalProperties: { type: "number" } },
      { a: 1, b: 2.5 },
    ],
    [{ type: "object" }, { anything: [1, { x: null }] }],
    [{}, "anything"],
    [{ type: "number" }, 1],
    [{ items: { type: "boolean" } }, [true, false]],
  ])("%j: %j", (schema, value) => {
    expect(fitsSchema(schema, value)).toBe(true);
  });
});

describe("a value that does not", () => {
  test.each([
    ["a required field is missing", CITY, { name: "Paris" }],
    ["a field too many", CITY, { name: "Paris", kind: "city", mayor: "x" }],
    ["another type", CITY, { name: 1, kind: "city" }],
    ["not among the choices", CITY, { name: "Paris", kind: "village" }],
    ["an item of another type", CITY, { name: "Paris", kind: "city", tags: ["a", 1] }],
    ["a fraction for an integer", CITY, { name: "Paris", kind: "city", people: 1.5 }],
    ["an array for an object", CITY, [1]],
    ["null for an object", CITY, null],
    ["an inherited field", { type: "object", required: ["toString"] }, {}],
    ["a field named like a method", { ...CITY, required: [] }, { constructor: 1 }],
    ["of additional ones the type", { additionalProperties: { type: "number" } }, { a: "1" }],
  ])("%s", (_what, schema, value) => {
    expect(fitsSchema(schema, value)).toBe(false);
  });
});

describe("a schema that is not understood fits nothing", () => {
  const deep = (levels: number): unknown =>
    levels === 0 ? {} : { type: "array", items: deep(levels - 1) };
  const nested = (levels: number): unknown => (levels === 0 ? [] : [nested(levels - 1)]);
  test.each([
    ["another keyword", { type: "string", pattern: "^a" }, "a"],
    ["one further down", { type: "array", items: { anyOf: [{}] } }, [1]],
    ["a reference", { $ref: "#/$defs/a", $defs: { a: {} } }, 1],
    ["true", true, 1],
    ["none", undefined, 1],
    ["an unknown type", { type: "date" }, "2026-11-21"],
    ["no list of required fields", { required: "name" }, { name: 1 }],
    ["an enum of objects", { enum: [{ a: 1 }] }, { a: 1 }],
    ["a hundred levels", deep(100), nested(100)],
  ])("%s", (_what, schema, value) => {
    expect(fitsSchema(schema, value)).toBe(false);
  });
});

test("what JSON mode promises is JSON, and other formats promise nothing", () => {
  expect(formatMisfit({ type: "json_object" }, "{}")).toBeNull();
  expect(formatMisfit({ type: "json_object" }, "Paris")).toBe("not-json");
  expect(formatMisfit({ type: "text" }, "Paris")).toBeNull();
  expect(formatMisfit(undefined, "Paris")).toBeNull();
  expect(formatMisfit({ type: "json_schema" }, "{}")).toBe("schema");
});

describe("the gateway", () => {
  const ask = async (text: string, schema: unknown) => {
    const world = new World();
    world.model.script = () => ({ text });
    const body = {
      response_format: { type: "json_schema", json_schema: { name: "city", schema } },
    };
    await world.ask("What is the capital of France?", { body });
    await world.settleAll();
    const reply = await world.ask("What is the capital of France?", { body });
    return `${reply.result} ${reply.reason}`.trim();
  };

  test("serves a stored answer that keeps to the schema, and asks the model where it does not or nobody can tell", async () => {
    const paris = '{"name":"Paris","kind":"city"}';
    expect(await ask(paris, CITY)).toBe("HIT-EXACT");
    expect(await ask('{"name":"Paris"}', CITY)).toBe("MISS schema");
    expect(await ask("Paris", CITY)).toBe("MISS not-json");
    expect(await ask(paris, { ...CITY, minProperties: 1 })).toBe("MISS schema");
  });
});
