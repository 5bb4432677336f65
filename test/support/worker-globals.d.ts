// Types that the Worker's sources take from their runtime's globals. In Node's program only these few are missing; the
// whole of @cloudflare/workers-types would clash with Node's own.
// A global declaration file has no imports.
// oxlint-disable typescript/consistent-type-imports
type Vectorize = import("@cloudflare/workers-types").Vectorize;
type VectorizeVectorMetadataFilter =
  import("@cloudflare/workers-types").VectorizeVectorMetadataFilter;
type DurableObjectLocationHint = import("@cloudflare/workers-types").DurableObjectLocationHint;
type ReadableStreamReadResult<T> = import("node:stream/web").ReadableStreamReadResult<T>;
type CryptoKey = import("node:crypto").webcrypto.CryptoKey;
