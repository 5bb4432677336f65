import { describe, expect, test } from "vitest";
import {
  parseEmbeddingsRequest,
  renderEmbeddings,
  requireTexts,
} from "../../../../src/worker/openai/embeddings.ts";
import { GatewayError } from "../../../../src/worker/openai/errors.ts";

const parse = (input: unknown, more: Record<string, unknown> = {}) =>
  parseEmbeddingsRequest({ model: "m", input, ...more });

test("a string is one text, an array of strings several", () => {
  expect(parse("a").input).toEqual({ kind: "texts", texts: ["a"] });
  expect(parse(["a", "b"]).input).toEqual({ kind: "texts", texts: ["a", "b"] });
  expect(parse("a")).toMatchObject({ encodingFormat: "float", dimensions: null });
});

test("token arrays are understood, but cannot be embedded by another model", () => {
  expect(parse([1, 2]).input).toEqual({ kind: "tokens", tokens: [[1, 2]] });
  const several = parse([[1, 2], [3]]);
  expect(several.input).toEqual({ kind: "tokens", tokens: [[1, 2], [3]] });
  expect(() => requireTexts(several)).toThrow(/token arrays cannot be decoded here/);
  expect(requireTexts(parse("a"))).toEqual(["a"]);
});

describe("mistakes are 400 with their path", () => {
  test.each<[string, unknown, Record<string, unknown>?]>([
    ["input", undefined],
    ["input", ""],
    ["input", []],
    ["input", { text: "a" }],
    ["input", Array.from({ length: 2049 }, () => "a")],
    ["input[1]", ["a", ""]],
    ["input[1]", ["a", 7]],
    ["input[0]", [["a"]]],
    ["input[0]", [1.5]],
    ["input", "x".repeat(32_769)],
    ["encoding_format", "a", { encoding_format: "int8" }],
    ["dimensions", "a", { dimensions: 0 }],
    ["model", "a", { model: "" }],
  ])("%s", (param, input, more) => {
    expect(() => parse(input, more)).toThrow(GatewayError);
    expect(() => parse(input, more)).toThrow(`'${param}'`);
  });
});

test("floats are rendered as they are", () => {
  const rendered = renderEmbeddings([Float32Array.of(1, -0.5)], {
    model: "m",
    encodingFormat: "float",
    promptTokens: 4,
  });
  expect(rendered).toEqual({
    object: "list",
    data: [{ object: "embedding", index: 0, embedding: [1, -0.5] }],
    model: "m",
    usage: { prompt_tokens: 4, total_tokens: 4 },
  });
});

test("base64 is little-endian float32", () => {
  const { data } = renderEmbeddings([Float32Array.of(1, -0.5)], {
    model: "m",
    encodingFormat: "base64",
    promptTokens: 4,
  });
  // 1 = 3F800000, -0.5 = BF000000, each with its lowest byte first.
  expect(data[0]?.embedding).toBe(
    Buffer.from([0, 0, 0x80, 0x3f, 0, 0, 0, 0xbf]).toString("base64"),
  );
});
