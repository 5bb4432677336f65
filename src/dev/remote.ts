// Entry of [env.remote]: lends an account's real Vectorize and Workers AI to `npm run verify:cloudflare`. Never deployed;
// wrangler runs it here, or in a preview that only its own proxy can reach.
import { onnxRuntime } from "../policy/network/onnx-policy.ts";
import { actorModel } from "../policy/network/onnx-graph.ts";
import { DEFAULT_NETWORK } from "../policy/network/layout.ts";
import { CORRELATION_SIZE, EMBEDDING_SIZE } from "../policy/network/policy.ts";
import { type Env } from "../worker/env.ts";

type RemoteEnv = Pick<Env, "AI" | "VECTORIZE" | "EMBEDDER">;

const INDEX_METHODS = [
  "describe",
  "query",
  "queryById",
  "insert",
  "upsert",
  "deleteByIds",
  "getByIds",
] as const;

export default {
  async fetch(request: Request, env: RemoteEnv): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    try {
      switch (pathname) {
        case "/index":
          return Response.json({ result: await callIndex(await request.json<IndexCall>(), env) });
        case "/embed": {
          const text: string[] = await request.json();
          return Response.json({ result: await env.AI.run(env.EMBEDDER, { text }) });
        }
        case "/delays":
          return Response.json({ result: await delaysOf(env, Number(searchParams.get("rounds"))) });
        case "/onnx":
          return Response.json({ result: await bootOnnx() });
        default:
          return Response.json({ error: `no route ${pathname}` }, { status: 404 });
      }
    } catch (error) {
      return Response.json({ error: String(error) }, { status: 400 });
    }
  },
} satisfies ExportedHandler<RemoteEnv>;

interface IndexCall {
  readonly method: string;
  readonly args: readonly unknown[];
}

async function callIndex({ method, args }: IndexCall, env: RemoteEnv): Promise<unknown> {
  const known = INDEX_METHODS.find((name) => name === method);
  if (known === undefined) throw new TypeError(`no method ${method}`);
  return await Reflect.apply(env.VECTORIZE[known], env.VECTORIZE, args);
}

/** Milliseconds of each call, in order. A Worker's clock moves with its I/O, so waiting is seen and computing is not. */
async function delaysOf(env: RemoteEnv, rounds: number) {
  const embed: number[] = [];
  const vectors: number[] = [];
  const timed = async (into: number[], call: () => Promise<unknown>) => {
    const startedAt = Date.now();
    await call();
    into.push(Date.now() - startedAt);
  };
  const vector = Array.from({ length: EMBEDDING_SIZE }, (_, i) => (i === 0 ? 1 : 0));
  const query = { topK: 10, namespace: "delays", returnValues: true } as const;
  for (let round = 0; round < rounds; round++) {
    const text = [`How long does round ${round} take?`];
    await timed(embed, () => env.AI.run(env.EMBEDDER, { text }));
    await timed(vectors, () => env.VECTORIZE.query(vector, query));
  }
  return { embed, vectors };
}

/** Boots onnxruntime, runs a network of zeros once and returns its logits: [0, 0]. */
async function bootOnnx(): Promise<number[]> {
  const runtime = onnxRuntime((ms) => scheduler.wait(ms));
  const session = await runtime.createSession(actorModel(DEFAULT_NETWORK, null));
  const observation = {
    f: new Float32Array(EMBEDDING_SIZE),
    c: new Float32Array(CORRELATION_SIZE),
    omega: 0,
  };
  const noise = new Float32Array((DEFAULT_NETWORK.steps + 1) * DEFAULT_NETWORK.actions);
  const { logits } = await session.run(observation, noise);
  await session.release();
  return Array.from(logits);
}
