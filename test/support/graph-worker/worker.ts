// Decisions of the graph router in an isolate, many of them in one request. Random weights: time does not depend on them.
import { GraphForward } from "../../../src/policy/routing/graph-router/graph-forward.ts";
import { graphParameters } from "../../../src/policy/routing/graph-router/graph-network.ts";
import { decide } from "../../../src/policy/routing/graph-router/graph-router.ts";
import { freshWeights } from "../../../src/policy/routing/graph-router/graph-weights.ts";
import { Random } from "../../../src/policy/random.ts";
import { drawnView } from "../../unit/policy/routing/graph-router/made.ts";

const SEED = 1;

export default {
  /** ?loads=3+1 0+0&n=100: experts with so many running and waiting requests, decisions. */
  async fetch(request: Request): Promise<Response> {
    const { searchParams } = new URL(request.url);
    const random = new Random(SEED);
    const weights = freshWeights(graphParameters(["policy"]), () => random.normal());
    const network = new GraphForward(weights);
    const view = drawnView(random, searchParams.get("loads") ?? "");
    let chosen = 0;
    for (let i = 0; i < Number(searchParams.get("n")); i++)
      chosen += decide(network, view, null).expert ?? 0;
    return Response.json({ chosen });
  },
};
