import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  EventStreamParser,
  type StreamEvent,
  type StreamLimits,
} from "../../../../src/worker/openai/event-stream.ts";
import { cutAt, property } from "../property.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

function parse(pieces: readonly Uint8Array[], limits?: StreamLimits) {
  const events: StreamEvent[] = [];
  const parser = new EventStreamParser((event) => events.push(event), limits);
  for (const piece of pieces) parser.push(piece);
  const rest = parser.end();
  return { events, rest, failure: parser.failure };
}

const dataOf = (text: string) => parse([bytesOf(text)]).events.map(({ data }) => data);

test.each<[string, string, string[]?]>([
  ["LF", "data: a\n\ndata: b\n\n"],
  ["CRLF", "data: a\r\n\r\ndata: b\r\n\r\n"],
  ["CR", "data: a\r\rdata: b\r\r"],
  ["CRLF between data lines", "data: a\r\n\r\ndata:\r\ndata: b\r\n\r\n", ["a", "\nb"]],
  ["mixed", "data: a\r\n\ndata: b\n\r\n"],
])("%s line ends", (_name, text, expected = ["a", "b"]) => {
  expect(dataOf(text)).toEqual(expected);
});

test("a byte order mark before the first line is skipped, later ones are text", () => {
  expect(dataOf("\uFEFFdata: a\n\ndata: \uFEFFb\n\n")).toEqual(["a", "\uFEFFb"]);
});

test("comments and fields that nobody asked for are skipped", () => {
  expect(dataOf(": ping\n\nid: 7\nretry: 10\ndata: a\nother\n\n")).toEqual(["a"]);
});

test("several data lines are one event, joined by newlines", () => {
  expect(dataOf("data: a\ndata:\ndata:  b\n\n")).toEqual(["a\n\n b"]);
});

test("an event without data is no event, and its name does not stick", () => {
  expect(parse([bytesOf("event: error\n\ndata: a\n\n")]).events).toEqual([
    { event: "message", data: "a" },
  ]);
});

test("what lacks its closing blank line is a remainder, not an event", () => {
  expect(parse([bytesOf("data: a\n\ndata: b\n")])).toMatchObject({
    events: [{ data: "a" }],
    rest: { data: "b" },
  });
  expect(parse([bytesOf("data: a\n\ndata: b")])).toMatchObject({ rest: { data: "b" } });
});

test("a line over its limit, a stream over its limit and broken UTF-8 are failures", () => {
  expect(parse([bytesOf("data: 12345\n\n")], { maxLineBytes: 10 }).failure).toBe("line_too_long");
  expect(parse([bytesOf("data: 1234\n\n")], { maxLineBytes: 10 }).failure).toBeNull();
  expect(parse([bytesOf("data: 1\n\n")], { maxTotalBytes: 8 }).failure).toBe("stream_too_long");
  expect(parse([new Uint8Array([0x64, 0xff, 0x0a])]).failure).toBe("bad_utf8");
  // Half of "é" at the end of the stream.
  expect(parse([new Uint8Array([...bytesOf("data: "), 0xc3])]).failure).toBe("bad_utf8");
});

test("a producer may reuse its buffer", () => {
  const events: StreamEvent[] = [];
  const parser = new EventStreamParser((event) => events.push(event));
  const buffer = bytesOf("data: a");
  parser.push(buffer);
  buffer.fill(0x21);
  parser.push(bytesOf("b\n\n"));
  expect(events).toEqual([{ event: "message", data: "ab" }]);
});

test("the events do not depend on where the stream was cut", () =>
  property(
    "splits",
    2_000,
    fc.property(
      fc.array(
        fc.constantFrom(
          "data: x",
          "data:é😀",
          "event: e",
          ": c",
          "\n",
          "\r",
          "\r\n",
          "\n\n",
          "\uFEFF",
          "id: 1",
          "data",
        ),
        { maxLength: 30 },
      ),
      fc.array(fc.nat(1000), { maxLength: 20 }),
      (lines, places) => {
        const bytes = bytesOf(lines.join(""));
        expect(parse(cutAt(bytes, places))).toEqual(parse([bytes]));
      },
    ),
  ));
