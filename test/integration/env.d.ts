// The bindings of [env.local], as `env` of "cloudflare:workers" gives them to a test.
import { type DevEnv } from "../../src/dev/settings.ts";

declare global {
  namespace Cloudflare {
    interface Env extends DevEnv {}
  }
}
