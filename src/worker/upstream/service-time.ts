// What a call says of how fast a backend serves. Where the operator has said how many calls it answers at a time, waiting is
// predicted from the load: measured once more it would count twice, and at a time when the queue is another one.
import { type BackendCall } from "../../durable/backend-state.ts";
import { type AutoSettings } from "./backends.ts";

type Times = Pick<BackendCall, "seconds" | "firstTokenSeconds" | "outputTokens">;

/** A first byte later than the guess by more, at the pace of this very answer, has waited. */
const MOST_OF_GUESS = 2;

/** Without the wait. An answer in one piece does not show it, so that it says nothing. */
export function serviceTimes(
  { seconds, firstTokenSeconds, outputTokens }: Times,
  auto: Pick<AutoSettings, "slots" | "firstTokenSeconds" | "secondsPerToken">,
): Times {
  if (auto.slots === null || !(outputTokens > 0))
    return { seconds, firstTokenSeconds, outputTokens };
  if (firstTokenSeconds === null) return { seconds, firstTokenSeconds, outputTokens: 0 };
  const rest = Math.max(0, seconds - firstTokenSeconds);
  const slowness = Math.max(1, rest / outputTokens / auto.secondsPerToken);
  const most = MOST_OF_GUESS * auto.firstTokenSeconds * slowness;
  const first = Math.min(firstTokenSeconds, Number.isNaN(most) ? Infinity : most);
  return { seconds: rest + first, firstTokenSeconds: first, outputTokens };
}
