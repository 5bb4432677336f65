import { describe, expect, test } from "vitest";
import { GatewayError } from "../../../../src/worker/openai/errors.ts";
import {
  type PassThroughOptions,
  passThrough,
} from "../../../../src/worker/openai/pass-through.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** A source that gives its pieces and then ends, breaks, or stays open. */
function source(pieces: readonly string[], end: "close" | Error | "open" = "close") {
  const seen = { cancelled: undefined as unknown, pulls: 0 };
  let next = 0;
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        seen.pulls++;
        const piece = pieces[next++];
        if (piece !== undefined) controller.enqueue(bytesOf(piece));
        else if (end === "close") controller.close();
        else if (end !== "open") controller.error(end);
      },
      cancel(reason) {
        seen.cancelled = reason ?? "no reason";
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, seen };
}

function observed(stream: ReadableStream<Uint8Array>, more: Partial<PassThroughOptions> = {}) {
  const seen: string[] = [];
  const ends: string[] = [];
  const output = passThrough(stream, {
    onChunk: (bytes) => seen.push(new TextDecoder().decode(bytes)),
    onEnd: (end) => void ends.push(end),
    contentType: "text/event-stream",
    ...more,
  });
  return { output, seen, ends };
}

test("bytes go through unchanged and are seen on the way", async () => {
  const { output, seen, ends } = observed(source(["data: a\n\n", "data: [DO", "NE]\n\n"]).stream);
  expect(await new Response(output).text()).toBe("data: a\n\ndata: [DONE]\n\n");
  expect(seen.join("")).toBe("data: a\n\ndata: [DONE]\n\n");
  expect(ends).toEqual(["done"]);
});

test("the source is read at the client's pace", async () => {
  const { stream, seen } = source(["a", "b", "c"]);
  const reader = observed(stream).output.getReader();
  await reader.read();
  expect(seen.pulls).toBe(1);
});

describe("a failure in the middle", () => {
  const broken = new GatewayError("upstream_error", "The upstream 'x' broke off its answer.");

  test("of an event stream is its last event, and there is no [DONE]", async () => {
    const { output, ends } = observed(source(["data: a\n\n"], broken).stream);
    const text = await new Response(output).text();
    const [first, last] = text.split("\n\n").filter((event) => event.trim() !== "");
    expect(first).toBe("data: a");
    expect(JSON.parse(String(last).replace("data: ", ""))).toEqual({
      error: {
        message: broken.message,
        type: "upstream_error",
        param: null,
        code: "upstream_error",
      },
    });
    expect(text).not.toContain("[DONE]");
    expect(ends).toEqual(["error"]);
  });

  test("inside an event still leaves the error on lines of its own", async () => {
    const { output } = observed(source(['data: {"choi'], broken).stream);
    const lines = (await new Response(output).text()).split("\n");
    expect(lines[0]).toBe('data: {"choi');
    expect(lines.at(-3)).toMatch(/^data: {"error":/);
  });

  test("of another body breaks it, so that no client takes it for whole", async () => {
    const { output, ends } = observed(source(['{"a":'], broken).stream, {
      contentType: "application/json",
    });
    await expect(new Response(output).text()).rejects.toBe(broken);
    expect(ends).toEqual(["error"]);
  });
});

describe("a client that leaves", () => {
  test("cancels the source with its reason and ends once", async () => {
    const { stream, seen } = source(["a"], "open");
    const { output, ends } = observed(stream);
    const reader = output.getReader();
    await reader.read();
    await reader.cancel("gone");
    expect(seen.cancelled).toBe("gone");
    expect(ends).toEqual(["cancel"]);
  });

  test("during a read ends once too", async () => {
    const { stream } = source([], "open");
    const { output, ends } = observed(stream);
    const reader = output.getReader();
    const reading = reader.read();
    await reader.cancel();
    expect(await reading).toEqual({ done: true, value: undefined });
    expect(ends).toEqual(["cancel"]);
  });

  test("may leave the rest to be read for the cache", async () => {
    const { stream, seen: from } = source(["a", "b", "c"]);
    let rest: Promise<"done" | "error"> | undefined;
    const { output, seen, ends } = observed(stream, { readOn: (promise) => void (rest = promise) });
    const reader = output.getReader();
    await reader.read();
    await reader.cancel();
    expect(await rest).toBe("done");
    expect(seen).toEqual(["a", "b", "c"]);
    expect(ends).toEqual(["cancel"]);
    expect(from.cancelled).toBeUndefined();
  });

  test("in the middle of a read loses nothing of that rest", async () => {
    let feed: ReadableStreamDefaultController<Uint8Array> | undefined;
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        feed = controller;
      },
    });
    let rest: Promise<"done" | "error"> | undefined;
    const { output, seen } = observed(stream, { readOn: (promise) => void (rest = promise) });
    const reader = output.getReader();
    const reading = reader.read();
    await reader.cancel();
    await reading;
    feed?.enqueue(bytesOf("a"));
    feed?.enqueue(bytesOf("b"));
    feed?.close();
    expect(await rest).toBe("done");
    expect(seen).toEqual(["a", "b"]);
  });
});

test("the client's stream stays open until the work at its end is done", async () => {
  let finish = () => {};
  const work = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const { output } = observed(source([]).stream, { onEnd: () => work });
  let isClosed = false;
  const reading = (async () => {
    await new Response(output).text();
    isClosed = true;
  })();
  await new Promise((resolve) => setImmediate(resolve));
  expect(isClosed).toBe(false);
  finish();
  await reading;
  expect(isClosed).toBe(true);
});
