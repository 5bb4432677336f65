// Which of the replies to a prompt is the best: as people ranked them, else by the quality they gave, else the first.
import { InputError, type JsonLine } from "../../../evaluation/json-lines.ts";
import { isRecord } from "../../../simulator/groups.ts";

export interface Reply {
  readonly text: string;
}

/**
 * The prompt's replies, best first, without those that were deleted, that reviewers refused, or that have no words.
 * @throws InputError with file and line
 */
export function usableReplies({ value, place }: JsonLine): readonly Reply[] {
  const replies = value["replies"] ?? [];
  if (!Array.isArray(replies)) throw new InputError(`${place}: replies must be a list`);
  return replies
    .map((reply: unknown) => rankedReply(reply, place))
    .filter(({ isUsable }) => isUsable)
    .toSorted((a, b) => a.rank - b.rank || b.quality - a.quality)
    .map(({ text }) => ({ text }));
}

/** Larger than any rank: two replies without one are told apart by quality, and a difference of infinities is no number. */
const UNRANKED = Number.MAX_SAFE_INTEGER;
const UNRATED = -1;

function rankedReply(reply: unknown, place: string) {
  if (!isRecord(reply)) throw new InputError(`${place}: a reply is not an object`);
  const { text, role } = reply;
  if (typeof text !== "string") throw new InputError(`${place}: a reply has no text`);
  if (typeof role === "string" && role !== "assistant")
    throw new InputError(`${place}: the reply to a prompt is an assistant's, not a ${role}'s`);
  const labels = isRecord(reply["labels"]) ? reply["labels"]["quality"] : undefined;
  return {
    text,
    rank: numberOr(reply["rank"], UNRANKED, `${place}: a reply's rank`),
    quality: numberOr(
      isRecord(labels) ? labels["value"] : reply["quality"],
      UNRATED,
      `${place}: a reply's quality`,
    ),
    isUsable:
      reply["deleted"] !== true && reply["review_result"] !== false && /[\p{L}\p{N}]/u.test(text),
  };
}

function numberOr(value: unknown, missing: number, name: string): number {
  if (value === undefined || value === null) return missing;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new InputError(`${name} must be a number`);
}
