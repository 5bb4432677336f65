// A gateway in workerd and the model behind it, on this machine, in a temporary folder that goes with the process.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_DELAYS } from "../local/delays.ts";
import { type Gateway } from "../local/gateway.ts";
import { type KnownAnswer, type ModelCall, startModelServer } from "../local/model-server.ts";
import { type ModelUse } from "./table.ts";

export interface LocalStackOptions {
  readonly answers: ReadonlyMap<string, KnownAnswer>;
  readonly profile: "none" | "edge";
  /** Assumed model delays are divided by it before they are waited for. */
  readonly scale: number;
  readonly minDelayTokens?: number;
  readonly seed: number;
  /** Added to the variables of the Worker. */
  readonly vars?: Readonly<Record<string, string>>;
}

export interface LocalStack {
  readonly gateway: Gateway;
  readonly url: string;
  readonly key: string;
  /** Takes the oldest model call for a question that nobody has taken yet. */
  readonly takeCall: (question: string) => ModelCall | undefined;
  /** What the model was asked since the start. */
  readonly modelUse: () => ModelUse;
  readonly stop: () => Promise<void>;
}

export async function startLocalStack(options: LocalStackOptions): Promise<LocalStack> {
  const { answers, profile, scale, minDelayTokens, seed, vars } = options;
  const calls = new Map<string, ModelCall[]>();
  const model = await startModelServer({
    answers,
    delays: DEFAULT_DELAYS,
    scale,
    ...(minDelayTokens !== undefined && { minDelayTokens }),
    seed,
    onCall: (call) => calls.set(call.question, [...(calls.get(call.question) ?? []), call]),
  });
  const persistTo = mkdtempSync(join(tmpdir(), "velo-replay-"));
  const tidyUp = () => rmSync(persistTo, { recursive: true, force: true, maxRetries: 3 });
  // Also when the process is interrupted: miniflare ends it on a signal before `stop` could tidy up.
  process.once("exit", tidyUp);
  // Miniflare takes half a second to load: not needed for --help, --url or a wrong argument.
  const { startGateway } = await import("../local/gateway.ts");
  try {
    const gateway = await startGateway({
      quiet: true,
      persistTo,
      vars: { UPSTREAM_BASE_URL: model.url, LATENCY_PROFILE: profile, ...vars },
    });
    return {
      gateway,
      url: gateway.url,
      key: "sk-velo-local",
      takeCall: (question) => calls.get(question)?.shift(),
      modelUse: () => {
        const { requests, promptTokens, completionTokens } = model.stats();
        return { calls: requests, promptTokens, completionTokens };
      },
      stop: async () => {
        await gateway.stop();
        await model.stop();
        tidyUp();
      },
    };
  } catch (error) {
    await model.stop();
    throw error;
  }
}
