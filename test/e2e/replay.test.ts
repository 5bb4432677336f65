// The replay against servers whose behaviour is known exactly, so that its figures can be checked by another count.
import { spawn } from "node:child_process";
import { createServer, type Server } from "node:http";
import { text as readText } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { completionBody, parseChatRequest, userTurns } from "../../scripts/local/chat-wire.ts";
import { listen, stop } from "../../scripts/local/loopback.ts";
import { type ModelServer, startModelServer } from "../../scripts/local/model-server.ts";
import { answersFor } from "../../scripts/local/workload-answers.ts";
import { loadBundled } from "../../src/trainer-node/simulator/groups.ts";

const answers = answersFor(loadBundled());

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function replay(...args: string[]): Promise<Run> {
  const child = spawn(process.execPath, ["scripts/replay.ts", ...args]);
  return Promise.all([
    readText(child.stdout),
    readText(child.stderr),
    new Promise<number | null>((resolve) => child.once("close", resolve)),
  ]).then(([stdout, stderr, code]) => ({ code, stdout, stderr }));
}

describe("against a model without a gateway", () => {
  let model: ModelServer;
  beforeAll(async () => {
    model = await startModelServer({ answers, delays: null });
  });
  afterAll(() => model.stop());

  test("reports every request as a model answer, and asks each once", async () => {
    const { code, stdout } = await replay("--url", model.url, "--requests", "300", "--json");
    expect(code).toBe(0);
    const { summary, target, delayAssumptions } = JSON.parse(stdout);
    expect(summary.all).toMatchObject({
      requests: 300,
      modelAnswers: 300,
      exactHits: 0,
      semanticHits: 0,
      wrong: 0,
      failures: 0,
    });
    expect(summary.repeatsServedExactly.count).toBe(0);
    // Each repeat of the stream follows the finished answer to the same text.
    expect(summary.repeatsServedExactly.of).toBe(
      summary.kinds.find((kind: { kind: string }) => kind.kind === "repeat").requests,
    );
    expect(target).toBe(model.url);
    expect(delayAssumptions).toBeNull();
    expect(model.stats()).toMatchObject({ requests: 300, unknownQuestions: 0, aborted: 0 });
  });

  test("prints a table whose rows add up, with seed and commit", async () => {
    const { stdout } = await replay("--url", model.url, "--requests", "60", "--seed", "5");
    expect(stdout).toMatch(/^replay of 60 requests, seed 5, commit (unknown|[0-9a-f]{7,})/);
    const row = /^all +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)/m.exec(stdout);
    expect(row?.slice(1).map(Number)).toEqual([60, 0, 0, 0, 60, 0]);
  });
});

describe("against a cache with known faults", () => {
  /** Serves repeats of a text in a region exactly; serves every changed question with the last answer: wrongly. */
  let server: Server;
  let url: string;
  const served = { exact: 0, wrong: 0, model: 0 };
  beforeAll(async () => {
    const stored = new Map<string, string>();
    let lastText = "";
    let lastGroup = "";
    server = createServer((request, response) => {
      void readText(request).then((body) => {
        const match = /^\/(us|eu|asia)\/v1\/(chat\/completions|models)$/.exec(request.url ?? "");
        if (!match) return response.writeHead(404).end();
        if (match[2] === "models") return response.end("{}");
        const chat = parseChatRequest(body);
        if (typeof chat === "string") return response.writeHead(400).end(chat);
        const question = userTurns(chat).at(-1) ?? "";
        const known = answers.get(question);
        if (!known) return response.writeHead(500).end();
        const key = `${match[1]} ${question}`;
        let text = stored.get(key);
        let result = "HIT-EXACT";
        if (text !== undefined) {
          served.exact++;
        } else if (known.group.includes("#changed") && lastGroup !== known.group) {
          text = lastText;
          result = "HIT-SEMANTIC";
          served.wrong++;
        } else {
          text = known.text;
          result = "MISS; reason=no-match";
          stored.set(key, text);
          served.model++;
        }
        [lastText, lastGroup] = [known.text, known.group];
        response.setHeader("x-velo-cache", result);
        response.setHeader("x-velo-overhead-ms", "3");
        const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
        const answer = { model: "m", text, finishReason: "stop", usage } as const;
        if (chat.stream !== true) return response.end(completionBody(answer));
        const chunk = { choices: [{ delta: { content: text }, finish_reason: "stop" }] };
        return response.end(`data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`);
      });
    });
    url = `http://127.0.0.1:${await listen(server)}`;
  });
  afterAll(() => stop(server));

  test("counts what was served, and calls the other group's answer wrong", async () => {
    const { code, stdout } = await replay("--url", url, "--requests", "400", "--json");
    expect(code).toBe(0);
    const { summary } = JSON.parse(stdout);
    expect(served.wrong).toBeGreaterThan(10);
    expect(summary.all).toMatchObject({
      exactHits: served.exact,
      semanticHits: served.wrong,
      modelAnswers: served.model,
      wrong: served.wrong,
    });
    // Every repeat was possible and served; a changed question that was served wrongly is not stored, so its own
    // repeat is served wrongly too and counts as semantic.
    expect(summary.wrongPerSemanticHit.share).toBe(1);
    expect(summary.wrongPerRequest).toMatchObject({ count: served.wrong, of: 400 });
    expect(summary.wrongExactHits).toBe(0);
    expect(summary.overheadMs).toEqual({ p50: 3, p95: 3 });
    expect(summary.reasons).toEqual([{ reason: "MISS no-match", count: served.model }]);
  });
});

describe("against the local gateway", () => {
  test("a repeat of an answered text is served exactly, nothing fails, and the process ends by itself", async () => {
    const { code, stdout } = await replay("--requests", "200", "--json");
    expect(code).toBe(0);
    const { summary, model } = JSON.parse(stdout);
    expect(summary.all).toMatchObject({ requests: 200, failures: 0 });
    // A floor on what is served, so that a gateway that only forwards cannot pass.
    expect(summary.repeatsServedExactly.of).toBeGreaterThan(20);
    expect(summary.repeatsServedExactly.share).toBeGreaterThan(0.95);
    expect(summary.wrongExactHits).toBe(0);
    expect(summary.all.exactHits + summary.all.semanticHits + summary.all.modelAnswers).toBe(200);
    expect(model.calls).toBeGreaterThanOrEqual(summary.all.modelAnswers);
    expect(summary.overheadMs.p50).toBeLessThan(1000);
  });
});

describe("the command line", () => {
  test.each([
    [["--requests", "0"], /--requests must be a whole number from 1/],
    [["--profile", "moon"], /--profile must be one of none, edge/],
    [["--url", "localhost:1"], /--url must begin with http/],
    [["--key", "k"], /--key needs --url/],
    [["--what"], /--what/],
    [["--data", "/nowhere"], /^\/nowhere: holds none of near-miss/],
  ])("%j is refused with a reason and exit status 2", async (args, reason) => {
    const { code, stderr } = await replay(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(reason);
  });

  test("a server that is not there ends in failures and exit status 1, not in a hang", async () => {
    const gone = createServer();
    const port = await listen(gone);
    await stop(gone);
    const { code, stderr } = await replay("--url", `http://127.0.0.1:${port}`, "--requests", "5");
    expect(code).toBe(1);
    expect(stderr).toContain("ECONNREFUSED");
  });
});
