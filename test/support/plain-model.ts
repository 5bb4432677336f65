// An upstream whose answer to a body is a fixed string of bytes, so that "the client got what the upstream sent" can be
// said of bytes. It tells when its connections are closed.
import { createServer, type ServerResponse } from "node:http";
import { text as readText } from "node:stream/consumers";
import {
  type ChatRequest,
  DONE_EVENT,
  parseChatRequest,
  usageOf,
  userTurns,
} from "../../scripts/local/chat-wire.ts";
import { listen, stop } from "../../scripts/local/loopback.ts";

export interface PlainModelOptions {
  /** Before the first byte. */
  readonly firstByteMs?: number;
  /** Between two chunks of a stream. */
  readonly chunkMs?: number;
  /** Words of the answer to a question. */
  readonly words?: (question: string) => number;
}

interface CallSeen {
  readonly question: string;
  readonly at: number;
  /** performance.now() of the connection's close before the answer's end; undefined while open or when complete. */
  abandonedAt: number | undefined;
  complete: boolean;
}

export interface PlainModel {
  readonly url: string;
  readonly calls: readonly CallSeen[];
  callsFor(question: string): readonly CallSeen[];
  /** Answers under way. */
  open(): number;
  /** What the upstream sends for a question. */
  bytesFor(question: string, stream: boolean): Buffer;
  stop(): Promise<void>;
}

export async function startPlainModel({
  firstByteMs = 0,
  chunkMs = 0,
  words = () => 12,
}: PlainModelOptions = {}): Promise<PlainModel> {
  const calls: CallSeen[] = [];
  const eventsFor = (question: string): string[] => {
    const chunk = (delta: object, finish: string | null) =>
      `data: ${JSON.stringify({
        id: "chatcmpl-plain",
        object: "chat.completion.chunk",
        created: 1_700_000_000,
        model: "plain",
        choices: [{ index: 0, delta, finish_reason: finish }],
      })}\n\n`;
    const pieces = answerWords(question, words(question));
    return [
      chunk({ role: "assistant", content: "" }, null),
      ...pieces.map((content) => chunk({ content }, null)),
      chunk({}, "stop"),
      DONE_EVENT,
    ];
  };
  const bytesFor = (question: string, stream: boolean): Buffer => {
    if (stream) return Buffer.from(eventsFor(question).join(""));
    const count = words(question);
    const completion = {
      id: "chatcmpl-plain",
      object: "chat.completion",
      created: 1_700_000_000,
      model: "plain",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: answerWords(question, count).join("") },
          finish_reason: "stop",
        },
      ],
      usage: usageOf({ model: "plain", messages: [{ role: "user", content: question }] }, count),
    };
    return Buffer.from(JSON.stringify(completion));
  };

  const answer = async (chat: ChatRequest, response: ServerResponse): Promise<void> => {
    const question = userTurns(chat).at(-1) ?? "";
    const call: CallSeen = {
      question,
      at: performance.now(),
      abandonedAt: undefined,
      complete: false,
    };
    calls.push(call);
    response.once("close", () => {
      call.complete = response.writableFinished;
      if (!call.complete) call.abandonedAt = performance.now();
    });
    await pause(firstByteMs);
    const stream = chat.stream === true;
    response.writeHead(200, {
      "content-type": stream ? "text/event-stream" : "application/json",
    });
    if (!stream) return void response.end(bytesFor(question, false));
    for (const event of eventsFor(question)) {
      if (response.destroyed) return;
      response.write(event);
      await pause(chunkMs);
    }
    response.end();
  };
  const server = createServer((request, response) => {
    void readText(request).then(async (body) => {
      const parsed = parseChatRequest(body);
      if (typeof parsed === "string") return void response.writeHead(400).end(parsed);
      return await answer(parsed, response);
    });
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}/v1`,
    calls,
    callsFor: (question) => calls.filter((call) => call.question === question),
    open: () => calls.filter((call) => !call.complete && call.abandonedAt === undefined).length,
    bytesFor,
    stop: () => stop(server),
  };
}

const answerWords = (question: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => (i === 0 ? `Re ${question}:` : ` word-${i}-ü`));

const pause = (ms: number): Promise<void> | undefined =>
  ms > 0 ? new Promise((resolve) => setTimeout(resolve, ms)) : undefined;
