// A question cut into tokens, once, in linear time. Every guard reads these and none reads the raw text again.

export interface Token {
  /** As written, after NFKC. */
  readonly text: string;
  /** Lower case, straight apostrophes. */
  readonly lower: string;
  readonly kind: "word" | "number" | "han-number" | "symbol";
  /** First token of the text or of a sentence, where a capital says nothing. */
  readonly opens: boolean;
  /** No space between this token and the one before. */
  readonly glued: boolean;
}

// Digits with separators | runs of Chinese numerals | one Han character | a word of any other script | one symbol.
const TOKEN =
  /\d+(?:[.,]\d+)*|[〇零一二两兩三四五六七八九十百千万萬億亿半]+|\p{Script=Han}|[[\p{L}\p{M}_]--\p{Script=Han}](?:[[\p{L}\p{M}\p{N}_]--\p{Script=Han}]|'(?=\p{L}))*|\S/gv;

export function tokenise(text: string): readonly Token[] {
  const plain = plainForm(text);
  const tokens: Token[] = [];
  let end = 0;
  let opens = true;
  for (const match of plain.matchAll(TOKEN)) {
    const token = match[0];
    const glued = match.index === end && end > 0;
    const hasLineBreak = !glued && plain.slice(end, match.index).includes("\n");
    end = match.index + token.length;
    const kind = kindOf(token);
    tokens.push({
      text: token,
      lower: token.toLowerCase(),
      kind,
      glued,
      opens: opens || hasLineBreak,
    });
    // Quotes and brackets do not end the start of a sentence: `"Who is ...` still opens with Who.
    if (kind !== "symbol") opens = false;
    else if (".!?:;。！？：；¿¡•".includes(token)) opens = true;
  }
  return tokens;
}

/** Words of the text that can carry meaning on their own: no symbols. */
export function wordsOf(tokens: readonly Token[]): readonly Token[] {
  const known = WORDS.get(tokens);
  if (known !== undefined) return known;
  const words = tokens.filter((token) => token.kind !== "symbol");
  WORDS.set(tokens, words);
  return words;
}

/** Every guard asks for them. */
const WORDS = new WeakMap<readonly Token[], readonly Token[]>();

function kindOf(token: string): Token["kind"] {
  const code = token.charCodeAt(0);
  // Most characters of most texts, without an expression.
  if (code < 0x80) {
    if (code >= 0x30 && code <= 0x39) return "number";
    const isLetter = (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
    return isLetter || code === 0x5f ? "word" : "symbol";
  }
  if (/^\d/.test(token)) return "number";
  if (/^[〇零一二两兩三四五六七八九十百千万萬亿億半]/.test(token)) return "han-number";
  return /^[\p{L}\p{M}_]/u.test(token) ? "word" : "symbol";
}

const HAN = /\p{Script=Han}/u;

/** Whether a token holds ideographs; words of other scripts are told by their first character. */
export const isHan = (word: string): boolean => word.charCodeAt(0) >= 0x2e80 && HAN.test(word);

const DIGIT_ZEROS = [0x660, 0x6f0, 0x966, 0x9e6, 0xe50];

/** One way to write what has many: NFKC, ASCII digits, fractions as 1/2, exponents as ^2, straight quotes, one minus. */
function plainForm(text: string): string {
  // Nothing to unify in plain ASCII.
  if (/^[\0-\x7f]*$/.test(text)) return text;
  return text
    .replace(/[¼-¾⅐-⅞]/g, (fraction) => ` ${fraction}`)
    .replace(/[²³¹⁰⁴-⁹]/g, (exponent) => `^${exponent}`)
    .normalize("NFKC")
    .replace(/[\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\u09e6-\u09ef\u0e50-\u0e59]/g, (digit) => {
      const code = digit.charCodeAt(0);
      return String(code - DIGIT_ZEROS.findLast((zero) => zero <= code)!);
    })
    .replace(/[‘’ʼ´]/g, "'")
    .replace(/[“”„«»]/g, '"')
    .replace(/[−‐‑‒–—]/g, "-")
    .replace(/⁄/g, "/");
}
