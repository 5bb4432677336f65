// What becomes of the calls that `velo/auto` makes: who is asked next, what each is told, and what is learned from them.
import { describe, expect, test } from "vitest";
import { type ModelCall } from "../../../src/worker/ports.ts";
import { type Script } from "../../support/scripted-model.ts";
import { World } from "../../support/world.ts";

const backend = (name: string, price: number, auto: Readonly<Record<string, unknown>>) => ({
  name,
  kind: "openai",
  baseUrl: "http://127.0.0.1:9/v1",
  models: [
    { id: `${name}-model`, inputUsdPerMillionTokens: 0, outputUsdPerMillionTokens: price, auto },
  ],
});
const GOOD = { quality: 0.9, firstTokenSeconds: 2, secondsPerToken: 0.01 };
const CHEAP = { quality: 0.5, firstTokenSeconds: 0.2, secondsPerToken: 0.005 };
const UPSTREAMS = [backend("good", 10, GOOD), backend("cheap", 1, CHEAP)];
const stream = { body: { model: "velo/auto", stream: true, temperature: 1 } };

function newWorld(config: Readonly<Record<string, unknown>> = {}) {
  const world = new World({ config: { upstreams: UPSTREAMS, ...config } });
  const scriptOf: Record<string, Script> = {};
  const answer = ({ upstream }: ModelCall) => ({
    text: `by ${upstream.name}`,
    ...scriptOf[upstream.name],
  });
  world.model.script = answer;
  return { world, scriptOf };
}

describe("the calls of a request for velo/auto", () => {
  test("each go out under a key of their own, and the same ones when the request comes again", async () => {
    const { world, scriptOf } = newWorld();
    scriptOf["good"] = { status: 500, body: "{}" };
    const headers = { "idempotency-key": "k1" };
    const keys = () => world.model.calls.map((call) => call.headers.get("idempotency-key"));
    await world.ask("once", { ...stream, headers });
    expect(keys()).toEqual(["k1-good-model", "k1-cheap-model"]);
    await world.ask("once", { ...stream, headers });
    expect(keys().slice(2)).toEqual(["k1-good-model", "k1-cheap-model"]);
    await world.ask("named", { body: { model: "cheap-model" }, headers });
    expect(keys().at(-1)).toBe("k1");
    expect(world.model.calls.slice(0, 2).map(({ json }) => json["model"])).toEqual([
      "good-model",
      "cheap-model",
    ]);
  });
});
