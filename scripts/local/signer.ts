import { createPrivateKey, sign } from "node:crypto";
import { type Signer } from "../../src/trainer-node/publish.ts";
import { type LocalSecrets } from "./secrets.ts";

/** Signs releases with the key that a local gateway made at its first start. */
export function localSigner({ secrets }: { readonly secrets: LocalSecrets }): Signer {
  const key = createPrivateKey({
    key: Buffer.from(secrets.SIGNING_PRIVATE_KEY, "base64"),
    format: "der",
    type: "pkcs8",
  });
  return { keyId: "local", sign: async (bytes) => new Uint8Array(sign(null, bytes, key)) };
}
