// Set up once for a whole run: every gateway that a test starts, in whatever process, takes the Worker that the first one
// built. A test that wants a build of its own clears VELO_LOCAL_BUNDLE.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

let folder: string;

export async function setup(): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), "velo-tests-"));
  process.env["VELO_LOCAL_BUNDLE"] = join(folder, "local");
}

export async function teardown(): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}
