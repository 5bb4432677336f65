// What the cache's dependencies say of themselves, for anybody who asks /ready. Asking costs an embedding and a query, so
// it happens once in a while, however often somebody without a key wants to know.
import { type Dependency, type Ports } from "./ports.ts";
import { type RegionConfig } from "./regions.ts";

const KNOWN_FOR_MS = 500;
const PROBE_MS = 1_000;

/** "ok 12 ms", or why not, by dependency; empty while the first answer is on its way. */
export async function readinessOf(
  region: RegionConfig,
  ports: Ports,
): Promise<Readonly<Record<string, string>>> {
  const { readiness } = ports.isolate;
  const known = readiness.get(region.name);
  if (known && ports.now() - known.at < KNOWN_FOR_MS) return known.dependencies;
  readiness.set(region.name, { at: ports.now(), dependencies: known?.dependencies ?? {} });
  const probe = async (dependency: Dependency, call: () => Promise<unknown>) => {
    const hop = await ports.bounded(dependency, PROBE_MS, call);
    return [dependency, hop.ok ? `ok ${hop.ms} ms` : hop.reason] as const;
  };
  const dependencies = Object.fromEntries(
    await Promise.all([
      probe("embed", () => ports.embed(["ready"])),
      probe("vectors", () =>
        ports.index.query(new Float32Array(ports.embedder.dimensions).fill(1), {
          topK: 1,
          namespace: "ready",
        }),
      ),
      probe("store", () => ports.answers.get("ready")),
      probe("region", () => ports.link(region, "ready").sync(0)),
    ]),
  );
  readiness.set(region.name, { at: ports.now(), dependencies });
  return dependencies;
}
