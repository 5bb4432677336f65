// A model that says whether an answer is acceptable beside a second one. Judges favour the answer named first, so the
// question is put in both orders, and what the orders disagree on is no label. The texts were written by others and may
// speak to the judge: they are quoted as data between fences no one can guess, what looks like an order to a judge is
// not shown to it, and only a reply that is exactly the verdict counts.
import { type Route } from "../config.ts";
import { costOf } from "../decision-record.ts";
import { isObject } from "../openai/json.ts";
import { type ModelCall, type Ports } from "../ports.ts";
import { withDeadline } from "../upstream/deadline.ts";
import { estimateTokens } from "../upstream/notes.ts";
import { readWhole } from "./read-whole.ts";
import rubric from "./rubric.json" with { type: "json" };

export type Verdict = "accept" | "minor" | "reject";

export interface JudgedTexts {
  readonly request: string;
  readonly served: string;
  readonly fresh: string;
}

export interface JudgeReply {
  /** Whether an expert would accept the served answer; null: not known. */
  readonly correct: 0 | 1 | null;
  /** The verdicts ("accept/minor"), or why there is none. */
  readonly why: string;
  readonly costUsd: number;
}

/** The region's waitUntil has 30 s for the fresh answer and this. */
const JUDGE_MS = 9_000;
/** Together with the rubric some 8,000 tokens: a longer case is not put to the judge, for it must not judge a part. */
const MAX_CHARS = 24_000;
const MAX_REPLY_TOKENS = 64;

/** What speaks of verdicts or of overruling instructions is no ordinary question or answer, and not put to the judge. */
const HOSTILE =
  /\bverdicts?\b|\bjudges?\b[^\n]{0,40}\b(?:must|should|accept|please|note)|\b(?:ignore|disregard|forget|override)\b[^\n]{0,60}\b(?:above|previous|prior|earlier|rubric|instruct\w*|prompt|rules?|markers?)\b|\b(?:say|answer|reply|respond|output|return|print|write)\b[^\n]{0,24}["'`]?\b(?:accept|reject|minor)\b/i;

export async function askJudge(
  texts: JudgedTexts,
  judge: Route,
  tenant: string,
  ports: Pick<Ports, "callModel" | "wait">,
): Promise<JudgeReply> {
  const all = [texts.request, texts.served, texts.fresh];
  if (all.reduce((sum, text) => sum + text.length, 0) > MAX_CHARS)
    return { correct: null, why: "too-long", costUsd: 0 };
  if (all.some((text) => HOSTILE.test(text))) return { correct: null, why: "hostile", costUsd: 0 };
  const [first, second] = await Promise.all([
    askOnce(judgeMessages(texts, "first", newFence()), judge, tenant, ports),
    askOnce(judgeMessages(texts, "second", newFence()), judge, tenant, ports),
  ]);
  const costUsd = first.costUsd + second.costUsd;
  if (first.verdict === null) return { correct: null, why: first.why, costUsd };
  if (second.verdict === null) return { correct: null, why: second.why, costUsd };
  const why = `${first.verdict}/${second.verdict}`;
  const [here, there] = [accepts(first.verdict), accepts(second.verdict)];
  return { correct: here === there ? here : null, why, costUsd };
}

const accepts = (verdict: Verdict): 0 | 1 => (verdict === "reject" ? 0 : 1);
const newFence = (): string => crypto.randomUUID().replaceAll("-", "");

/** @param place which of the two answers is the served one, the candidate */
export function judgeMessages(
  { request, served, fresh }: JudgedTexts,
  place: "first" | "second",
  fence: string,
): readonly { readonly role: "system" | "user"; readonly content: string }[] {
  const [one, two] = place === "first" ? [served, fresh] : [fresh, served];
  const [candidate, reference] =
    place === "first" ? ["ANSWER 1", "ANSWER 2"] : ["ANSWER 2", "ANSWER 1"];
  const section = (name: string, text: string) => [`${fence} ${name}`, ...quoted(text)];
  return [
    {
      role: "system",
      content: [
        ...rubric.instructions,
        `The marker lines begin with ${fence}. CANDIDATE: ${candidate}. REFERENCE: ${reference}.`,
      ].join("\n"),
    },
    {
      role: "user",
      content: [
        ...section("REQUEST", request),
        ...section("ANSWER 1", one),
        ...section("ANSWER 2", two),
        `${fence} END`,
      ].join("\n"),
    },
  ];
}

/** No line of a text can be a marker line: each has a quote mark, and whatever ends a line anywhere ends one here. */
const quoted = (text: string): readonly string[] =>
  text
    .toWellFormed()
    .split(/\r\n?|[\n\v\f\u0085\u2028\u2029]/)
    .map((line) => `> ${line.replaceAll(/[\p{Cc}\p{Cf}]/gu, " ")}`);

/** Exactly one verdict and nothing else, or null. */
export function verdictIn(text: string): Verdict | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(value) || Object.keys(value).length !== 1) return null;
  const { verdict } = value;
  return verdict === "accept" || verdict === "minor" || verdict === "reject" ? verdict : null;
}

type Asked =
  | { readonly verdict: Verdict; readonly costUsd: number }
  | { readonly verdict: null; readonly why: string; readonly costUsd: number };

async function askOnce(
  messages: ReturnType<typeof judgeMessages>,
  { upstream, model }: Route,
  tenant: string,
  ports: Pick<Ports, "callModel" | "wait">,
): Promise<Asked> {
  const json = { model: model.id, messages, temperature: 0, max_tokens: MAX_REPLY_TOKENS };
  const promptTokens = messages.reduce((sum, { content }) => sum + estimateTokens(content), 0);
  const asked = await withDeadline(
    async (signal) => {
      const call: ModelCall = {
        tenant,
        upstream,
        model,
        path: "/chat/completions",
        raw: Uint8Array.from(new TextEncoder().encode(JSON.stringify(json))),
        json,
        // None of the caller's: an idempotency key would give the judge the caller's own answer.
        headers: new Headers(),
        signal,
      };
      return readWhole(await ports.callModel(call), signal);
    },
    JUDGE_MS,
    ports.wait,
  );
  // A call that failed or was given up may have been paid for: the prompt counts.
  const spent = costOf(model, promptTokens, 0);
  if (!asked.ok) return { verdict: null, why: `judge-${asked.reason}`, costUsd: spent };
  const { answer, upstream: from, status } = asked.value;
  if (answer === null)
    return { verdict: null, why: "judge-garbage", costUsd: status >= 400 ? 0 : spent };
  const { usage, text } = answer;
  const costUsd = costOf(
    model,
    usage?.promptTokens ?? promptTokens,
    usage?.completionTokens ?? estimateTokens(text),
  );
  // A fallback's word is not the judge's: another model has other errors.
  if (from !== upstream.name) return { verdict: null, why: "judge-other", costUsd };
  const verdict = verdictIn(text);
  return verdict === null ? { verdict, why: "judge-garbage", costUsd } : { verdict, costUsd };
}
