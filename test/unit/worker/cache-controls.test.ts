import { describe, expect, test } from "vitest";
import { cacheControlsOf } from "../../../src/worker/cache-controls.ts";

const NONE = {
  noCache: false,
  noStore: false,
  maxAgeSeconds: null,
  onlyIfCached: false,
  ttlSeconds: null,
  namespace: null,
};
const of = (headers: Record<string, string>, body?: unknown) =>
  cacheControlsOf(new Headers(headers), body);

describe("cache controls", () => {
  test("are none by default", () => {
    expect(of({})).toEqual(NONE);
    for (const body of [null, 1, "x", [], {}]) expect(of({}, body)).toEqual(NONE);
  });

  test.each([
    [{ "cache-control": "no-cache" }, { noCache: true }],
    [{ "cache-control": "No-Store , max-age=60" }, { noStore: true, maxAgeSeconds: 60 }],
    [{ "cache-control": "only-if-cached" }, { onlyIfCached: true }],
    [
      { "x-velo-cache": "no-cache, ttl=5, namespace=a=b" },
      { noCache: true, ttlSeconds: 5, namespace: "a=b" },
    ],
    [{ "x-velo-cache": 'namespace="quoted"' }, { namespace: "quoted" }],
    [{ "cf-aig-skip-cache": "true" }, { noCache: true, noStore: true }],
    [{ "cf-aig-cache-ttl": "30" }, { ttlSeconds: 30 }],
    [{ "cf-aig-cache-key": "k" }, { namespace: "k" }],
    [{ "x-portkey-cache-force-refresh": "true" }, { noCache: true }],
    [{ "x-portkey-cache-namespace": "p" }, { namespace: "p" }],
  ])("headers %j", (headers, expected) => {
    expect(of(headers)).toEqual({ ...NONE, ...expected });
  });

  test.each([
    [{ ttl: 5 }, { ttlSeconds: 5 }],
    [{ ttl: "5" }, { ttlSeconds: 5 }],
    [{ "s-maxage": 7 }, { maxAgeSeconds: 7 }],
    [{ "no-cache": true }, { noCache: true }],
    [{ "no-store": true }, { noStore: true }],
    [{ namespace: "n" }, { namespace: "n" }],
    [{ namespace: "" }, {}],
    [{ namespace: 5, ttl: {}, "no-cache": "perhaps" }, {}],
  ])("a body's cache object %j", (body, expected) => {
    expect(of({}, body)).toEqual({ ...NONE, ...expected });
  });

  test("the stricter one holds where several speak", () => {
    const controls = of(
      {
        "cache-control": "max-age=60",
        "x-velo-cache": "max-age=30, ttl=10",
        "cf-aig-cache-ttl": "20",
      },
      { ttl: 15, "s-maxage": 45, "no-store": true, "no-cache": false },
    );
    expect(controls).toEqual({ ...NONE, maxAgeSeconds: 30, ttlSeconds: 10, noStore: true });
  });

  test("a ttl that cannot be read is ignored, an age that cannot be read lets nothing be young enough", () => {
    for (const value of ["", "-1", "NaN", "Infinity", "1e999", "abc"]) {
      expect([value, of({ "x-velo-cache": `ttl=${value}` })]).toEqual([value, NONE]);
      expect([value, of({ "cache-control": `max-age=${value}` }).maxAgeSeconds]).toEqual([
        value,
        0,
      ]);
    }
    expect(of({ "x-velo-cache": "ttl=1.9" }).ttlSeconds).toBe(1);
  });

  test("ttl and namespace are not Cache-Control's", () => {
    expect(of({ "cache-control": "ttl=5, namespace=x" })).toEqual(NONE);
  });

  test("namespaces that differ at their ends only are two", () => {
    const [a, b] = ["a", "b"].map(
      (end) => of({}, { namespace: "n".repeat(1_000) + end }).namespace,
    );
    expect(a).not.toBe(b);
  });
});
