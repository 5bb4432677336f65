import { describe, expect, test } from "vitest";
import {
  type Group,
  halfOf,
  loadBundled,
  onlyHalf,
} from "../../../../src/trainer-node/simulator/groups.ts";
import { DEFAULT_MIX, planCounts } from "../../../../src/trainer-node/simulator/mix.ts";
import {
  REQUEST_KINDS,
  type WorkloadRequest,
} from "../../../../src/trainer-node/simulator/request.ts";
import { generateWorkload } from "../../../../src/trainer-node/simulator/workload.ts";

const seed = Number(process.env["SEED"] ?? 20_261_121);
console.log(`workload seed ${seed}`);
const bundled = loadBundled();

/** `count` groups with three wordings in two languages, each with two changed versions and a follow-up. */
function madeUp(count: number): Group[] {
  return Array.from({ length: count }, (_, index) => {
    const family = `g${index}`;
    const texts = (name: string, wordings: number): Pick<Group, "questions" | "answers"> => ({
      questions: new Map(
        ["en", "de"].map((lang) => [
          lang,
          Array.from({ length: wordings }, (__, wording) => `${name} ${lang} ${wording}`),
        ]),
      ),
      answers: new Map(["en", "de"].map((lang) => [lang, `answer ${name} ${lang}`])),
    });
    return [
      { id: family, family, relation: "base", ...texts(family, 3) },
      { id: `${family}#a`, family, relation: "changed", ...texts(`${family}#a`, 1) },
      { id: `${family}#b`, family, relation: "changed", ...texts(`${family}#b`, 1) },
      {
        id: `${family}#f`,
        family,
        relation: "follow-up",
        parent: family,
        ...texts(`${family}#f`, 1),
      },
    ] satisfies Group[];
  }).flat();
}

describe("a request stream", () => {
  test("has the default mix within 2 points where the groups can supply it", () => {
    const { requests } = generateWorkload({ groups: madeUp(400), requests: 2000, seed });
    for (const kind of REQUEST_KINDS) {
      const share = requests.filter((request) => request.kind === kind).length / requests.length;
      expect(Math.abs(share - DEFAULT_MIX[kind])).toBeLessThan(0.02);
    }
  });

  test("gives a kind what its supply allows and reports plan and outcome", () => {
    // 10 groups of which 3 are asked once: new supply 3 + 7 * 3 regions = 24, not 250.
    const groups = madeUp(10);
    const { requests, planned, realised } = generateWorkload({ groups, requests: 1000, seed });
    expect(requests).toHaveLength(1000);
    expect(planned.new).toBe(24);
    // The last ones may lie in a region that happens not to be drawn again.
    expect(realised.new).toBeGreaterThanOrEqual(22);
    expect(realised.new).toBeLessThanOrEqual(24);
    const counted = requests.filter(({ kind }) => kind === "repeat").length;
    expect(realised.repeat).toBe(counted);
    expect(counted).toBeGreaterThan(600);
  });

  test("has other shares and other favourites from the middle on where a shift is asked for", () => {
    const shiftTo = { ...DEFAULT_MIX, repeat: 0.1, changed: 0.35 };
    const { requests, planned, realised } = generateWorkload({
      groups: madeUp(400),
      requests: 2000,
      seed,
      shiftTo,
    });
    const halves = [requests.slice(0, 1000), requests.slice(1000)] as const;
    const share = (half: readonly WorkloadRequest[], kind: string) =>
      half.filter((request) => request.kind === kind).length / half.length;
    expect(share(halves[0], "repeat")).toBeCloseTo(DEFAULT_MIX.repeat, 1);
    expect(share(halves[1], "repeat")).toBeLessThan(share(halves[0], "repeat") - 0.1);
    expect(share(halves[1], "changed")).toBeGreaterThan(share(halves[0], "changed") + 0.1);
    const favourite = (half: readonly WorkloadRequest[]) =>
      [...Map.groupBy(half, ({ group }) => group)].toSorted(
        (a, b) => b[1].length - a[1].length,
      )[0]![0];
    expect(favourite(halves[1])).not.toBe(favourite(halves[0]));
    expect(REQUEST_KINDS.reduce((sum, kind) => sum + realised[kind], 0)).toBe(2000);
    expect(
      Math.abs(REQUEST_KINDS.reduce((sum, kind) => sum + planned[kind], 0) - 2000),
    ).toBeLessThan(5);
  });

  test("is the same for the same seed and another for another", () => {
    const stream = (s: number) => generateWorkload({ groups: bundled, requests: 500, seed: s });
    expect(stream(seed)).toEqual(stream(seed));
    expect(stream(seed)).not.toEqual(stream(seed + 1));
  });

  test.each(["region", "shared"] as const)(
    "labels each request by what its %s domain was asked before",
    (domain) => {
      const mix = { ...DEFAULT_MIX, "follow-up": 0.05 };
      const { requests } = generateWorkload({ groups: bundled, requests: 1500, seed, domain, mix });
      const families = new Map(bundled.map(({ id, family }) => [id, family]));
      const before = new Map<string, WorkloadRequest[]>();
      for (const request of requests) {
        const here = domain === "region" ? request.region : "shared";
        const earlier = before.get(here) ?? [];
        before.set(here, [...earlier, request]);
        const sameGroup = earlier.filter(({ group }) => group === request.group);
        const family = families.get(request.group);
        const expected = sameGroup.some(({ question }) => question === request.question)
          ? "repeat"
          : sameGroup.some(({ lang }) => lang === request.lang)
            ? "rephrase"
            : sameGroup.length > 0
              ? "translation"
              : request.history
                ? "follow-up"
                : earlier.some((other) => families.get(other.group) === family)
                  ? "changed"
                  : "new";
        expect([request.id, request.kind]).toEqual([request.id, expected]);
      }
    },
  );

  test("asks the question its label names, and carries that group's answer in the asked language", () => {
    const byId = new Map(bundled.map((group) => [group.id, group]));
    for (const request of generateWorkload({ groups: bundled, requests: 500, seed }).requests) {
      const group = byId.get(request.group);
      expect(group?.questions.get(request.lang)).toContain(request.question);
      expect(request.reference_answer).toBe(group?.answers.get(request.lang));
    }
  });

  test("puts the parent's turn, as this domain was asked it, before a follow-up", () => {
    const mix = { ...DEFAULT_MIX, "follow-up": 0.2 };
    const { requests } = generateWorkload({ groups: madeUp(50), requests: 400, seed, mix });
    const followUps = requests.filter(({ kind }) => kind === "follow-up");
    expect(followUps.length).toBeGreaterThan(20);
    for (const { group, lang, region, history, t } of followUps) {
      const parent = group.slice(0, -"#f".length);
      expect(history?.[1]?.content).toBe(`answer ${parent} ${lang}`);
      const asked = requests.some(
        (request) =>
          request.question === history?.[0]?.content && request.region === region && request.t < t,
      );
      expect(asked).toBe(true);
    }
  });

  test("asks at least 30 % of its groups once, and popular groups far more often", () => {
    const { requests } = generateWorkload({ groups: madeUp(400), requests: 3000, seed });
    const counts = new Map<string, number>();
    for (const { group } of requests) counts.set(group, (counts.get(group) ?? 0) + 1);
    const sorted = [...counts.values()].toSorted((a, b) => b - a);
    expect(sorted.filter((count) => count === 1).length / sorted.length).toBeGreaterThan(0.3);
    // Zipf with exponent 1: the first tenth of the groups gets more than a third of the requests.
    const top = sorted.slice(0, Math.round(sorted.length / 10)).reduce((a, b) => a + b, 0);
    expect(top / requests.length).toBeGreaterThan(0.33);
  });

  test("arrives as a Poisson stream of the given rate", () => {
    const ratePerSecond = 5;
    const groups = madeUp(50);
    const { requests } = generateWorkload({ groups, requests: 4000, seed, ratePerSecond });
    const gaps = requests.map(({ t }, index) => t - (requests[index - 1]?.t ?? 0));
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
    // Exponential gaps: mean 0.2 s and standard deviation equal to the mean, within 10 %.
    expect(mean).toBeCloseTo(0.2, 1);
    expect(Math.sqrt(variance) / mean).toBeGreaterThan(0.9);
    expect(Math.sqrt(variance) / mean).toBeLessThan(1.1);
  });

  test("asks a group mostly in one region", () => {
    const { requests } = generateWorkload({ groups: madeUp(200), requests: 3000, seed });
    const regions = new Map<string, Map<string, number>>();
    for (const { group, region } of requests) {
      const counts = regions.get(group) ?? new Map<string, number>();
      regions.set(group, counts.set(region, (counts.get(region) ?? 0) + 1));
    }
    let home = 0;
    for (const counts of regions.values()) home += Math.max(...counts.values());
    // The largest of three equal shares would be near a half for such small counts; 0.7 is asked for.
    expect(home / requests.length).toBeGreaterThan(0.6);
  });

  test("refuses to draw from nothing", () => {
    expect(() => generateWorkload({ groups: [], requests: 1, seed })).toThrow(RangeError);
    const mix = { ...DEFAULT_MIX, repeat: 0, rephrase: 0, changed: 0, translation: 0 };
    // Two groups of which one is asked once: 1 + 3 first questions, so the fifth request cannot be new.
    expect(() => generateWorkload({ groups: madeUp(2), requests: 9, seed, mix })).toThrow(
      /nothing left to ask after/,
    );
  });
});

describe("halves", () => {
  test("share no question and no family, and lose nothing", () => {
    const calibration = onlyHalf(bundled, "calibration");
    const measured = onlyHalf(bundled, "measured");
    expect(calibration.length + measured.length).toBe(bundled.length);
    const texts = (groups: readonly Group[]) =>
      groups
        .filter(({ relation }) => relation !== "follow-up")
        .flatMap(({ questions }) => [...questions.values()].flat());
    const seen = new Set(texts(calibration));
    expect(texts(measured).filter((text) => seen.has(text))).toEqual([]);
    const families = new Set(calibration.map(({ family }) => family));
    expect(measured.filter(({ family }) => families.has(family))).toEqual([]);
    const share = families.size / new Set(bundled.map(({ family }) => family)).size;
    expect(share).toBeGreaterThan(0.4);
    expect(share).toBeLessThan(0.6);
  });

  test("depend on the family's name alone, so that they never move", () => {
    // printf %s gsm8k-main-test-#0 | sha256sum begins with 68, of ...-#1 with f7: below and above 80.
    expect(halfOf("gsm8k-main-test-#0")).toBe("calibration");
    expect(halfOf("gsm8k-main-test-#1")).toBe("measured");
  });
});

describe("the plan", () => {
  test("gives what a short kind cannot use to the others in proportion", () => {
    const mix = {
      ...DEFAULT_MIX,
      new: 0.5,
      repeat: 0.3,
      rephrase: 0.2,
      changed: 0,
      translation: 0,
    };
    const supply = {
      new: 10,
      repeat: Infinity,
      rephrase: Infinity,
      changed: 0,
      translation: 0,
      "follow-up": 0,
    };
    // 100 requests: new gets its 10, the other 90 are split 3 : 2.
    expect(planCounts(mix, 100, supply)).toMatchObject({ new: 10, repeat: 54, rephrase: 36 });
  });
});
