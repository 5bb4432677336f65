// Names out of programs: commands, keywords, options, operators. In a question about one of them another one changes the
// answer, however alike they look.
import { isFunctionWord } from "../language.ts";
import { type Token } from "./tokens.ts";

export interface Code {
  /** Known keywords and commands, and what the text's form marks as code. */
  readonly names: ReadonlySet<string>;
  /** Options ("-r", "--force") and operators ("===", "&&"). */
  readonly signs: ReadonlySet<string>;
  /** All signs, in order. */
  readonly marks: string;
  /** So many of them are none of sentences that the text is code or markup, in which each one counts. */
  readonly isMarkup: boolean;
}

/** Share of a text's tokens from which such signs make it code; half of them may be any signs. Sums and prices stay below. */
const MARKUP = 0.3;
const MIN_MARKS = 4;
const OF_SENTENCES = /^[\p{P}\p{Sc}°]$/u;
/** Punctuation that programs are full of. */
const OF_PROGRAMS = /^[{}[\]\\#@*/_&]$/;

const setOf = (words: string) => new Set(words.split(" "));

/** A text that holds one of these is about programs, and its words may be keywords. */
const TECHNOLOGIES = setOf(
  "python java javascript js typescript ts c rust go golang kotlin swift php ruby perl bash shell linux unix git github docker " +
    "kubernetes kubectl sql mysql postgres postgresql sqlite mongodb redis css html react vue angular node npm pip pandas numpy " +
    "excel regex nginx apache terminal powershell vim array list string dict code script",
);
/** Keywords, functions and commands that are no common words of the six languages, or mean little in a technical question but themselves. */
const KEYWORDS = setOf(
  "let const var static final finally finalize volatile transient synchronized abstract extends implements super async await " +
    "yield lambda enum struct typedef extern inline virtual override malloc calloc realloc free alloca memcpy memmove " +
    "strcpy strcmp sprintf printf scanf slice splice map filter reduce foreach flatmap concat push pop shift unshift indexof " +
    "findindex strip lstrip rstrip " +
    "zip enumerate range len isinstance getattr setattr hasattr ceil abs deepcopy " +
    "pickle json csv merge rebase cherry-pick fetch pull push clone stash clean reset revert checkout " +
    "bisect blame reflog rm mv cp chmod chown chgrp ls cat grep egrep sed awk " +
    "tar gzip curl wget ssh scp rsync ps kill killall pkill df du umount sudo su cron systemctl journalctl " +
    "truncate alter intersect " +
    "varchar char int integer bigint decimal boolean groupby pivot melt " +
    "dropna fillna isnull notnull loc iloc " +
    "margin padding flex grid sticky hover " +
    "sep " +
    "arraylist linkedlist hashmap treemap hashtable hashset treeset deque tuple dict frozenset",
);
/** Programs whose next word is a command. */
const WITH_COMMANDS = setOf(
  "git docker npm npx yarn pip cargo kubectl apt brew systemctl helm terraform go",
);
/** French questions join the subject to the verb: "donne-t-il". */
const INVERTED = setOf("t il elle on ce je tu ils elles vous nous y moi en");
const CALL = /^[([]$/;

/** Signs that mean something else when one of them changes; taken in runs. */
const OPERATOR = /^[=!<>&|+*/%^~?:-]$/;

/** Alone between two terms these are operators; a dash or a slash may be anything. */
const COMPARES = /^[=<>^|]$/;

export function codeOf(tokens: readonly Token[], lang: string): Code {
  const names = new Set<string>();
  const signs = new Set<string>();
  const isTechnical = tokens.some(({ lower }) => TECHNOLOGIES.has(lower));
  const all = tokens.flatMap(({ kind, text }) => (kind === "symbol" ? [text] : []));
  const odd = all.filter((sign) => !OF_SENTENCES.test(sign) || OF_PROGRAMS.test(sign)).length;
  const isMarkup =
    all.length >= MIN_MARKS &&
    (odd >= Math.max(MIN_MARKS, MARKUP * tokens.length) || 2 * all.length >= tokens.length);
  const hasOtherScript = lang === "ru" || lang === "zh" || lang === "ja" || lang === "uk";
  for (const [at, token] of tokens.entries()) {
    if (token.kind === "symbol") {
      readSign(tokens, at, signs);
      continue;
    }
    if (token.kind !== "word") continue;
    const { lower } = token;
    const next = tokens[at + 1];
    const isCalled = next?.glued === true && CALL.test(next.text) && /^[a-z_]\w*$/.test(lower);
    const isLatin = hasOtherScript && /^[a-z][\w-]*$/.test(token.text) && lower.length > 1;
    const isKeyword = isTechnical && KEYWORDS.has(lower);
    if (isCalled || isKeyword || isLatin) names.add(lower);
    const mayCommand = lang === "en" || hasOtherScript || KEYWORDS.has(lower);
    const isCommand =
      mayCommand && WITH_COMMANDS.has(tokens[at - 1]?.lower ?? "") && /^[a-z]+$/.test(lower);
    if (isCommand && !isFunctionWord(lower, lang)) names.add(`${tokens[at - 1]!.lower} ${lower}`);
    // max-width, cherry-pick
    const isJoined = next?.text === "-" && next.glued && tokens[at + 2]?.glued === true;
    if (isTechnical && isJoined && !INVERTED.has(tokens[at + 2]!.lower) && /^\w+$/.test(lower))
      names.add(`${lower}-${tokens[at + 2]!.lower}`);
    // C++ and C#
    if (
      next?.glued === true &&
      (next.text === "#" || (next.text === "+" && tokens[at + 2]?.text === "+"))
    )
      signs.add(`${lower}${next.text}`);
  }
  return { names, signs, marks: all.join(""), isMarkup };
}

/** The run of operator signs that begins here, or an option after a space. */
function readSign(tokens: readonly Token[], at: number, signs: Set<string>): void {
  const { text, glued } = tokens[at]!;
  if (!OPERATOR.test(text)) return;
  const previous = tokens[at - 1];
  if (glued && previous?.kind === "symbol" && OPERATOR.test(previous.text)) return;
  let end = at + 1;
  let run = text;
  // Longer runs are rules and arrows.
  while (end < at + 4 && tokens[end]?.glued === true && OPERATOR.test(tokens[end]!.text))
    run += tokens[end++]!.text;
  const next = tokens[end];
  if ((run === "-" || run === "--") && !glued && next?.glued === true && next.kind === "word") {
    if (at > 0) signs.add(run + next.text);
    return;
  }
  const isPlain = /^[-:?!/]+$/.test(run);
  if (run.length > 1 && !isPlain) signs.add(run);
  // "age > 30", "a^b"
  else if (COMPARES.test(run) && previous !== undefined && next !== undefined) signs.add(run);
}

/** Each holds a name that the other lacks, or another option or operator; null otherwise. Symmetric. */
export function codeConflict(a: Code, b: Code): string | null {
  const [name, otherName] = [only(a.names, b.names), only(b.names, a.names)];
  if (name !== undefined && otherName !== undefined) return `${name} against ${otherName}`;
  const [sign, otherSign] = [only(a.signs, b.signs), only(b.signs, a.signs)];
  return sign !== undefined && otherSign !== undefined ? `${sign} against ${otherSign}` : null;
}

/** Two texts of which one is code, and whose signs are not the same ones in the same order. Symmetric. */
export function markupConflict(a: Code, b: Code): string | null {
  if ((!a.isMarkup && !b.isMarkup) || a.marks === b.marks) return null;
  return `${a.marks.slice(0, 20)} against ${b.marks.slice(0, 20)}`;
}

/** Options and operators on one side only. */
export function signConflict(a: Code, b: Code): string | null {
  const sign = only(a.signs, b.signs) ?? only(b.signs, a.signs);
  return sign === undefined ? null : `${sign} on one side only`;
}

const only = (a: ReadonlySet<string>, b: ReadonlySet<string>): string | undefined =>
  [...a].find((item) => !b.has(item));
