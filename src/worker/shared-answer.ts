// A request that is identical to one under way waits for its answer instead of calling the model a second time.
import { answerOf } from "./answers-from-cache.ts";
import { decisionHeaders, receiptOf } from "./decision-record.ts";
import { type Life } from "./gateway.ts";
import { errorEnvelope, GatewayError } from "./openai/errors.ts";
import { chunkWriter, renderCompletion } from "./openai/replay.ts";
import { endRequest } from "./request-end.ts";
import { type Flight, type FlightEvent, follow } from "./single-flight.ts";
import { isAuto, leftMs } from "./upstream/request-limits.ts";

/** Serves a follower from the leader's flight; null when the leader failed before the follower had a byte. */
export async function ride(life: Life, flight: Flight): Promise<Response | null> {
  const { ports, record, request } = life;
  // The deadline is the first byte's: of an answer in one piece that is when it is whole.
  let endsAt = ports.now() + (leftMs(life) ?? Number.POSITIVE_INFINITY);
  const { coalesceMs } = ports.config.deadlines;
  const events = follow(flight, ports.now, ports.wait, coalesceMs, () => endsAt);
  const first = await events.next();
  if (first.done || first.value.type === "failed" || first.value.type === "timeout") return null;
  if (request.chat.stream) endsAt = Number.POSITIVE_INFINITY;
  // Written down as a miss when it began to wait; not before it is certain to be none.
  const isServed = (): void => {
    record.result = "HIT-EXACT";
    record.reason = "coalesced";
    record.upstream = null;
    life.desk.add({ receipt: receiptOf(record) });
  };
  const options = {
    id: `chatcmpl-${record.id}`,
    created: Math.floor(ports.now() / 1000),
    model: (isAuto(life) && flight.model) || request.chat.model,
    includeUsage: request.chat.includeUsage,
  };
  if (!request.chat.stream) {
    let event: FlightEvent = first.value;
    while (event.type === "piece") {
      const next = await events.next();
      if (next.done) return null;
      event = next.value;
    }
    if (event.type !== "done") return null;
    record.served = event.answer;
    isServed();
    endRequest(life, "final", null, 0);
    const headers = new Headers(decisionHeaders(record, ports.now()));
    headers.set("content-type", "application/json");
    const model = isAuto(life) ? event.answer.model : options.model;
    return new Response(
      JSON.stringify(renderCompletion(answerOf(event.answer), { ...options, model })),
      { headers },
    );
  }

  isServed();
  const chunks = chunkWriter(options);
  const encoder = new TextEncoder();
  const send = (controller: ReadableStreamDefaultController<Uint8Array>, data: string): void =>
    controller.enqueue(encoder.encode(`data: ${data}\n\n`));
  let event: FlightEvent | null = first.value;
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      send(controller, chunks.role());
    },
    async pull(controller) {
      const next: FlightEvent = event ?? (await events.next()).value ?? { type: "failed" };
      event = null;
      if (next.type === "piece") return send(controller, chunks.content(next.text));
      if (next.type === "done") {
        for (const data of chunks.finish(answerOf(next.answer))) send(controller, data);
        endRequest(life, "final", null, 0);
      } else {
        const error = new GatewayError("upstream_error", "The model's answer broke off.");
        send(controller, JSON.stringify(errorEnvelope(error)));
        endRequest(life, "incomplete", null, 0);
      }
      controller.close();
    },
    async cancel() {
      endRequest(life, "client_abort", null, 0);
      await events.return();
    },
  });
  const headers = new Headers(decisionHeaders(record, ports.now()));
  headers.set("content-type", "text/event-stream; charset=utf-8");
  return new Response(stream, { headers });
}
