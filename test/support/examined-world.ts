// A gateway whose tenant lets answers be examined, a model whose words a test sets, and perhaps a judge beside it.
import { type TenantSettings } from "../../src/durable/tenant.ts";
import { type ModelCall } from "../../src/worker/ports.ts";
import { type Script } from "./scripted-model.ts";
import { World, type WorldOptions, keyOf } from "./world.ts";

export const CAPITAL = "What is the capital of France?";
export const REPHRASED = "Tell me the capital of France";
/** Guards let it pass, and it lies beyond the cold start. */
export const FARTHER = "Say which city is the capital of France";

const PRICES = { inputUsdPerMillionTokens: 0.15, outputUsdPerMillionTokens: 0.6 };
const JUDGE = {
  upstreams: [
    { name: "demo", kind: "workers-ai", models: [{ id: "velo-demo", ...PRICES }] },
    {
      name: "second",
      kind: "workers-ai",
      models: [{ id: "judge-1", inputUsdPerMillionTokens: 1, outputUsdPerMillionTokens: 2 }],
    },
  ],
  judge: { upstream: "second", model: "judge-1" },
};

export interface ExaminedWorld {
  readonly world: World;
  /** What the model says to the next questions; a judge's calls are not asked for here. */
  model: (call: ModelCall) => Script;
  judge: (call: ModelCall) => Script;
  readonly key: (settings?: Partial<TenantSettings>) => ReturnType<typeof keyOf>;
  readonly callsOf: (upstream: string) => readonly ModelCall[];
}

/**
 * The capital is stored, its answer is "Paris". With the draw 0.1 the greedy policy proposes the cache and what may be
 * examined is: p_s is 0.5 on a new row's first reuse, 0.25 for a row that nearly qualified.
 */
export async function examinedWorld({
  withJudge = false,
  ...options
}: { readonly withJudge?: boolean } & WorldOptions = {}): Promise<ExaminedWorld> {
  const world = new World({ config: withJudge ? JUDGE : {}, ...options });
  world.alike(REPHRASED, CAPITAL, 0.97);
  world.alike(FARTHER, CAPITAL, 0.9);
  world.draws = () => 0.1;
  const rig: ExaminedWorld = {
    world,
    model: () => ({ text: "Paris" }),
    judge: () => ({ text: '{"verdict":"accept"}' }),
    key: (settings) => keyOf("acme", { examine: true, ...settings }),
    callsOf: (upstream) => world.model.calls.filter((call) => call.upstream.name === upstream),
  };
  world.model.script = (call) =>
    call.upstream.name === "second" ? rig.judge(call) : rig.model(call);
  await world.ask(CAPITAL, { key: rig.key() });
  await world.settleAll();
  await world.clock.advance(6_000);
  return rig;
}
