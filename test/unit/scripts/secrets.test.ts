import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { localSecrets } from "../../../scripts/local/secrets.ts";
import { parseTrainerKeys } from "../../../src/durable/signed-request.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "velo-secrets-"));
});
afterEach(() => rm(folder, { recursive: true }));

it("the first start makes a trainer's key for every default region, later ones keep it", async () => {
  const secrets = await localSecrets(folder);
  const setting = parseTrainerKeys(secrets.TRAINER_KEYS);
  const keys = setting.state === "on" ? setting.keys : [];
  expect(keys.map(({ region, id }) => `${region}/${id}`)).toEqual([
    "us/local",
    "eu/local",
    "asia/local",
  ]);
  expect(new Set(keys.map(({ secret }) => secret)).size).toBe(3);
  expect(await localSecrets(folder)).toEqual(secrets);
});

it("a file of an older release keeps its secrets, gets trainers' keys and loses the token nobody read", async () => {
  const old = {
    KEY_PEPPER: "p",
    ADMIN_TOKEN: "a",
    TRAINER_TOKEN: "t",
    SIGNING_PUBLIC_KEYS: "local:00",
    SIGNING_PRIVATE_KEY: "k",
  };
  const path = join(folder, "secrets.json");
  await writeFile(path, JSON.stringify(old), { mode: 0o644 });
  const { TRAINER_KEYS, ...kept } = await localSecrets(folder);
  const { TRAINER_TOKEN: _, ...expected } = old;
  expect(kept).toEqual(expected);
  expect(parseTrainerKeys(TRAINER_KEYS).state).toBe("on");
  expect(JSON.parse(await readFile(path, "utf8"))).toEqual({ ...kept, TRAINER_KEYS });
  expect(((await stat(path)).mode & 0o777).toString(8)).toBe("600");
});
