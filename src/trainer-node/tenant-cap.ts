// Against steering: whoever sends most must not decide what the policy of all learns.
import { type Lesson } from "./lessons.ts";
import { textHash } from "./text-hash.ts";

/** One tenant's share of a batch at most: 5 % among 20 and more tenants, twice an equal share among fewer. */
const maxShare = (tenants: number): number => (tenants >= 20 ? 0.05 : Math.min(1, 2 / tenants));

/**
 * Leaves lessons out until no tenant has more than its share of what remains, so that nobody steers shared weights by
 * traffic of his own making. Which ones is decided by a hash of their ids. A small tenant thereby holds back the others:
 * of 20 tenants each has as many lessons as the smallest.
 */
export function capTenants<T extends Pick<Lesson, "tenant" | "expId">>(
  lessons: readonly T[],
): readonly T[] {
  const byTenant = Map.groupBy(lessons, ({ tenant }) => tenant);
  const sizes = [...byTenant.values()].map(({ length }) => length);
  // The largest K with K <= share * sum of min(n_t, K), from above.
  let allowance = lessons.length;
  for (;;) {
    const kept = sizes.reduce((sum, size) => sum + Math.min(size, allowance), 0);
    // Without the small term, 0.05 * 20 may be just below 1.
    const next = Math.min(allowance, Math.floor(maxShare(sizes.length) * kept + 1e-9));
    if (next === allowance) break;
    allowance = next;
  }
  const chosen = new Set<T>();
  for (const own of byTenant.values()) {
    const order = own.map((lesson) => ({ lesson, hash: textHash(lesson.expId) }));
    order.sort((a, b) => a.hash - b.hash);
    for (const { lesson } of order.slice(0, allowance)) chosen.add(lesson);
  }
  return lessons.filter((lesson) => chosen.has(lesson));
}
