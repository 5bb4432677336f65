// POST /v1/feedback {decision_id, score | label, sampling_probability?, comment?}: a word on one answer, by a user or by
// whoever judges a random sample of answers and says how likely each was to be in it.
import { authenticate } from "./auth.ts";
import { type World } from "./bindings.ts";
import { readJsonBody } from "./openai/body.ts";
import { GatewayError } from "./openai/errors.ts";
import { regionObjectName } from "./regions.ts";

const POSITIVE = new Set(["good", "correct", "up", "positive", "accept"]);
const NEGATIVE = new Set(["bad", "wrong", "down", "negative", "reject"]);

export async function feedback(world: World): Promise<Response> {
  const { request, ports } = world;
  const key = await authenticate(request.headers, "feedback", world.auth);
  const { json } = await readJsonBody(request, ports.wait, { maxBytes: 16_384 });
  const decision = json["decision_id"];
  if (typeof decision !== "string" || !/^d[0-9a-z]+-[0-9a-f]+-[a-z0-9]+$/.test(decision))
    throw invalid("decision_id", "must be the x-velo-decision of an earlier answer");
  const region = ports.config.regions.find(({ name }) => decision.endsWith(`-${name}`));
  if (region === undefined) throw invalid("decision_id", "names an unknown region");
  const comment = json["comment"];
  if (comment !== undefined && (typeof comment !== "string" || comment.length > 2_000))
    throw invalid("comment", "must be a string of at most 2000 characters");
  const sampling = json["sampling_probability"];
  if (sampling !== undefined && !(typeof sampling === "number" && sampling > 0 && sampling <= 1))
    throw invalid("sampling_probability", "must be a number above 0 and up to 1");
  // One such word counts for many answers that nobody judged: not every user of an application may say it.
  if (sampling !== undefined && !key.scopes.includes("judge"))
    throw new GatewayError("permission_denied", 'This API key lacks the scope "judge".');

  const desk = ports.isolate.desk(regionObjectName(region, key.tenant.id));
  const recent = ports.isolate.decisions.get(`${key.tenant.id}|${decision}`);
  desk.add({
    label: {
      // One word per key and decision: saying it twice counts once.
      labelId: `${decision}:${key.keyId}`,
      expId: decision,
      tenant: key.tenant.id,
      source: sampling === undefined ? "feedback" : "judge",
      correct: correctness(json),
      weight: 1,
      ...recent?.row,
      ...(recent?.notes && { notes: recent.notes }),
      ...(sampling !== undefined && { samplingProbability: sampling }),
      ...(comment !== undefined && { comment }),
    },
  });
  ports.waitUntil(desk.flushSoon(ports.link(region, key.tenant.id), ports.now, ports.wait));
  return Response.json(
    { object: "feedback", decision_id: decision, status: "accepted" },
    { status: 202, headers: { "cache-control": "no-store", "x-request-id": world.requestId } },
  );
}

/** `score` is in [-1, 1] with 0 as no opinion refused; `label` is one of a few words. */
function correctness(json: Readonly<Record<string, unknown>>): 0 | 1 {
  const { score, label } = json;
  if (typeof score === "number" && Math.abs(score) <= 1 && score !== 0) return score > 0 ? 1 : 0;
  if (score !== undefined) throw invalid("score", "must be a number from -1 to 1 other than 0");
  if (typeof label === "string" && POSITIVE.has(label)) return 1;
  if (typeof label === "string" && NEGATIVE.has(label)) return 0;
  throw invalid("label", `must be one of ${[...POSITIVE, ...NEGATIVE].join(", ")}`);
}

const invalid = (param: string, what: string): GatewayError =>
  new GatewayError("invalid_request", `'${param}' ${what}.`, { param });
