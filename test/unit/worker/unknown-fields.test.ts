// Whatever velo does not know is the model's business: sent on byte for byte, never read from the cache, never stored.
// CASES=100000 for more requests, SEED=n to repeat a run.
import { expect, test } from "vitest";
import { Random } from "../../../src/policy/random.ts";
import { FIELDS, STREAM_OPTIONS } from "../../../src/worker/lookup/eligibility.ts";
import { World } from "../../support/world.ts";

const SEED = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const CASES = Number(process.env["CASES"] ?? 10_000);
const QUESTION = "What is the capital of France?";
const PLACES = ["request", "message", "earlier message", "content part", "stream_options"] as const;
const KNOWN: Readonly<Record<(typeof PLACES)[number], ReadonlySet<string>>> = {
  request: new Set(Object.keys(FIELDS)),
  message: new Set(["role", "content"]),
  "earlier message": new Set(["role", "content"]),
  "content part": new Set(["type", "text"]),
  stream_options: STREAM_OPTIONS,
};
const ODD = [
  "__proto__",
  "constructor",
  "toString",
  "",
  "extra_body",
  "top_k",
  "name",
  "tool_calls",
  "messages ",
];
const ALPHABET = [
  "a",
  "b",
  "c",
  "x",
  "_",
  "-",
  ".",
  " ",
  "$",
  "0",
  "\u00e9",
  "\u{1f600}",
  '"',
  "\\",
  "\n",
];

/** One request as text, with one field too many. */
function requestWith(random: Random) {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random.uniform() * items.length)]!;
  const word = () =>
    Array.from({ length: 1 + (random.next() % 12) }, () => pick(ALPHABET)).join("");
  const value = (depth: number): unknown => {
    const kind = random.next() % (depth > 2 ? 6 : 8);
    if (kind === 6) return Array.from({ length: random.next() % 4 }, () => value(depth + 1));
    if (kind === 7)
      return Object.fromEntries(
        Array.from({ length: random.next() % 4 }, () => [word(), value(depth + 1)]),
      );
    return [null, true, false, random.normal() * 10 ** (random.next() % 20), word(), random.next()][
      kind
    ];
  };
  const place = pick(PLACES);
  const known = Array.from(KNOWN[place]);
  const draw = () =>
    pick([
      word,
      () => pick(ODD),
      () => pick(known) + pick(["s", "_", " ", "\u00e9", "\u200b"]),
      () => pick(known).toUpperCase(),
    ])();
  let name = draw();
  while (KNOWN[place].has(name)) name = draw();
  // White space and the field's position are the caller's.
  const gap = () => pick(["", " ", "\n", "\t "]);
  const object = (fields: readonly string[], isHere: boolean): string => {
    const all = [...fields];
    if (isHere)
      all.splice(
        random.next() % (all.length + 1),
        0,
        `${JSON.stringify(name)}:${gap()}${JSON.stringify(value(0))}`,
      );
    return `{${gap()}${all.join(`,${gap()}`)}${gap()}}`;
  };
  const part = object(
    ['"type":"text"', `"text":${JSON.stringify(QUESTION)}`],
    place === "content part",
  );
  const asked = object(
    [
      '"role":"user"',
      `"content":${place === "content part" ? `[${part}]` : JSON.stringify(QUESTION)}`,
    ],
    place === "message",
  );
  const earlier =
    place === "earlier message"
      ? `${object(['"role":"system"', '"content":"Be brief."'], true)},${gap()}`
      : "";
  const options =
    place === "stream_options"
      ? [`"stream_options":${object(['"include_usage":true'], true)}`]
      : [];
  const raw = object(
    ['"model":"velo-demo"', `"messages":[${earlier}${asked}]`, ...options],
    place === "request",
  );
  return { place, raw };
}

test(`${CASES} requests with one unknown field anywhere are forwarded as they are and never cached`, async () => {
  console.log(`unknown fields: seed ${SEED}, ${CASES} cases`);
  const random = new Random(SEED);
  const world = new World();
  world.model.script = () => ({ text: "Paris", firstByteMs: 0 });
  // There is an answer that the cache could give.
  await world.ask(QUESTION);
  await world.settleAll();
  const stored = [world.store.size, world.reported.inserts.length, world.embedded.length];
  const [queries] = [world.index.queries];
  world.model.calls.length = 0;
  const counts = new Map<string, number>();
  for (let from = 0; from < CASES; from += 100) {
    const requests = Array.from({ length: Math.min(100, CASES - from) }, () => requestWith(random));
    for (const { place } of requests) counts.set(place, (counts.get(place) ?? 0) + 1);
    const replies = await world.clock.run(
      Promise.all(requests.map(({ raw }) => world.begin("", { raw }))),
    );
    const sent = world.model.calls.splice(0).map(({ raw }) => new TextDecoder().decode(raw));
    expect(sent).toEqual(requests.map(({ raw }) => raw));
    const cached = replies.flatMap(({ result, text }, i) =>
      result === "BYPASS" && text === "Paris" ? [] : requests[i]!.raw,
    );
    expect(cached).toEqual([]);
  }
  await world.settleAll();
  expect([world.store.size, world.reported.inserts.length, world.embedded.length]).toEqual(stored);
  expect(world.index.queries).toBe(queries);
  expect([...counts.values()].reduce((sum, n) => sum + n, 0)).toBe(CASES);
  console.log([...counts].map(([place, n]) => `${place}: ${n}`).join(", "));
});
