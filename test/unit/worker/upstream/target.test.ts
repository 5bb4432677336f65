import { describe, expect, test } from "vitest";
import {
  checkBaseUrl,
  outgoingHeaders,
  returnedHeaders,
} from "../../../../src/worker/upstream/target.ts";

const target = { name: "x", baseUrl: "https://api.example.com/v1", apiKey: "upstream-key" };

test("the upstream sees our key and the trace, nothing else of the caller's", () => {
  const incoming = new Headers({
    authorization: "Bearer callers-key",
    cookie: "session=1",
    host: "evil.example",
    connection: "keep-alive",
    "transfer-encoding": "chunked",
    "x-forwarded-for": "10.0.0.1",
    "cf-connecting-ip": "10.0.0.1",
    "content-encoding": "gzip",
    traceparent: "00-ab-cd-01",
  });
  expect(Object.fromEntries(outgoingHeaders(target, incoming))).toEqual({
    authorization: "Bearer upstream-key",
    "content-type": "application/json",
    traceparent: "00-ab-cd-01",
    "user-agent": "velo",
  });
});

test("an upstream without a key gets no authorization", () => {
  const incoming = new Headers({ authorization: "Bearer callers-key" });
  const headers = outgoingHeaders({ name: "x", baseUrl: "https://x.example" }, incoming);
  expect(headers.has("authorization")).toBe(false);
});

test("a provider may want another scheme than a bearer token", () => {
  const azure = { name: "x", baseUrl: "https://x.example", headers: { "api-key": "k" } };
  expect(outgoingHeaders(azure, new Headers()).get("api-key")).toBe("k");
});

test("a value with a line break is 400, not a crash", () => {
  const broken = { ...target, headers: { "x-a": "1\r\nx-b: 2" } };
  expect(() => outgoingHeaders(broken, new Headers())).toThrow(
    expect.objectContaining({ status: 400 }),
  );
});

test("the caller sees limits and advice, not the operator's account or the upstream's edge", () => {
  const upstream = new Headers({
    "content-type": "application/json",
    "content-length": "12",
    "content-encoding": "gzip",
    "set-cookie": "a=b",
    "cf-ray": "1",
    server: "cloudflare",
    connection: "close",
    "retry-after": "3",
    "x-ratelimit-remaining-requests": "9",
    "openai-model": "m",
    "openai-organization": "org-1",
    "x-request-id": "req-7",
  });
  expect(Object.fromEntries(returnedHeaders(upstream))).toEqual({
    "content-type": "application/json",
    "openai-model": "m",
    "retry-after": "3",
    "x-ratelimit-remaining-requests": "9",
    "x-upstream-request-id": "req-7",
  });
});

describe("a base URL", () => {
  test.each([
    ["https://api.openai.com/v1/", "https://api.openai.com/v1"],
    ["https://api.openai.com", "https://api.openai.com"],
  ])("%s is accepted", (url, expected) => {
    expect(checkBaseUrl(url)).toBe(expected);
  });

  test.each([
    "http://api.openai.com/v1",
    "https://key@api.openai.com/v1",
    "https://api.openai.com:8443/v1",
    "https://api.openai.com/v1?key=1",
    "https://127.0.0.1/v1",
    "https://2130706433/v1",
    "https://0x7f.1/v1",
    "https://[::1]/v1",
    "https://localhost/v1",
    "https://metadata.google.internal/v1",
    "https://printer.local/v1",
    "ftp://api.openai.com/v1",
    "not a url",
  ])("%s is refused", (url) => {
    expect(() => checkBaseUrl(url)).toThrow(/upstream URL|Invalid URL/);
  });

  test("a model server on the same machine is accepted where that is allowed", () => {
    expect(checkBaseUrl("http://127.0.0.1:11434/v1", { allowLocal: true })).toBe(
      "http://127.0.0.1:11434/v1",
    );
  });
});
