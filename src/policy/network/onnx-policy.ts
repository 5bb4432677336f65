// onnxruntime-web inside a Worker; the only file that knows it. Boots on the first session, never at start-up.
//
// A Worker may not compile WebAssembly at run time: only modules of the upload can be instantiated, and onnxruntime has no
// option to take one. So it is given a sentinel as its binary, and while it boots, instantiating that sentinel yields an
// instance of the uploaded module. Checked at every boot: an upgrade that loads itself differently fails loudly.
// oxlint-disable-next-line typescript/triple-slash-reference -- whoever imports this file needs the type of *.wasm
/// <reference path="./modules.d.ts" />
import { InferenceSession, Tensor, env } from "onnxruntime-web/wasm";
import uploadedModule from "onnxruntime-web/ort-wasm-simd-threaded.wasm";
import { bootModel } from "./onnx-graph.ts";
import { CORRELATION_SIZE, EMBEDDING_SIZE } from "./policy.ts";
import { type Session } from "./network-policy.ts";
import { Turn } from "./turn.ts";

interface WasmMemory {
  readonly buffer: ArrayBufferLike;
}

/** What is used of the WebAssembly global, which this folder's types leave out. */
declare const WebAssembly: {
  instantiate: (source: unknown, imports: Readonly<Record<string, object>>) => Promise<unknown>;
  readonly Instance: new (module: object, imports: Readonly<Record<string, object>>) => object;
  readonly Memory: abstract new () => WasmMemory;
};

/** The runtime of this isolate. It cannot be booted twice, not even after a failure. */
let state: "down" | "booting" | "up" | "failed" = "down";
let memory: WasmMemory | null = null;
/** Overlapping runs corrupt onnxruntime's stack: all sessions of the isolate share one turn. */
let turn: Turn | null = null;

export interface OnnxRuntime {
  readonly up: boolean;
  /** Bytes of the runtime's linear memory, which never shrinks; 0 before it boots. */
  readonly memoryBytes: number;
  /** Turns taken over from requests that vanished inside the runtime. */
  readonly takeovers: number;
  /** Boots the runtime when it is down. Throws when it cannot be booted or the model does not load. */
  createSession(model: Uint8Array): Promise<Session>;
}

/** @param wait resolves after that many milliseconds, on the clock of the request that calls it */
export function onnxRuntime(wait: (ms: number) => Promise<void>): OnnxRuntime {
  const shared = (turn ??= new Turn(wait));
  return {
    get up() {
      return state === "up";
    },
    get memoryBytes() {
      return memory?.buffer.byteLength ?? 0;
    },
    get takeovers() {
      return shared.takeovers;
    },
    createSession: async (model) => {
      const session = await shared.take(async () => {
        if (state !== "up") await boot();
        return InferenceSession.create(model, { executionProviders: ["wasm"] });
      });
      return onnxSession(session, shared);
    },
  };
}

function onnxSession(session: InferenceSession, shared: Turn): Session {
  const noiseDims = noiseDimsOf(session);
  return {
    run: ({ f, c, omega }, noise) =>
      shared.take(async () => {
        const { logits } = await session.run(
          {
            f: new Tensor("float32", f, [1, EMBEDDING_SIZE]),
            c: new Tensor("float32", c, [1, CORRELATION_SIZE]),
            omega: new Tensor("float32", Float32Array.of(omega), [1, 1]),
            noise: new Tensor("float32", noise, noiseDims),
          },
          ["logits"],
        );
        if (!(logits?.data instanceof Float32Array))
          throw new TypeError("the model has no float32 output named logits");
        return { logits: logits.data };
      }),
    release: () => shared.take(() => session.release()),
  };
}

/** [1, T+1, A] as the model declares it. */
function noiseDimsOf(session: InferenceSession): readonly number[] {
  const noise = session.inputMetadata.find(({ name }) => name === "noise");
  if (!noise?.isTensor) throw new TypeError("the model has no input named noise");
  return [1, Number(noise.shape[1]), Number(noise.shape[2])];
}

async function boot(): Promise<void> {
  if (state !== "down") throw new Error(`onnxruntime cannot be booted again: it is ${state}`);
  state = "booting";
  const { instantiate } = WebAssembly;
  // An ArrayBuffer, not a view: the view that onnxruntime makes of it shares this very buffer.
  const sentinel = new ArrayBuffer(8);
  let used = false;
  WebAssembly.instantiate = (source, imports) => {
    if (!ArrayBuffer.isView(source) || source.buffer !== sentinel)
      return instantiate.call(WebAssembly, source, imports);
    used = true;
    for (const value of Object.values(imports).flatMap(
      (space) => Object.values(space) as unknown[],
    ))
      if (value instanceof WebAssembly.Memory) memory = value;
    const instance = new WebAssembly.Instance(uploadedModule, imports);
    return Promise.resolve({ instance, module: uploadedModule });
  };
  try {
    env.wasm.wasmBinary = sentinel;
    env.wasm.numThreads = 1;
    env.wasm.proxy = false;
    env.logLevel = "error";
    const session = await InferenceSession.create(bootModel(), { executionProviders: ["wasm"] });
    await session.release();
    if (!used) throw new Error("onnxruntime did not instantiate the binary that it was given");
    state = "up";
  } catch (error) {
    state = "failed";
    throw error;
  } finally {
    WebAssembly.instantiate = instantiate;
  }
}
