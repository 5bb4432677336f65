import { describe, expect, test } from "vitest";
import { DEFAULT_REGIONS } from "../../../src/worker/config.ts";
import { type RegionConfig, regionObjectName, regionOf } from "../../../src/worker/regions.ts";

const [US, EU, ASIA] = DEFAULT_REGIONS as readonly [RegionConfig, RegionConfig, RegionConfig];
const REGIONS: readonly RegionConfig[] = [US, { ...EU, hosts: ["eu.example.com"] }, ASIA];
const of = (pathname: string, hostname = "example.com", continent?: string) => {
  const found = regionOf({ hostname, pathname, ...(continent && { continent }) }, REGIONS);
  return `${found.region.name} ${found.pathname}`;
};

describe("the region of a request", () => {
  test("is its host's, then its route's, then its continent's, then the first", () => {
    expect(of("/v1/models", "eu.example.com", "AS")).toBe("eu /v1/models");
    expect(of("/asia/v1/models", "example.com", "EU")).toBe("asia /v1/models");
    expect(of("/v1/models", "example.com", "AF")).toBe("eu /v1/models");
    expect(of("/v1/models", "example.com", "T1")).toBe("us /v1/models");
    expect(of("/v1/models")).toBe("us /v1/models");
  });

  test("a host's region holds though the route names another; the prefix goes either way", () => {
    expect(of("/asia/v1/models", "eu.example.com")).toBe("eu /v1/models");
  });

  test("a prefix is a whole segment", () => {
    expect(of("/eu")).toBe("us /eu");
    expect(of("/europe/v1")).toBe("us /europe/v1");
    expect(of("/eu/")).toBe("eu /");
    expect(of("/eu/eu/v1")).toBe("eu /eu/v1");
  });

  test("needs a region to be configured", () => {
    expect(() => regionOf({ hostname: "h", pathname: "/" }, [])).toThrow("no region");
  });
});

describe("the region object of a tenant", () => {
  test("is always the same one", () => {
    expect(regionObjectName(US, "acme")).toBe("region/us/0");
    const sharded = { ...US, shards: 16 };
    expect(regionObjectName(sharded, "acme")).toBe(regionObjectName(sharded, "acme"));
  });

  test("spreads tenants over the shards", () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 1_600; i++) {
      const name = regionObjectName({ ...US, shards: 16 }, `tenant_${i.toString(36)}`);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    expect(counts.size).toBe(16);
    expect(Math.max(...counts.values())).toBeLessThan(300);
  });
});
