// Guards and verifier in an isolate of their own, driven over HTTP. Weights and texts come in bodies.
import { unpackEmbedder } from "../../../src/policy/embedding/packed-embedder.ts";
import { unpackScorer } from "../../../src/policy/verifier/pair-scorer.ts";
import { DecisionLoop } from "./decision-loop.ts";

let embed: ((text: string) => Float32Array) | undefined;
let scorer: ReturnType<typeof unpackScorer> | undefined;
let loop: DecisionLoop | undefined;

const routes: Record<string, (query: URLSearchParams, request: Request) => Promise<unknown>> = {
  "/embedder": async (_, request) => {
    const embedder = unpackEmbedder(new Uint8Array(await request.arrayBuffer()));
    embed = (text) => embedder.embed(text);
    return {};
  },
  "/scorer": async (_, request) => {
    scorer = unpackScorer(new Uint8Array(await request.arrayBuffer()), embed);
    return { id: scorer.id };
  },
  "/texts": async (_, request) => {
    loop = new DecisionLoop(scorer!, JSON.parse(await request.text()) as string[]);
    return {};
  },
  "/known": async (query) => ({ passed: loop!.known(Number(query.get("n"))) }),
  "/new": async (query) => ({ passed: loop!.allNew(Number(query.get("n"))) }),
};

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const route = routes[pathname];
    if (route === undefined) return new Response("no such route", { status: 404 });
    return Response.json(await route(searchParams, request));
  },
};
