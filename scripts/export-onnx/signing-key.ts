// Ed25519 keys for releases: PKCS #8 in PEM, as `openssl genpkey -algorithm ed25519` writes them.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
} from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { type Bytes, toHex } from "../../src/policy/network/bytes.ts";
import { type PublicKey } from "../../src/policy/network/manifest-gate.ts";
import { type Signer } from "../../src/trainer-node/publish.ts";

export interface SigningKey extends Signer {
  readonly publicKey: PublicKey;
}

/** The key in `file`; made there, readable by its owner only, when the file does not exist. */
export function signingKey(file: string): SigningKey {
  if (!existsSync(file)) {
    const { privateKey } = generateKeyPairSync("ed25519");
    writeFileSync(file, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  }
  const privateKey = createPrivateKey(readFileSync(file));
  if (privateKey.asymmetricKeyType !== "ed25519")
    throw new Error(`${file} holds a key of type ${privateKey.asymmetricKeyType}, not ed25519`);
  const spki = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  // The last 32 bytes of the DER form are the key.
  const raw = new Uint8Array(spki.subarray(-32));
  const keyId = createHash("sha256").update(raw).digest("hex").slice(0, 16);
  return {
    keyId,
    publicKey: { id: keyId, publicKey: toHex(raw) },
    sign: (bytes: Bytes) => Promise.resolve(new Uint8Array(sign(null, bytes, privateKey))),
  };
}
