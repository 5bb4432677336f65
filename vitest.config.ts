import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

/** They hold milliseconds against a bound, or a crowd against the machine: nothing else may run beside them. */
const ALONE = ["dependencies", "half-streams", "leaving-clients", "stampede"].map(
  (name) => `test/e2e/${name}.test.ts`,
);

/** One project per runtime: the same code is proved where it will run. */
export default defineConfig({
  test: {
    // For two cores. Within a group the projects begin in the order of their names: the long files of e2e come first.
    maxWorkers: 2,
    globalSetup: "./test/support/shared-bundle.ts",
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        plugins: [
          cloudflareTest({
            remoteBindings: false,
            wrangler: { configPath: "./wrangler.toml", environment: "local" },
          }),
        ],
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          exclude: ALONE,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "e2e-alone",
          include: ALONE,
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
