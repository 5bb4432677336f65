// Several schedulers that see the servers only now and then, as isolates see their region's last reply: each adds to it what it
// sent and got answered since, and knows nothing of what the others did.
import { type Player, type RequestSeen, type ServerView } from "./player.ts";
import { type WorldSettings } from "./settings.ts";

/** The i-th request comes to the gateway i modulo their number. */
export function throughGateways(
  { count, ageSeconds }: WorldSettings["gateways"],
  playerOf: () => Player,
): Player {
  const gateways = Array.from({ length: count }, () => new Gateway(playerOf(), ageSeconds));
  return {
    choose: (request, servers, now) =>
      gateways[request.index % count]!.choose(request, servers, now),
    observe: (answer) => gateways[answer.request.index % count]!.observe(answer),
  };
}

/** Since the servers were last looked at. */
interface Own {
  sent: number;
  answered: number;
  megabits: number;
}

class Gateway {
  readonly #player: Player;
  readonly #ageSeconds: number;
  #seen: readonly ServerView[] = [];
  #seenAt = -Infinity;
  #own = new Map<string, Own>();

  constructor(player: Player, ageSeconds: number) {
    this.#player = player;
    this.#ageSeconds = ageSeconds;
  }

  choose: Player["choose"] = (request: RequestSeen, servers, now) => {
    if (now - this.#seenAt >= this.#ageSeconds) {
      this.#seen = servers;
      this.#seenAt = now;
      this.#own = new Map(servers.map(({ id }) => [id, { sent: 0, answered: 0, megabits: 0 }]));
    }
    const decision = this.#player.choose(request, this.#reckoned(now - this.#seenAt), now);
    const own = this.#own.get(servers[decision.server]!.id)!;
    own.sent++;
    own.megabits += request.megabits;
    return decision;
  };

  observe: NonNullable<Player["observe"]> = (answer) => {
    const own = this.#own.get(answer.server);
    if (own !== undefined) own.answered++;
    this.#player.observe?.(answer);
  };

  /** Links go on sending, as fast as they were measured; servers are as they were but for the own requests. */
  #reckoned(ageSeconds: number): readonly ServerView[] {
    return this.#seen.map((view) => {
      const { sent, answered, megabits } = this.#own.get(view.id)!;
      const through = ageSeconds * view.measured.megabitsPerSecond;
      return {
        ...view,
        uplinkMegabits: Math.max(0, view.uplinkMegabits + megabits - through),
        uploading: view.uploading + sent,
        running: Math.max(0, view.running - answered),
      };
    });
  }
}
