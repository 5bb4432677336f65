// The bindings of [env.local], as `env` of "cloudflare:workers" gives them to a test.
import { type DevEnv } from "../../src/dev/settings.ts";

declare global {
  namespace Cloudflare {
    interface Env extends DevEnv {}
  }
  /** Variables of the shell that begin with VITE_ reach tests inside workerd this way. */
  interface ImportMeta {
    readonly env: Readonly<Record<string, string | undefined>>;
  }
}
