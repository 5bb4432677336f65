// What users say by asking again: a negative label for what they got, and an answer that does not come from the same row.
import { fingerprintOf } from "../../durable/fingerprint.ts";
import { type Life } from "../gateway.ts";
import { type Ask, type Asker } from "./asked-again.ts";
import { labelledRow } from "./row-match.ts";

/** Less than a word somebody meant to give: people also ask again because they lost the page. */
const WEIGHT = 0.7;

/** What is known before the look-up. */
export type Asking = Pick<
  Life,
  "scope" | "ansId" | "question" | "controls" | "ports" | "desk" | "link"
> & {
  readonly asker: Asker;
  readonly headers: Headers;
};

/**
 * The same question again. Without a name there is only a key, which may stand for many: then only `no-cache` says that
 * one of them wants another answer. Returns whether the cache must stay out of this request.
 */
export function isRegenerate(asking: Asking): boolean {
  const { asker, ansId, controls, headers, ports, scope } = asking;
  if (scope === null || controls.onlyIfCached || isRetry(headers)) return false;
  if (!asker.isPerson && !controls.noCache) return false;
  const earlier = ports.isolate.asks.same(asker, ansId, ports.now());
  if (earlier === null) return false;
  // A repeat of what the model said is no complaint by itself: clients repeat what they lost.
  if (earlier.handling === "B" && !(asker.isPerson && controls.noCache)) return false;
  complain(asking, earlier);
  return earlier.handling !== "B";
}

/** The same thing in other words, soon after the cache had answered: the earlier ask, whose answer did not do. */
export function earlierWording(
  asking: Omit<Asking, "headers">,
  embedding: Float32Array | null,
): Ask | null {
  const { asker, ansId, controls, ports, scope, question } = asking;
  if (scope === null || embedding === null || !(asker.isPerson || controls.noCache)) return null;
  const asked = { ansId, question, embedding, scope: scopeKey(scope) };
  const earlier = ports.isolate.asks.near(asker, asked, ports.now());
  if (earlier !== null) complain(asking, earlier);
  return earlier;
}

/** What the OpenAI clients send when they repeat a request whose answer was lost on the way. */
const isRetry = (headers: Headers): boolean =>
  Number(headers.get("x-stainless-retry-count") ?? 0) > 0;

function complain(
  { asker, desk, link, ports, scope }: Omit<Asking, "headers">,
  earlier: Ask,
): void {
  // Two users who ask again take a row out of service; one who does so twice is still one.
  const about = earlier.row?.rowId ?? earlier.decision;
  if (desk.switches.learnOff || !ports.isolate.asks.isFirst(asker, about)) return;
  desk.add({
    label: {
      labelId: `${earlier.decision}:again`,
      expId: earlier.decision,
      tenant: scope!.tenant,
      source: "regenerate",
      correct: 0,
      weight: WEIGHT,
      ...earlier.row,
      ...(earlier.row && { by: fingerprintOf(`${asker.id}|${about}`) }),
    },
  });
  ports.waitUntil(desk.flushSoon(link, ports.now, ports.wait));
}

/** Remembers what became of a request, when its answer is on its way. */
export function noteAsk({ record, scope, ansId, question, asker, ports, controls }: Life): void {
  const { decision, result, lookUp } = record;
  // Who always wants fresh answers says nothing by wanting one more.
  if (scope === null || controls.noCache || result === "HIT-EXACT") return;
  const row = result === "HIT-SEMANTIC" ? (decision?.selected ?? null) : null;
  const usesCache = result === "HIT-SEMANTIC" || result === "AUGMENTED";
  if (!usesCache && !asker.isPerson) return;
  ports.isolate.asks.note(asker, {
    at: ports.now(),
    decision: record.id,
    ansId,
    scope: scopeKey(scope),
    question: usesCache ? question : "",
    handling: row !== null ? "A" : usesCache ? "C" : "B",
    embedding: usesCache ? (lookUp?.embedding ?? null) : null,
    row: row && labelledRow(row, decision),
    rowAnsId: row?.ansId ?? null,
  });
}

const scopeKey = ({ namespace, fp }: NonNullable<Life["scope"]>): string => `${namespace}|${fp}`;
