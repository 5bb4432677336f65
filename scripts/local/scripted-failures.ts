// What a caller can order the local model server to do wrong, by model name (`status-429-retry-2`, `status-500`,
// `hang`) or by the header x-model-script with the same words.

export type Script =
  | { readonly kind: "hang" }
  /** Resets the connection after so many tokens of a stream, or in the middle of an answer in one piece. */
  | { readonly kind: "break"; readonly afterTokens: number }
  | {
      readonly kind: "status";
      readonly status: number;
      readonly type: string;
      readonly code: string | null;
      readonly retryAfterSeconds?: number;
    };

/** The failure a call asks for, or undefined for an ordinary answer. */
export function scriptFor(call: {
  readonly model: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}): Script | undefined {
  const header = call.headers["x-model-script"];
  return parseScript(typeof header === "string" ? header : call.model);
}

function parseScript(word: string): Script | undefined {
  if (word === "hang") return { kind: "hang" };
  const match = /^status-([45]\d\d)(?:-retry-(\d+))?$/.exec(word);
  if (!match) return undefined;
  const status = Number(match[1]);
  const script = { kind: "status", status, type: typeOf(status), code: codeOf(status) } as const;
  return match[2] === undefined ? script : { ...script, retryAfterSeconds: Number(match[2]) };
}

function typeOf(status: number): string {
  if (status === 429) return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

function codeOf(status: number): string | null {
  if (status === 401) return "invalid_api_key";
  if (status === 404) return "model_not_found";
  return status === 429 ? "rate_limit_exceeded" : null;
}
