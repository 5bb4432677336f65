// Which of the policies that lie beside the code may serve with an embedder.
import { type PackedPolicy } from "../policy/network/packed-weights.ts";

/** The policy that was trained for this embedder, else one for any; a policy for another embedder is never one. */
export const policyFor = <P extends Pick<PackedPolicy, "embedder" | "input">>(
  embedder: string,
  policies: readonly P[],
): P | null =>
  policies.find((policy) => policy.embedder === embedder) ??
  policies.find((policy) => policy.embedder === "*" && policy.input === "quantiles") ??
  null;
