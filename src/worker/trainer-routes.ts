// The trainer's routes: what it learns from goes out of a region, and what it learnt comes in. With TRAINER_KEYS unset
// they do not exist. Every request is signed and good once; every reply to one is signed and bound to it.
import {
  type Claim,
  isInTime,
  isSignedBy,
  MAX_SKEW_MS,
  parseClaim,
  parseTrainerKeys,
  REPLY_SIGNATURE,
  signReply,
  type TrainerKey,
} from "../durable/signed-request.ts";
import { withoutTexts } from "../durable/trainer-pack.ts";
import { type Bytes } from "../policy/network/bytes.ts";
import { sha256 } from "../policy/network/manifest-gate.ts";
import { type World } from "./bindings.ts";
import { parseJsonObject, readBody } from "./openai/body.ts";
import { errorResponse, GatewayError, unknownUrl } from "./openai/errors.ts";
import { MAX_FILE_BYTES, readPolicyFile, writePolicyFile } from "./policy-files.ts";

const { subtle } = crypto;
/** Twice a thousand packs with their ids. */
const MAX_CALL_BYTES = 64 * 1024;
const MAX_ACKED = 1_000;
/** A reply is built in memory: some 3.5 kB each. */
const MAX_LEASED = 2_000;

/** A request that proved who sends it; its nonce is not taken yet. */
interface Caller {
  readonly key: TrainerKey;
  readonly claim: Claim;
  readonly body: Bytes;
}

/** POST /trainer/<region>/{lease, heartbeat, ack}: one region object's packs. */
export async function trainerCall(world: World, name: string, call: string): Promise<Response> {
  const caller = await authenticateTrainer(world, MAX_CALL_BYTES, name);
  return await signed(world, caller, async () => {
    const fields = parseJsonObject(caller.body);
    const region = world.ports.config.regions.find((each) => each.name === name);
    if (!region) throw new GatewayError("not_found", "No such region is configured.");
    const shard = integer(fields, "shard", 0, region.shards - 1);
    const object = world.regionObject(region, shard);
    switch (call) {
      case "lease": {
        const trainer = shortText(fields, "trainer");
        const max = integer(fields, "max", 1, MAX_LEASED);
        const holdMs = holdOf(fields);
        await takeNonce(object, caller);
        const { packs, ...lease } = await object.lease({ trainer, max, holdMs });
        return Response.json({ ...lease, packs: packs.map(withoutTexts) });
      }
      case "heartbeat": {
        const token = shortText(fields, "lease_token");
        const holdMs = holdOf(fields);
        await takeNonce(object, caller);
        const expiresAt = await object.heartbeat(token, holdMs);
        if (expiresAt === null) throw staleToken();
        return Response.json({ expires_at: expiresAt });
      }
      case "ack": {
        const token = shortText(fields, "lease_token");
        const packIds = packIdsOf(fields);
        await takeNonce(object, caller);
        const reply = await object.ack(token, packIds);
        if (!reply.ok) throw staleToken();
        return Response.json({ acked: reply.acked });
      }
      default:
        throw unknownUrl(world.request);
    }
  });
}

/** GET and PUT /trainer/objects/<key>: the files of a published policy. Any region's key will do. */
export async function trainerObject(world: World, key: string): Promise<Response> {
  const caller = await authenticateTrainer(world, MAX_FILE_BYTES);
  return await signed(world, caller, async () => {
    const { regions } = world.ports.config;
    const region = regions.find(({ name }) => name === caller.key.region);
    if (!region) throw new GatewayError("not_found", "No such region is configured.");
    await takeNonce(world.regionObject(region, 0), caller);
    return world.request.method === "PUT"
      ? await writePolicyFile(world, key, caller.body)
      : await readPolicyFile(world, key);
  });
}

/**
 * Nothing of the body is read before the signature is known to be right.
 * @param name the region that is asked for; without it any region's key will do
 * @throws 404 when the deployment has no keys, 503 when they cannot be right, 401 for anything but a good signature
 */
async function authenticateTrainer(world: World, maxBytes: number, name?: string): Promise<Caller> {
  const { request, ports } = world;
  const setting = parseTrainerKeys(world.trainerKeys);
  if (setting.state === "off") throw unknownUrl(request);
  if (setting.state === "unusable")
    throw new GatewayError("unavailable", `TRAINER_KEYS cannot be used: ${setting.problem}.`);
  const claim = parseClaim(request.headers.get("authorization"));
  if (claim === null) throw refused("This route wants a signed request.");
  if (name !== undefined && claim.region !== name) throw refused("This key is for another region.");
  const key = setting.keys.find(({ region, id }) => region === claim.region && id === claim.keyId);
  const url = new URL(request.url);
  const asked = {
    method: request.method,
    path: url.pathname,
    query: url.search,
    condition: conditionOf(request.headers),
    body: claim.body,
  };
  if (!(await isSignedBy(key, asked, claim, subtle)) || key === undefined)
    throw refused("The signature does not fit the request.");
  if (!isInTime(claim.time, ports.now()))
    throw refused(`The request's time is more than ${MAX_SKEW_MS / 1000} s off.`);
  const body = await readBody(request, ports.wait, { maxBytes, maxBytesWithMedia: maxBytes });
  if ((await sha256(body, subtle)) !== claim.body)
    throw refused("The body is not the one that was signed.");
  return { key, claim, body };
}

/** The header that decides whether an object is overwritten, with its name. */
function conditionOf(headers: Headers): string {
  const ifMatch = headers.get("if-match");
  const ifNoneMatch = headers.get("if-none-match");
  return [
    ifMatch === null ? "" : `if-match: ${ifMatch}`,
    ifNoneMatch === null ? "" : `if-none-match: ${ifNoneMatch}`,
  ].join("");
}

/** Thrown outside of any reply: a replay gets no signature that could be passed off as the answer to the original. */
class Replay extends Error {
  override readonly name = "Replay";
}

async function takeNonce(
  object: ReturnType<World["regionObject"]>,
  { claim }: Caller,
): Promise<void> {
  if (!(await object.takeNonce(claim.nonce))) throw new Replay();
}

/** Signs what `answer` resolves to, expected failures included; a fault of the gateway's own goes on unsigned. */
async function signed(
  world: World,
  { claim, key }: Caller,
  answer: () => Promise<Response>,
): Promise<Response> {
  let response: Response;
  try {
    response = await answer();
  } catch (error) {
    if (error instanceof Replay)
      throw new GatewayError("conflict", "This request was received before: sign a new one.");
    if (!(error instanceof GatewayError) || error.code === "internal_error") throw error;
    response = errorResponse(error, world.requestId);
  }
  const body = new Uint8Array(await response.arrayBuffer());
  const headers = new Headers(response.headers);
  headers.set("cache-control", "private, no-store");
  headers.set("x-request-id", world.requestId);
  const etag = headers.get("etag") ?? "";
  const answered = { status: response.status, etag, body: await sha256(body, subtle) };
  headers.set(REPLY_SIGNATURE, await signReply(answered, claim, key, subtle));
  return new Response(body, { status: response.status, headers });
}

const refused = (message: string): GatewayError => new GatewayError("invalid_signature", message);

const staleToken = (): GatewayError =>
  new GatewayError("conflict", "This lease has ended: lease again.", { param: "lease_token" });

type Fields = Readonly<Record<string, unknown>>;

function invalid(param: string, what: string): GatewayError {
  return new GatewayError("invalid_request", `'${param}' ${what}.`, { param });
}

function integer(fields: Fields, name: string, min: number, max: number): number {
  const value = fields[name];
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max)
    return value;
  throw invalid(name, `must be an integer from ${min} to ${max}`);
}

/** How long packs stay a trainer's without a heartbeat. A short time brings them back sooner after a crash. */
const holdOf = (fields: Fields): number =>
  fields["hold_ms"] === undefined ? 60_000 : integer(fields, "hold_ms", 1_000, 600_000);

function shortText(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === "string" && /^[\w.-]{1,64}$/.test(value)) return value;
  throw invalid(name, "must be 1 to 64 letters, digits, dots or dashes");
}

function packIdsOf(fields: Fields): readonly string[] {
  const ids: unknown = fields["pack_ids"];
  const isPackId = (id: unknown): id is string =>
    typeof id === "string" && /^\d{1,15}-\d{1,15}$/.test(id);
  if (Array.isArray(ids) && ids.length <= MAX_ACKED && ids.every(isPackId)) return ids;
  throw invalid("pack_ids", `must be a list of at most ${MAX_ACKED} ids of packs`);
}
