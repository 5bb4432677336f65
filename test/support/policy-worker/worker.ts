// One network in an isolate of its own, driven over HTTP. Weights come as a model file, inputs from the golden seed.
import { Forward } from "../../../src/policy/network/forward.ts";
import { DEFAULT_NETWORK } from "../../../src/policy/network/layout.ts";
import { NetworkPolicy } from "../../../src/policy/network/network-policy.ts";
import { readOnnx } from "../../../src/policy/network/onnx-file.ts";
import { onnxRuntime } from "../../../src/policy/network/onnx-policy.ts";
import { Turn } from "../../../src/policy/network/turn.ts";
import { waitFor } from "../../../src/worker/upstream/deadline.ts";
import { goldenInputs } from "../golden-policy.ts";

const runtime = onnxRuntime(waitFor);
/** A turn that requests may hold for as long as they like, as no caller of the runtime does. */
const turn = new Turn(waitFor);
let held = 0;
let policy: NetworkPolicy | undefined;
let forward: Forward | undefined;
let version = 0;
let inputs: ReturnType<typeof goldenInputs> | undefined;

const routes: Record<string, (query: URLSearchParams, request: Request) => Promise<unknown>> = {
  /** A model from the body; its session is made (and the runtime booted) by /boot. */
  "/model": async (_, request) => {
    const model = new Uint8Array(await request.arrayBuffer());
    forward = new Forward(DEFAULT_NETWORK, readOnnx(model).floats);
    policy = new NetworkPolicy({ version: ++version, name: "test", forward });
    return { version };
  },
  "/boot": async (_, request) => {
    const model = new Uint8Array(await request.arrayBuffer());
    policy?.accelerate(await runtime.createSession(model));
    return status();
  },
  /** A new session beside the old one, the pointer swapped, the old one released. */
  "/swap": async (_, request) => {
    const model = new Uint8Array(await request.arrayBuffer());
    const next = new NetworkPolicy({ version: ++version, name: "test", forward: forward! });
    next.accelerate(await runtime.createSession(model));
    const old = policy;
    policy = next;
    await old?.retire();
    return status();
  },
  /** One decision, as a request would ask for it: after some waiting. */
  "/decide": async (query) => {
    inputs ??= goldenInputs();
    await waitFor(Number(query.get("wait")));
    const { logits } = await policy!.infer(inputs[Number(query.get("i"))]!);
    return { logits: [...logits] };
  },
  "/decisions": async (query) => {
    inputs ??= goldenInputs();
    const n = Number(query.get("n"));
    let sum = 0;
    for (let i = 0; i < n; i++) sum += (await policy!.infer(inputs[i % 100]!)).logits[0]!;
    return { sum };
  },
  "/forward": async (query) => {
    inputs ??= goldenInputs();
    const n = Number(query.get("n"));
    let sum = 0;
    for (let i = 0; i < n; i++) {
      const { f, c, omega } = inputs[i % 100]!;
      sum += forward!.run(f, c, omega, null).logits[0]!;
    }
    return { sum };
  },
  "/status": async () => status(),
  "/hold": async (query) => {
    await turn.take(async () => {
      held++;
      await waitFor(Number(query.get("ms")));
    });
    return {};
  },
  "/held": async () => ({ held }),
  "/take": async () => turn.take(async () => ({ takeovers: turn.takeovers })),
};

const status = () => ({
  up: runtime.up,
  memoryBytes: runtime.memoryBytes,
  takeovers: runtime.takeovers,
  accelerated: policy?.accelerated ?? false,
  counts: policy?.counts,
});

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const route = routes[pathname];
    return route
      ? Response.json(await route(searchParams, request))
      : new Response("no such route", { status: 404 });
  },
};
