// The trainer's side of the wire: what it may ask of the gateway, with the keys of the three regions.
import { parseTrainerKeys } from "../../src/durable/signed-request.ts";
import { EdgeClient } from "../../src/trainer-node/edge-client.ts";
import { type Gateway } from "../local/gateway.ts";

/** One client a region. */
export function edgesOf({ url, secrets }: Gateway): readonly EdgeClient[] {
  const setting = parseTrainerKeys(secrets.TRAINER_KEYS);
  if (setting.state !== "on") throw new Error("the gateway has no keys for trainers");
  return setting.keys.map((key) => new EdgeClient({ url, key }));
}
