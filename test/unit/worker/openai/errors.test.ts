import { expect, test } from "vitest";
import {
  type ErrorCode,
  GatewayError,
  errorResponse,
} from "../../../../src/worker/openai/errors.ts";

test("an error is the OpenAI envelope with exactly four fields", async () => {
  const error = new GatewayError("model_not_found", "The model 'x' does not exist.", {
    param: "model",
  });
  const response = errorResponse(error, "req-1");
  expect(response.status).toBe(404);
  expect(response.headers.get("content-type")).toBe("application/json");
  expect(response.headers.get("x-request-id")).toBe("req-1");
  expect(await response.json()).toEqual({
    error: {
      message: "The model 'x' does not exist.",
      type: "invalid_request_error",
      param: "model",
      code: "model_not_found",
    },
  });
});

test.each<[ErrorCode, number, boolean]>([
  ["invalid_request", 400, false],
  ["invalid_api_key", 401, false],
  ["insufficient_quota", 402, false],
  ["permission_denied", 403, false],
  ["not_found", 404, false],
  ["model_not_found", 404, false],
  ["request_timeout", 408, true],
  ["conflict", 409, false],
  ["request_too_large", 413, false],
  ["unprocessable", 422, false],
  ["rate_limit_exceeded", 429, true],
  ["internal_error", 500, false],
  ["upstream_error", 502, true],
  ["breaker_open", 503, true],
  ["unavailable", 503, true],
  ["upstream_timeout", 504, true],
  ["not_cached", 504, false],
])("%s is %i, retryable: %s", (code, status, isRetryable) => {
  expect(new GatewayError(code, "m")).toMatchObject({ status, isRetryable, code });
});

test("an unknown error says nothing about its origin", async () => {
  const response = errorResponse(new Error("connect 10.0.0.7:5432, password hunter2"), "req-2");
  expect(response.status).toBe(500);
  expect(await response.text()).not.toMatch(/hunter2|10\.0\.0\.7|at .*\.ts/);
});

test("a thrown value that is no error is a 500 too", () => {
  expect(errorResponse("boom", "req-3").status).toBe(500);
});

test("retry-after is whole seconds, rounded up", () => {
  const error = new GatewayError("rate_limit_exceeded", "slow down", { retryAfterSeconds: 1.2 });
  expect(errorResponse(error, "req-4").headers.get("retry-after")).toBe("2");
});
