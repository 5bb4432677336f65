// Four local model servers behind one gateway over real TCP, one of which gets into every kind of trouble while clients
// send at random moments. How long each server would take for each request is drawn beforehand, so that it is known
// afterwards which deadlines could have been met by anybody.
import { type Gateway, startGateway } from "../../scripts/local/gateway.ts";
import { type ModelServer, startModelServer } from "../../scripts/local/model-server.ts";
import { type Script } from "../../scripts/local/scripted-failures.ts";
import { type Reply, makeTenant, post } from "./gateway-client.ts";
import { REFUSAL, SCRIPTS, type Told, endOf } from "./troubled-ends.ts";
import {
  type Ask,
  LENGTH,
  SCALE,
  SERVERS,
  SERVER_NAMES,
  type ServerName,
  TROUBLED,
  type Trouble,
  type WorkloadOptions,
  asksOf,
} from "./troubled-workload.ts";

const SLOWDOWN = 8;
const FIRST_BYTE_TIMEOUT_MS = 5_000;
/** No answer by then is a lost request. */
const PATIENCE_MS = 60_000;

export interface WorldOptions extends WorkloadOptions {
  readonly rule?: string;
  readonly onProgress?: (done: number, of: number) => void;
}

export async function runTroubledBackends(options: WorldOptions): Promise<readonly Told[]> {
  const world = new TroubledBackends(options);
  try {
    return await world.run();
  } finally {
    await world.stop();
  }
}

class TroubledBackends {
  readonly #options: WorldOptions;
  readonly #asks: readonly Ask[];
  readonly #byQuestion: ReadonlyMap<string, Ask>;
  readonly #servers = new Map<ServerName, ModelServer>();
  readonly #calls = new Map<string, { readonly server: ServerName; readonly at: number }[]>();
  #gateway: Gateway | null = null;
  #startedAt = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#asks = asksOf(options);
    this.#byQuestion = new Map(this.#asks.map((ask) => [ask.question, ask]));
  }

  async run(): Promise<readonly Told[]> {
    const { phases, rule = "quality-first", onProgress } = this.#options;
    for (const name of SERVER_NAMES) await this.#start(name);
    const upstreams = SERVER_NAMES.map((name) => this.#upstream(name));
    const VELO = JSON.stringify({ upstreams, routing: { rule } });
    const gateway = await startGateway({ quiet: true, vars: { VELO } });
    this.#gateway = gateway;
    const keys = new Map<string, string>();
    for (const tenant of new Set(phases.flatMap(({ tenants }) => tenants)))
      keys.set(tenant, (await makeTenant(gateway, {})).key);
    // A Worker's first request compiles it.
    const { key } = await makeTenant(gateway, {});
    await post(`${gateway.url}/v1/chat/completions`, { key, body: bodyOf(this.#asks[0]!) });
    this.#calls.clear();

    this.#startedAt = performance.now();
    const restarts = this.#restarts();
    let done = 0;
    const told = await Promise.all(
      this.#asks.map(async (ask) => {
        await pause(ask.at * 1000 - this.#elapsedMs());
        const reply = await post(`${gateway.url}/v1/chat/completions`, {
          key: keys.get(ask.tenant)!,
          body: bodyOf(ask),
          leaveAfterMs: PATIENCE_MS,
          headers: ask.deadlineMs === null ? {} : { "x-velo-deadline-ms": String(ask.deadlineMs) },
        });
        onProgress?.(++done, this.#asks.length);
        return { ask, reply };
      }),
    );
    await restarts;
    return told.map(({ ask, reply }) => this.#told(ask, reply));
  }

  async stop(): Promise<void> {
    await this.#gateway?.stop();
    for (const server of this.#servers.values()) await server.stop();
  }

  #upstream(name: ServerName) {
    const { quality, input, output, first, perToken } = SERVERS[name];
    return {
      name,
      kind: "openai",
      baseUrl: this.#servers.get(name)!.url,
      firstByteTimeoutMs: FIRST_BYTE_TIMEOUT_MS,
      models: [
        {
          id: name,
          inputUsdPerMillionTokens: input,
          outputUsdPerMillionTokens: output,
          auto: {
            quality,
            // What an operator would write down: the medians, and the length of a usual answer.
            firstTokenSeconds: first[0] / SCALE,
            secondsPerToken: perToken / SCALE,
            outputTokens: LENGTH.mean,
          },
        },
      ],
    };
  }

  async #start(name: ServerName, port = 0): Promise<void> {
    const answers = new Map(
      this.#asks.map(({ question, answer }) => [question, { text: answer, group: question }]),
    );
    const server = await startModelServer({
      answers,
      port,
      scale: SCALE,
      delays: ({ question }, tokens) => {
        const { first, per } = this.#delayOf(name, this.#byQuestion.get(question)!);
        return { firstToken: first, perToken: per, total: first + tokens * per };
      },
      script: ({ question }) => this.#script(name, question),
    });
    this.#servers.set(name, server);
  }

  #script(name: ServerName, question: string): Script | undefined {
    const calls = this.#calls.get(question) ?? [];
    calls.push({ server: name, at: performance.now() });
    this.#calls.set(question, calls);
    if (this.#byQuestion.get(question)!.isRefused) return REFUSAL;
    return name === TROUBLED ? SCRIPTS[this.#troubleAt(this.#elapsedMs() / 1000)] : undefined;
  }

  /** Closes the port for as long as nobody is to listen. */
  async #restarts(): Promise<void> {
    let from = 0;
    for (const { trouble, seconds } of this.#options.phases) {
      const to = from + seconds;
      if (trouble === "refusing") {
        await pause(from * 1000 - this.#elapsedMs());
        const server = this.#servers.get(TROUBLED)!;
        await server.stop();
        await pause(to * 1000 - this.#elapsedMs());
        await this.#start(TROUBLED, Number(new URL(server.url).port));
      }
      from = to;
    }
  }

  #elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  #troubleAt(seconds: number): Trouble {
    let end = 0;
    for (const phase of this.#options.phases) {
      end += phase.seconds;
      if (seconds < end) return phase.trouble;
    }
    return "none";
  }

  /** Unscaled. */
  #delayOf(name: ServerName, ask: Ask, at = this.#elapsedMs() / 1000) {
    const { first, per } = ask.delays[name];
    const factor = name === TROUBLED && this.#troubleAt(at) === "slow" ? SLOWDOWN : 1;
    return { first: first * factor, per: per * factor };
  }

  /** Milliseconds that the server would take for a request sent at its time; Infinity while it answers nobody. */
  #trueMs(name: ServerName, ask: Ask): number {
    const trouble = this.#troubleAt(ask.at);
    if (name === TROUBLED && trouble !== "none" && trouble !== "slow") return Infinity;
    const { first, per } = this.#delayOf(name, ask, ask.at);
    return ((first + ask.tokens * per) / SCALE) * 1000;
  }

  #told(ask: Ask, reply: Reply): Told {
    const { deadlineMs, question } = ask;
    const made = this.#calls.get(question) ?? [];
    const called = made.map(({ server }) => server);
    const header = String(reply.headers["x-velo-backend"] ?? "").split("/")[0];
    const backend = SERVER_NAMES.find((name) => name === header) ?? null;
    const tried = /tried=([^;]*)/.exec(String(reply.headers["x-velo-routing"]))?.[1] ?? "";
    // A connection that was refused is a call that no server has seen.
    const unseen = tried.split(",").filter((id) => id.startsWith(TROUBLED)).length;
    const calls = called.length + (called.includes(TROUBLED) ? 0 : unseen);
    const able = ask.isRefused
      ? []
      : SERVER_NAMES.filter((name) => this.#trueMs(name, ask) <= (deadlineMs ?? Infinity));
    const end = endOf(ask, reply);
    const whole = end === "whole" && backend !== null ? SERVERS[backend] : null;
    return {
      ask,
      trouble: this.#troubleAt(ask.at),
      end,
      status: reply.status,
      backend,
      ms: reply.ms,
      deadlineMs,
      couldBeMet: able.length > 0,
      wasMet: end === "whole" && reply.ms <= (deadlineMs ?? Infinity),
      calls,
      calledLate: made.some(({ at }) => at > (reply.firstByteAt ?? Infinity)),
      usd: whole === null ? 0 : (ask.tokens * whole.output) / 1e6,
      quality: whole?.quality ?? 0,
      bestQuality: Math.max(0, ...able.map((name) => SERVERS[name].quality)),
    };
  }
}

const bodyOf = ({ question, stream }: Ask) => ({
  model: "velo/auto",
  messages: [{ role: "user", content: question }],
  ...(stream && { stream }),
});

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
