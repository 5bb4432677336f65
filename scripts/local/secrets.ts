// The secrets of a local gateway: made at its first start, kept beside its state, never committed.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Names are those of the Worker's variables, except the private key, which only the trainer reads. */
export interface LocalSecrets {
  readonly KEY_PEPPER: string;
  readonly ADMIN_TOKEN: string;
  readonly TRAINER_TOKEN: string;
  /** `<id>:<32 bytes of Ed25519 in hex>`, separated by commas while a key is being rotated. */
  readonly SIGNING_PUBLIC_KEYS: string;
  /** The private half of key "local": PKCS #8 in base64. */
  readonly SIGNING_PRIVATE_KEY: string;
}

/** Reads `folder/secrets.json`, or makes it with mode 600. */
export async function localSecrets(folder: string): Promise<LocalSecrets> {
  const path = join(folder, "secrets.json");
  try {
    const stored: LocalSecrets = JSON.parse(await readFile(path, "utf8"));
    return stored;
  } catch (error) {
    // A file that exists but cannot be read must not be replaced: the keys in the state depend on its pepper.
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
  const secrets = makeSecrets();
  await mkdir(folder, { recursive: true });
  await writeFile(path, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600, flag: "wx" });
  // The mode above is subject to the umask; this one is not.
  await chmod(path, 0o600);
  return secrets;
}

function makeSecrets(): LocalSecrets {
  const token = () => randomBytes(32).toString("base64url");
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  // An Ed25519 key in SPKI is 12 bytes that name the algorithm and the 32 bytes of the key.
  const raw = publicKey.export({ type: "spki", format: "der" }).subarray(12);
  return {
    KEY_PEPPER: token(),
    ADMIN_TOKEN: token(),
    TRAINER_TOKEN: token(),
    SIGNING_PUBLIC_KEYS: `local:${raw.toString("hex")}`,
    SIGNING_PRIVATE_KEY: privateKey.export({ type: "pkcs8", format: "der" }).toString("base64"),
  };
}
