// `velo/auto` over real sockets: one backend resets every connection, one breaks off in the middle, one answers.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Gateway, startGateway } from "../../scripts/local/gateway.ts";
import { type FaultServer, startFaultServer } from "../support/fault-server.ts";

const NAMES = ["torn", "broken", "steady"] as const;
const TARGETS = { torn: "fault/fin-chunked", broken: "fault/drop", steady: "fault/none" };
/** The torn one is the best and the dearest. */
const QUALITY = { torn: 0.9, broken: 0.8, steady: 0.7 };
const PRICE = { torn: 100, broken: 1, steady: 1 };

const servers = {} as Record<(typeof NAMES)[number], FaultServer>;
let gateway: Gateway;

beforeAll(async () => {
  for (const name of NAMES) servers[name] = await startFaultServer();
  const upstreams = NAMES.map((name) => ({
    name,
    kind: "openai",
    baseUrl: servers[name].url,
    models: [
      {
        id: name,
        target: TARGETS[name],
        inputUsdPerMillionTokens: 0,
        outputUsdPerMillionTokens: PRICE[name],
        auto: { quality: QUALITY[name], firstTokenSeconds: 0.1, secondsPerToken: 0.001 },
      },
    ],
  }));
  const VELO = JSON.stringify({ upstreams, routing: { rule: "random" } });
  // The variable goes before the document.
  gateway = await startGateway({ quiet: true, vars: { VELO, ROUTING: "quality-first" } });
});
afterAll(async () => {
  await gateway.stop();
  for (const name of NAMES) await servers[name].stop();
});

const ask = (prompt: string, model: string, headers: Readonly<Record<string, string>> = {}) =>
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: {
      authorization: "Bearer sk-velo-local",
      "content-type": "application/json",
      ...headers,
    },
    body: JSON.stringify({ model, stream: true, messages: [{ role: "user", content: prompt }] }),
  });
const callsFor = (prompt: string) => NAMES.map((name) => servers[name].callsFor(prompt));
/** 300 tokens cost the torn one 0.03 USD. */
const CHEAP = { "x-velo-max-cost-usd": "0.01" };

test("what fails before its first byte is made good by another backend, and the headers say so", async () => {
  const response = await ask("before", "velo/auto", CHEAP);
  const text = await response.text();
  expect(response.status).toBe(200);
  expect(text).toContain("[DONE]");
  expect(response.headers.get("x-velo-backend")).toBe("steady/steady");
  expect(response.headers.get("x-velo-routing")).toMatch(
    /^quality-first; predicted=.*; tried=broken\/broken$/,
  );
  expect(callsFor("before")).toEqual([0, 1, 1]);
  const id = response.headers.get("x-velo-decision")!;
  await expect
    .poll(async () => {
      const receipt = await fetch(`${gateway.url}/admin/decisions/${id}`, {
        headers: { authorization: `Bearer ${gateway.adminToken}` },
      });
      return await receipt.text();
    })
    .toContain('"tried":[{"backend":"broken/broken","why":"upstream_error"}]');
});

test("what breaks after its first byte is told as it is, and nobody else is called", async () => {
  const response = await ask("after", "velo/auto");
  const text = await response.text();
  expect(response.status).toBe(200);
  expect(response.headers.get("x-velo-backend")).toBe("torn/torn");
  expect(text).not.toContain("[DONE]");
  expect(text.trimEnd().split("\n").at(-1)).toMatch(/^data: {"error":/);
  expect(callsFor("after")).toEqual([1, 0, 0]);
});

test("a model that is named is not left for another", async () => {
  const response = await ask("named", "broken", CHEAP);
  expect(response.status).toBe(502);
  expect(response.headers.get("x-velo-backend")).toBeNull();
  expect(callsFor("named")).toEqual([0, 3, 0]);
});

test("velo/auto is among the models, and embeds nothing", async () => {
  const headers = { authorization: "Bearer sk-velo-local", "content-type": "application/json" };
  const models = await fetch(`${gateway.url}/v1/models`, { headers });
  expect(await models.text()).toContain('"id":"velo/auto"');
  const body = JSON.stringify({ model: "velo/auto", input: "text" });
  const embedded = await fetch(`${gateway.url}/v1/embeddings`, { method: "POST", headers, body });
  expect(embedded.status).toBe(404);
});
