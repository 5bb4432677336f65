// The secrets of a local gateway: made at its first start, kept beside its state, never committed.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Names are those of the Worker's variables, except the private key, which only the trainer reads. */
export interface LocalSecrets {
  readonly KEY_PEPPER: string;
  readonly ADMIN_TOKEN: string;
  /** `<region>/<id>:<secret>` for each region of the default configuration, separated by commas. */
  readonly TRAINER_KEYS: string;
  /** `<id>:<32 bytes of Ed25519 in hex>`, separated by commas while a key is being rotated. */
  readonly SIGNING_PUBLIC_KEYS: string;
  /** The private half of key "local": PKCS #8 in base64. */
  readonly SIGNING_PRIVATE_KEY: string;
}

/** As an older release wrote them: it had no keys for trainers, and a token that nothing read. */
type OldSecrets = Omit<LocalSecrets, "TRAINER_KEYS"> & { readonly TRAINER_TOKEN?: string };

const REGIONS = ["us", "eu", "asia"];

/** Reads `folder/secrets.json`, or makes it with mode 600. */
export async function localSecrets(folder: string): Promise<LocalSecrets> {
  const path = join(folder, "secrets.json");
  try {
    const stored: LocalSecrets | OldSecrets = JSON.parse(await readFile(path, "utf8"));
    if ("TRAINER_KEYS" in stored) return stored;
    const { TRAINER_TOKEN: _, ...kept } = stored;
    const completed = { ...kept, TRAINER_KEYS: trainerKeys() };
    await write(`${path}.new`, completed);
    await rename(`${path}.new`, path);
    return completed;
  } catch (error) {
    // A file that exists but cannot be read must not be replaced: the keys in the state depend on its pepper.
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
  const secrets = makeSecrets();
  await mkdir(folder, { recursive: true });
  await write(path, secrets, "wx");
  return secrets;
}

async function write(path: string, secrets: LocalSecrets, flag: "w" | "wx" = "w"): Promise<void> {
  await writeFile(path, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600, flag });
  // The mode above is subject to the umask; this one is not.
  await chmod(path, 0o600);
}

const token = (): string => randomBytes(32).toString("base64url");

const trainerKeys = (): string => REGIONS.map((region) => `${region}/local:${token()}`).join(",");

function makeSecrets(): LocalSecrets {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  // An Ed25519 key in SPKI is 12 bytes that name the algorithm and the 32 bytes of the key.
  const raw = publicKey.export({ type: "spki", format: "der" }).subarray(12);
  return {
    KEY_PEPPER: token(),
    ADMIN_TOKEN: token(),
    TRAINER_KEYS: trainerKeys(),
    SIGNING_PUBLIC_KEYS: `local:${raw.toString("hex")}`,
    SIGNING_PRIVATE_KEY: privateKey.export({ type: "pkcs8", format: "der" }).toString("base64"),
  };
}
