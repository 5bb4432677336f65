import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type BodyLimits,
  parseJsonObject,
  readJsonBody,
  scanJson,
} from "../../../../src/worker/openai/body.ts";
import { GatewayError } from "../../../../src/worker/openai/errors.ts";
import { FakeClock } from "../fake-clock.ts";
import { property } from "../property.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

function post(
  body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>,
  headers: Record<string, string> = {},
): Request {
  return new Request("https://velo.test/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
    // Node asks for it with a stream as the body.
    ...({ duplex: "half" } as object),
  });
}

const read = (request: Request, limits?: BodyLimits) =>
  readJsonBody(request, new FakeClock().wait, limits);

async function failure(work: () => unknown): Promise<GatewayError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error("expected a GatewayError");
}

test("keeps the bytes as received beside the parsed object", async () => {
  const text = '{ "model" : "m",\n"messages":[] }';
  const body = await read(post(text));
  expect(new TextDecoder().decode(body.raw)).toBe(text);
  expect(body.json).toEqual({ model: "m", messages: [] });
});

describe("size", () => {
  /** A body that never ends: only a counter can refuse it. */
  const endless = (piece: Uint8Array) => {
    let pulls = 0;
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulls++;
        controller.enqueue(piece);
      },
    });
    return { stream, pulls: () => pulls };
  };

  test("an endless body is cut at the limit", async () => {
    const { stream, pulls } = endless(new Uint8Array(64 * 1024).fill(0x20));
    const error = await failure(() => read(post(stream)));
    expect(error).toMatchObject({ status: 413, code: "request_too_large" });
    // 1 MiB is 16 pieces; a few more may be on their way.
    expect(pulls()).toBeLessThan(24);
  });

  test("images raise the limit, text does not", async () => {
    const filler = "x".repeat(1500);
    const image = JSON.stringify({ content: [{ type: "image_url", image_url: filler }] });
    const text = JSON.stringify({ content: [{ type: "text", text: filler }] });
    const limits = { maxBytes: 1000, maxBytesWithMedia: 4000 };
    expect((await read(post(image), limits)).raw.length).toBe(image.length);
    expect(await failure(() => read(post(text), limits))).toMatchObject({ status: 413 });
  });

  test("images have a limit too", async () => {
    const image = JSON.stringify({ type: "image_url", image_url: "x".repeat(5000) });
    const limits = { maxBytes: 1000, maxBytesWithMedia: 4000 };
    expect(await failure(() => read(post(image), limits))).toMatchObject({ status: 413 });
  });

  test("a declared length over every limit is refused unread", async () => {
    const request = post("{}", { "content-length": String(9 << 20) });
    expect(await failure(() => read(request))).toMatchObject({ status: 413 });
  });

  test("an upload that stalls is 408 at the deadline", async () => {
    const clock = new FakeClock();
    let wasCancelled = false;
    const stalled = new ReadableStream<Uint8Array>({
      cancel() {
        wasCancelled = true;
      },
    });
    const reading = failure(() =>
      readJsonBody(post(stalled), clock.wait, { uploadTimeoutMs: 5_000 }),
    );
    await clock.advance(5_000);
    expect(await reading).toMatchObject({ status: 408 });
    expect(wasCancelled).toBe(true);
  });
});

describe("what is not a JSON object in UTF-8 is 400 with the reason", () => {
  test.each([
    ["", /not valid JSON/],
    ["[]", /must be a JSON object/],
    ["null", /must be a JSON object/],
    ['"text"', /must be a JSON object/],
    ['{"a":1', /not valid JSON/],
    ['{"a":1}}', /not valid JSON/],
  ])("%j", async (text, reason) => {
    const error = await failure(() => read(post(text)));
    expect(error).toMatchObject({ status: 400, code: "invalid_request" });
    expect(error.message).toMatch(reason);
  });

  test("invalid UTF-8", async () => {
    const bytes = new Uint8Array([...bytesOf('{"a":"'), 0xc3, ...bytesOf('"}')]);
    expect((await failure(() => read(post(bytes)))).message).toMatch(/not valid UTF-8/);
  });

  test("compressed", async () => {
    const error = await failure(() => read(post("{}", { "content-encoding": "gzip" })));
    expect(error).toMatchObject({ status: 400 });
  });

  test("another content type", async () => {
    const form = post("model=m", { "content-type": "application/x-www-form-urlencoded" });
    expect((await failure(() => read(form))).message).toMatch(/application\/json/);
  });

  test("the message never quotes the body", async () => {
    const error = await failure(() => read(post('{"prompt": my secret}')));
    expect(error.message).not.toMatch(/secret/);
  });
});

describe("keys", () => {
  test.each(["__proto__", "constructor", "prototype"])(
    "%s is refused at any depth",
    async (key) => {
      const error = await failure(() => parseJsonObject(bytesOf(`{"a":[{"${key}":{"x":1}}]}`)));
      expect(error).toMatchObject({ status: 400, param: `a[0].${key}` });
    },
  );

  test("an escaped spelling is the same key", async () => {
    const text = String.raw`{"\u005f_proto__":{"polluted":true}}`;
    expect(await failure(() => parseJsonObject(bytesOf(text)))).toMatchObject({ status: 400 });
  });

  test("the same words as values are fine", () => {
    expect(parseJsonObject(bytesOf('{"a":"__proto__"}'))).toEqual({ a: "__proto__" });
  });

  test("a repeated key is refused, because another parser would read another request", async () => {
    const error = await failure(() => parseJsonObject(bytesOf('{"model":"a","model":"b"}')));
    expect(error.message).toMatch(/repeats a key/);
  });
});

describe("bombs", () => {
  test("64 levels are accepted, 65 are not", async () => {
    // The object is one level, so 63 arrays make 64.
    const nested = (arrays: number) => `{"a":${"[".repeat(arrays)}${"]".repeat(arrays)}}`;
    expect(parseJsonObject(bytesOf(nested(63)))).toHaveProperty("a");
    const error = await failure(() => parseJsonObject(bytesOf(nested(64))));
    expect(error.message).toMatch(/deeper than 64/);
  });

  test("10,000 values are accepted, more are not", async () => {
    // Object + array + 9,998 numbers = 10,000.
    const list = (count: number) => `{"a":[${Array.from({ length: count }, () => 1).join(",")}]}`;
    expect(parseJsonObject(bytesOf(list(9_998)))).toHaveProperty("a");
    expect((await failure(() => parseJsonObject(bytesOf(list(9_999))))).message).toMatch(/10000/);
  });

  test("brackets and commas inside strings do not count", () => {
    const text = `{"a":${JSON.stringify('[{,"\\'.repeat(20_000))}}`;
    expect(scanJson(bytesOf(text))).toBe(1);
  });

  test("a megabyte of brackets is refused in a few milliseconds", async () => {
    const bomb = bytesOf("[".repeat(1 << 20));
    const before = performance.now();
    await failure(() => parseJsonObject(bomb));
    expect(performance.now() - before).toBeLessThan(50);
  });
});

test("the scan counts the keys of any JSON object exactly", () =>
  property(
    "keys",
    500,
    fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })), (value) => {
      const clean = JSON.stringify(value);
      fc.pre(!/__proto__|constructor|prototype/.test(clean));
      expect(parseJsonObject(bytesOf(clean))).toEqual(JSON.parse(clean));
    }),
  ));
