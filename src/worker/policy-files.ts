// The files of published policies, as a trainer may write them: blob, manifest, pointer, each only when what it rests on
// is there. Isolates check everything again when they read (manifest-gate.ts); here a mistake costs its author an error
// instead of every isolate a refusal.
import { type Bytes } from "../policy/network/bytes.ts";
import {
  blobKey,
  followsVersion,
  manifestKey,
  MAX_MANIFEST_BYTES,
  POINTER_KEY,
  pointerVersion,
} from "../policy/network/manifest.ts";
import { parsePublicKeys, sha256, verifyManifest } from "../policy/network/manifest-gate.ts";
import { type World } from "./bindings.ts";
import { GatewayError, unknownUrl } from "./openai/errors.ts";

/** The largest file: some ten times today's policy. */
export const MAX_FILE_BYTES = 16 * 1024 * 1024;
const MAX_POINTER_BYTES = 256;

/** What is used of the bucket. */
export interface PolicyBucket {
  get(key: string): Promise<{ readonly etag: string; arrayBuffer(): Promise<ArrayBuffer> } | null>;
  head(key: string): Promise<{ readonly size: number } | null>;
  /** null when the condition fails. */
  put(
    key: string,
    value: Bytes,
    options: { onlyIf: { etagMatches: string } | { etagDoesNotMatch: string } },
  ): Promise<{ readonly etag: string } | null>;
}

type Kind =
  | { readonly kind: "blob"; readonly hash: string }
  | { readonly kind: "manifest"; readonly version: number }
  | { readonly kind: "pointer" };

function kindOf(world: World, key: string): Kind {
  const [, hash, version] = /^(?:w\/([0-9a-f]{64})|m\/([1-9]\d{0,9})\.json)$/.exec(key) ?? [];
  if (hash !== undefined) return { kind: "blob", hash };
  if (version !== undefined) return { kind: "manifest", version: Number(version) };
  if (key === POINTER_KEY) return { kind: "pointer" };
  throw unknownUrl(world.request);
}

export async function readPolicyFile(world: World, key: string): Promise<Response> {
  kindOf(world, key);
  const object = await world.policyBucket.get(key);
  if (object === null) throw new GatewayError("not_found", "There is no such object.");
  const headers = { etag: `"${object.etag}"`, "content-type": "application/octet-stream" };
  return new Response(await object.arrayBuffer(), { headers });
}

/** Errors: 400 for a file that is not what its key says, 412 when the condition fails or the object is there already. */
export async function writePolicyFile(world: World, key: string, body: Bytes): Promise<Response> {
  const file = kindOf(world, key);
  const ifMatch = etagOf(world.request.headers.get("if-match"));
  const mustBeNew = world.request.headers.get("if-none-match") === "*";
  // Only the pointer ever changes.
  if (mustBeNew === (ifMatch !== null) || (ifMatch !== null && file.kind !== "pointer"))
    throw invalid(
      file.kind === "pointer" ? "needs If-Match or If-None-Match: *" : "needs If-None-Match: *",
    );
  if (mustBeNew && (await world.policyBucket.head(key)) !== null) throw failed();
  if (file.kind === "blob") await checkBlob(body, file.hash);
  else if (file.kind === "manifest") await checkManifest(world, body, file.version);
  else await checkPointer(world, body, ifMatch);
  const onlyIf = ifMatch === null ? { etagDoesNotMatch: "*" } : { etagMatches: ifMatch };
  const written = await world.policyBucket.put(key, body, { onlyIf });
  if (written === null) throw failed();
  return Response.json({}, { status: 201, headers: { etag: `"${written.etag}"` } });
}

async function checkBlob(body: Bytes, hash: string): Promise<void> {
  if ((await sha256(body, crypto.subtle)) !== hash) throw invalid("is not named by its SHA-256");
}

async function checkManifest(world: World, body: Bytes, version: number): Promise<void> {
  if (body.length > MAX_MANIFEST_BYTES) throw tooLarge(MAX_MANIFEST_BYTES);
  const pointer = await world.policyBucket.get(POINTER_KEY);
  const verdict = await verifyManifest(body, {
    subtle: crypto.subtle,
    keys: parsePublicKeys(world.signingKeys ?? ""),
    known: { version: (await versionIn(pointer)) ?? 0 },
    now: world.ports.now(),
  });
  if (!verdict.ok) throw invalid(`is refused: ${verdict.reason}`);
  const manifest = verdict.value;
  if (manifest.version !== version) throw invalid("is not named by its version");
  const blob = await world.policyBucket.head(blobKey(manifest.blob.sha256));
  if (blob?.size !== manifest.blob.size) throw invalid("names a blob that is not there");
}

async function checkPointer(world: World, body: Bytes, ifMatch: string | null): Promise<void> {
  if (body.length > MAX_POINTER_BYTES) throw tooLarge(MAX_POINTER_BYTES);
  const next = pointerVersion(body);
  if (next === null) throw invalid("is no pointer");
  const current = await world.policyBucket.get(POINTER_KEY);
  if ((current?.etag ?? null) !== ifMatch) throw failed();
  const last = await versionIn(current);
  if (last === null && current !== null) throw invalid("would hide a pointer that is broken");
  if (!followsVersion(next, last ?? 0)) throw invalid(`does not follow version ${last ?? 0}`);
  if ((await world.policyBucket.head(manifestKey(next))) === null)
    throw invalid("names a manifest that is not there");
}

async function versionIn(
  pointer: Awaited<ReturnType<PolicyBucket["get"]>>,
): Promise<number | null> {
  return pointer && pointerVersion(new Uint8Array(await pointer.arrayBuffer()));
}

/** The etag in a header If-Match, or null: without one, and for anything but exactly one strong etag. */
const etagOf = (header: string | null): string | null =>
  /^"([^",*]{1,128})"$/.exec(header ?? "")?.[1] ?? null;

const invalid = (what: string): GatewayError =>
  new GatewayError("invalid_request", `This file ${what}.`);

const failed = (): GatewayError =>
  new GatewayError("precondition_failed", "The object is not in the state that was asked for.");

const tooLarge = (bytes: number): GatewayError =>
  new GatewayError("request_too_large", `This file may have ${bytes} bytes at most.`);
