// The fault server is itself a measuring instrument: each kind must break exactly what it says, and nothing else.
import { get } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startModelServer } from "../../scripts/local/model-server.ts";
import {
  FAULT_KINDS,
  type FaultKind,
  type FaultServer,
  isFaultKind,
  startFaultServer,
} from "../support/fault-server.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";

const seed = Number(process.env["SEED"] ?? 42);
let server: FaultServer;
beforeAll(async () => {
  console.log(`fault server seed ${seed}`);
  server = await startFaultServer({ seed, trickleMs: 5 });
});
afterAll(() => server.stop());

interface Seen {
  readonly status: number;
  readonly bytes: Buffer;
  /** How the HTTP body ended for the client. */
  readonly end: "clean" | "broken" | "open";
}

/** Asks for `model` and reads until the end, the break, or `patienceMs`. */
async function ask(
  kind: FaultKind | `${FaultKind}@${number}`,
  { stream = true, prompt = `prompt of ${kind}`, patienceMs = 300 } = {},
): Promise<Seen> {
  const chunks: Uint8Array[] = [];
  let status = 0;
  const signal = AbortSignal.timeout(patienceMs);
  try {
    const response = await fetch(`${server.url}/chat/completions`, {
      method: "POST",
      body: JSON.stringify({
        model: `fault/${kind}`,
        stream,
        messages: [{ role: "user", content: prompt }],
      }),
      redirect: "manual",
      signal,
    });
    status = response.status;
    if (response.body !== null) for await (const chunk of response.body) chunks.push(chunk);
    return { status, bytes: Buffer.concat(chunks), end: "clean" };
  } catch {
    return { status, bytes: Buffer.concat(chunks), end: signal.aborted ? "open" : "broken" };
  }
}

interface Chunk {
  readonly choices?: {
    readonly delta: { readonly content?: string };
    readonly finish_reason: string | null;
  }[];
}

interface Reading {
  readonly text: string;
  readonly finish: string | undefined;
  readonly done: boolean;
  /** Bytes after the last whole event. */
  readonly remainder: string;
}

function read(bytes: Buffer): Reading {
  const events = bytes.toString("utf8").split("\n\n");
  const remainder = events.pop() ?? "";
  let text = "";
  let finish: string | undefined;
  let done = false;
  for (const event of events) {
    if (event === "data: [DONE]") {
      done = true;
      continue;
    }
    const chunk: Chunk = JSON.parse(event.slice("data: ".length));
    text += chunk.choices?.[0]?.delta.content ?? "";
    finish = chunk.choices?.[0]?.finish_reason ?? finish;
  }
  return { text, finish, done, remainder };
}

describe("streams that end cleanly for an HTTP client", () => {
  test("none is complete, so that a test of the others can fail for the right reason", async () => {
    const { status, bytes, end } = await ask("none", { prompt: "p" });
    expect([status, end]).toEqual([200, "clean"]);
    expect(read(bytes)).toEqual({
      text: server.answerTo("p"),
      finish: "stop",
      done: true,
      remainder: "",
    });
  });

  test.each([
    ["done-no-finish", undefined, true],
    ["finish-no-done", "stop", false],
    ["length", "length", true],
    ["content-filter", "content_filter", true],
  ] as const)("%s has finish_reason %s and [DONE] %s", async (kind, finish, done) => {
    const { bytes, end } = await ask(kind, { prompt: "p" });
    expect(end).toBe("clean");
    expect(read(bytes)).toEqual({ text: server.answerTo("p"), finish, done, remainder: "" });
  });

  test("fin ends between two events with part of the answer", async () => {
    for (let run = 0; run < 50; run++) {
      const { bytes, end } = await ask("fin", { prompt: "p" });
      const { text, finish, done, remainder } = read(bytes);
      expect([end, finish, done, remainder]).toEqual(["clean", undefined, false, ""]);
      expect(server.answerTo("p").startsWith(text)).toBe(true);
      expect(text.length).toBeGreaterThan(0);
      expect(text.length).toBeLessThan(server.answerTo("p").length);
    }
  });

  test("fin-raw ends anywhere and the HTTP client still sees a clean end", async () => {
    const { bytes, end } = await ask("fin-raw");
    expect(end).toBe("clean");
    expect(read(bytes).done).toBe(false);
  });

  test("cut-json leaves half an event, at any offset", async () => {
    for (let run = 0; run < 50; run++) {
      const { bytes, end } = await ask("cut-json");
      const half = read(bytes).remainder.slice("data: ".length);
      expect(end).toBe("clean");
      expect(half).toMatch(/^\{/);
      expect(() => JSON.parse(half) as unknown).toThrow(SyntaxError);
    }
  });

  test("cut-utf8 leaves half a code point, at any offset, whole answer or stream", async () => {
    const strict = new TextDecoder("utf-8", { fatal: true });
    for (let run = 0; run < 50; run++) {
      const { bytes, end } = await ask("cut-utf8", { stream: run % 2 === 0 });
      expect(end).toBe("clean");
      expect(() => strict.decode(bytes)).toThrow(TypeError);
    }
  });

  test("error-event comes after part of the answer and without [DONE]", async () => {
    const { bytes, end } = await ask("error-event");
    expect(end).toBe("clean");
    expect(bytes.toString()).toMatch(/"content".*\ndata: \{"error":/s);
    expect(bytes.includes("[DONE]")).toBe(false);
  });

  test("html is a page with status 200, redirect is a 307 that nobody followed", async () => {
    const page = await ask("html");
    expect(page.status).toBe(200);
    expect(page.bytes.toString()).toContain("<!doctype html>");
    expect((await ask("redirect")).status).toBe(307);
    expect(server.redirectsFollowed()).toBe(0);
  });
});

describe("streams that break for an HTTP client", () => {
  test.each(["reset", "fin-chunked"] as const)("%s breaks in mid-stream", async (kind) => {
    for (let run = 0; run < 20; run++) {
      const { status, bytes, end } = await ask(kind);
      expect([status, end]).toEqual([200, "broken"]);
      expect(bytes.includes("[DONE]")).toBe(false);
    }
  });

  test("drop breaks before a status, and the refused port before a connection", async () => {
    expect(await ask("drop")).toMatchObject({ status: 0, end: "broken" });
    await expect(fetch(server.refusedUrl)).rejects.toMatchObject({
      cause: { code: "ECONNREFUSED" },
    });
  });

  test("stall and hang stay open, trickle goes on", async () => {
    const stalled = await ask("stall");
    expect(stalled).toMatchObject({ status: 200, end: "open" });
    expect(stalled.bytes.length).toBeGreaterThan(0);
    expect(await ask("hang")).toMatchObject({ status: 0, end: "open" });
    const trickled = await ask("trickle");
    expect(trickled.end).toBe("open");
    // 300 ms at one byte every 5 ms: at most 60 bytes, and more than one.
    expect(trickled.bytes.length).toBeGreaterThan(1);
    expect(trickled.bytes.length).toBeLessThanOrEqual(60);
  });

  test("an explicit offset cuts there: equal models give equal bytes", async () => {
    const { bytes } = await ask("fin-raw@300");
    expect(bytes.length).toBe(300);
  });
});

describe("answers that are not streamed", () => {
  const plain = { stream: false, prompt: "p" };
  test("wrong-length breaks after a whole body, short-length cuts it silently", async () => {
    const long = await ask("wrong-length", plain);
    expect(long.end).toBe("broken");
    expect(long.bytes.toString()).toContain('"finish_reason":"stop"');
    const short = await ask("short-length", plain);
    expect(short.status).toBe(200);
    expect(() => JSON.parse(short.bytes.toString()) as unknown).toThrow(SyntaxError);
  });

  test.each([
    ["none", "stop"],
    ["length", "length"],
    ["content-filter", "content_filter"],
    ["done-no-finish", null],
  ] as const)("%s has finish_reason %s", async (kind, finish) => {
    const { bytes } = await ask(kind, plain);
    expect(JSON.parse(bytes.toString())).toMatchObject({
      choices: [{ finish_reason: finish, message: { content: server.answerTo("p") } }],
    });
  });
});

describe("counting", () => {
  test("calls are counted per prompt and a caller's hanging up is seen", async () => {
    const own = await startFaultServer({ seed });
    const post = (signal?: AbortSignal) =>
      fetch(`${own.url}/chat/completions`, {
        method: "POST",
        body: JSON.stringify({
          model: signal ? "fault/hang" : "fault/none",
          messages: [{ role: "user", content: signal ? "left" : "stayed" }],
        }),
        ...(signal && { signal }),
      }).then((response) => response.text());
    await post();
    await post();
    await expect(post(AbortSignal.timeout(30))).rejects.toThrow(/timeout/);
    expect([own.callsFor("stayed"), own.callsFor("left"), own.callsFor("other")]).toEqual([
      2, 1, 0,
    ]);
    await expect.poll(() => own.abandoned()).toBe(1);
    expect(own.totalCalls()).toBe(3);
    await own.stop();
  });

  test("every kind has a word for what it does and is refused by nobody", async () => {
    for (const kind of Object.keys(FAULT_KINDS).filter(isFaultKind)) {
      const before = server.callsFor("each");
      await ask(kind, { prompt: "each", patienceMs: 40 });
      expect([kind, server.callsFor("each")]).toEqual([kind, before + 1]);
    }
  });
});

describe("the TCP proxy", () => {
  const text = (port: number) =>
    new Promise<string>((resolve, reject) => {
      get({ port, path: "/v1/models", agent: false }, (response) => {
        let body = "";
        response.on("data", (chunk) => (body += String(chunk)));
        response.on("end", () => resolve(body));
        response.on("error", reject);
      }).on("error", reject);
    });

  test("passes on, delays, cuts and refuses", async () => {
    const model = await startModelServer({ delays: null });
    const proxy = await startTcpProxy(Number(new URL(model.url).port));
    expect(await text(proxy.port)).toContain("velo-local");

    proxy.setFaults({ delayMs: 40 });
    const begin = performance.now();
    await text(proxy.port);
    expect(performance.now() - begin).toBeGreaterThanOrEqual(79); // 40 ms each way

    proxy.setFaults({ cutAfterBytes: 100 });
    await expect(text(proxy.port)).rejects.toMatchObject({ code: "ECONNRESET" });
    proxy.setFaults({ refuse: true });
    await expect(text(proxy.port)).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(proxy.connections()).toBe(4);
    await proxy.stop();
    await model.stop();
  });
});
