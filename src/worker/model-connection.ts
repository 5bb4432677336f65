// How long a model call lives. A client that leaves ends it, unless somebody else still wants the answer: the cache,
// where the tenant asks for that, or requests that follow this one.
import { type Life } from "./gateway.ts";
import { type Leader } from "./single-flight.ts";

export interface ModelConnection {
  readonly signal: AbortSignal;
  /** To be set when the response is on its way: from then on there is a stream that can be read on. */
  hasAnswered: boolean;
  /** Whether the answer is wanted without the client. */
  isWanted(): boolean;
  close(): void;
}

export function modelConnection({ request }: Life, leader: Leader | null): ModelConnection {
  const controller = new AbortController();
  const { finishForCache } = request.key.tenant.settings;
  const connection: ModelConnection = {
    signal: controller.signal,
    hasAnswered: false,
    isWanted: () => finishForCache || (leader !== null && leader.flight.followers > 0),
    close: () => controller.abort(request.signal.reason),
  };
  const leave = (): void => {
    // Before the first byte nothing is lost: a follower asks again.
    if (!connection.hasAnswered || !connection.isWanted()) connection.close();
  };
  if (request.signal.aborted) leave();
  else request.signal.addEventListener("abort", leave, { once: true });
  return connection;
}
