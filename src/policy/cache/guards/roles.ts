// Who does what to whom, and what is taken from what: the same words whose places are exchanged.
import { remembered } from "./memory.ts";
import { isLight, stemOf } from "./substitution.ts";
import { type Token, hasCapital, wordsOf } from "./tokens.ts";

interface Placed {
  /** The word before it, articles and possessives left out; "^" where there is none. */
  readonly left: string;
  readonly at: number;
  /** The word before it is none of content. */
  readonly followsLight: boolean;
  /** As written, with its ending. */
  readonly form: string;
}

export interface Roles {
  /** Content words that occur once, by their stems. */
  readonly placed: ReadonlyMap<string, Placed>;
  readonly hasCases: boolean;
  /** All words, where they are cut into characters; else empty. */
  readonly han: readonly string[];
  /** The name nearest to a time of day: "in Madrid it is 15:00". */
  readonly clockName: string | null;
  readonly names: ReadonlySet<string>;
  /** Asks what a share was taken from: "15 is 20% of what?" */
  readonly asksWhole: boolean;
}

const setOf = (words: string) => new Set(words.split(" "));

const ARTICLES = setOf(
  "the a an my your his her its our their der die das den dem des ein eine einen einem einer eines mein meine meinem meinen meiner " +
    "sein seine seinem seinen ihr ihre el la los las un una unos unas mi mis su sus le les une mon ma mes son sa ses l",
);
/** Articles of one language that are prepositions of another. */
const NO_ARTICLES: Readonly<Record<string, ReadonlySet<string>>> = {
  de: setOf("a an la"),
  es: setOf("a an den des"),
  fr: setOf("a an den"),
  it: setOf("a an"),
  pt: setOf("a an"),
};
const CONTRACTED: ReadonlyMap<string, string> = new Map(
  "zum zu|zur zu|vom von|beim bei|im in|ins in|am an|aufs auf|del de|al a|du de|des de|au à|aux à|со с|ко к|во в|изо из|into to|onto to"
    .split("|")
    .map((pair) => pair.split(" ") as [string, string]),
);
/** Between what these join, order means nothing. */
const JOINS = setOf(
  "and or vs versus between compare und oder zwischen y o e entre et ou и или между 和 与 跟 及 或 、 还 是",
);
const PARTS = setOf(
  "from to into in of by for with as than many much von zu nach auf in an aus für als viele de a para por en à vers par dans combien " +
    "из в от до к на с у сколько cuántos cuántas",
);
const CASES = setOf("ru uk pl cs");
const LONGEST_SWAP = 32;

export function rolesOf(tokens: readonly Token[], lang: string): Roles {
  const words = wordsOf(tokens);
  const isHan = lang === "zh" || lang === "ja";
  return {
    placed: isHan ? new Map() : placesOf(words, lang),
    hasCases: CASES.has(lang),
    han: isHan ? words.map(({ lower }) => lower) : [],
    clockName: clockName(tokens),
    names: new Set(tokens.filter(isCapital).map(({ lower }) => lower.slice(0, NAME_STEM))),
    asksWhole: asksWhole(tokens),
  };
}

function placesOf(words: readonly Token[], lang: string): Map<string, Placed> {
  const placed = new Map<string, Placed>();
  const twice = new Set<string>();
  let left = "^";
  let at = 0;
  for (const { text, lower } of words) {
    if (ARTICLES.has(lower) && NO_ARTICLES[lang]?.has(lower) !== true) {
      at++;
      continue;
    }
    const { form, stem, followsDe } = formOf(text);
    if (followsDe) left = "de";
    if (!isLight(form, lang) && !CONTRACTED.has(form)) {
      if (placed.has(stem)) twice.add(stem);
      placed.set(stem, { left, at, form, followsLight: left === "^" || isLight(left, lang) });
    }
    left = CONTRACTED.get(form) ?? form;
    at++;
  }
  for (const stem of twice) placed.delete(stem);
  return placed;
}

const formOf = remembered((text) => {
  const lower = text.toLowerCase();
  const elided = /^(?:l|d|qu|s|n|c|j|m|t)'(?=\p{L}{2})/u.exec(lower)?.[0] ?? "";
  const form = lower.slice(elided.length);
  return { form, stem: keyOf(form, text), followsDe: elided === "d'" };
});

/** Short words and abbreviations whole: HTTP is not HTTPS. */
function keyOf(lower: string, text: string): string {
  const isWhole =
    /^\p{Lu}{2}/u.test(text) || (lower.length <= 5 && !/^[\u0400-\u04ff]/.test(lower));
  return isWhole ? lower : stemOf(lower);
}

/** Why the parts that words play are exchanged, or null. Symmetric. */
export function rolesConflict(a: Roles, b: Roles): string | null {
  if (a.han.length > 0 && b.han.length > 0) {
    const swapped = swappedBlocks(a.han, b.han);
    if (swapped !== null) return swapped;
  }
  const clock = clockConflict(a, b);
  if (clock !== null) return clock;
  const moved: Moved[] = [];
  for (const [stem, inA] of a.placed) {
    const inB = b.placed.get(stem);
    if (inB === undefined || (inA.left === inB.left && inA.at === inB.at)) continue;
    if (JOINS.has(inA.left) || JOINS.has(inB.left)) continue;
    // Where endings tell the parts, words move freely.
    const isFree = a.hasCases || (inA.followsLight && inB.followsLight);
    moved.push({ stem, a: inA, b: inB, isFree });
  }
  // Few words move when two change places; where many do, the sentence is another one.
  if (moved.length > MOST_MOVED) return null;
  for (const [i, one] of moved.entries())
    for (const other of moved.slice(i + 1))
      if (areExchanged(one, other)) return placesOfBoth(one, other);
  return null;
}

/** Prepositions that put a thing elsewhere in time or place; those of one line mean nearly the same. */
const RELATIONS: ReadonlyMap<string, string> = new Map(
  (
    "before vor avant перед|after since nach seit après depuis после tras desde|in within during während innerhalb pendant durant durante dans en при во в|" +
    "until bis hasta|outside außerhalb hors fuera вне|under unter sous под|over above über sur над"
  )
    .split("|")
    .flatMap((line) => line.split(" ").map((word): [string, string] => [word, line])),
);

/** The same thing, before on one side and after or during on the other. Symmetric. */
export function relationConflict(a: Roles, b: Roles): string | null {
  for (const [stem, { left }] of a.placed) {
    const other = b.placed.get(stem)?.left;
    if (other === undefined) continue;
    const [one, two] = [RELATIONS.get(left), RELATIONS.get(other)];
    if (one !== undefined && two !== undefined && one !== two)
      return `${[left, other].toSorted().join(" against ")} ${stem}`;
  }
  return null;
}

interface Moved {
  readonly stem: string;
  readonly a: Placed;
  readonly b: Placed;
  /** May stand elsewhere and mean the same: it takes its preposition along ("in 2020 in Spain") or has a case. */
  readonly isFree: boolean;
}

/** Each stands where the other stood: after the other's word, or in its slot with its own ending changed. */
function areExchanged(one: Moved, other: Moved): boolean {
  const crossed = [one.a.left === other.b.left, other.a.left === one.b.left];
  const isExchange = crossed[0]! && crossed[1]! && one.a.left !== other.a.left;
  // "From" and "to" tell the parts wherever they stand; elsewhere only the places do.
  if (isExchange && PARTS.has(one.a.left) && PARTS.has(other.a.left)) return true;
  const isApart = Math.abs(one.a.at - other.a.at) > 1;
  const swapsSlots = Math.abs(one.a.at - other.b.at) <= 1 && Math.abs(other.a.at - one.b.at) <= 1;
  const isReversed = one.a.at < other.a.at !== one.b.at < other.b.at;
  // Two neighbours that trade places are a matter of taste, unless their cases trade as well.
  const bothInflected = one.a.form !== one.b.form && other.a.form !== other.b.form;
  const isOneSlot = Math.abs(one.a.at - other.b.at) <= 1 || Math.abs(other.a.at - one.b.at) <= 1;
  // "Does deleting it cancel ..." and "does cancelling it delete ...".
  if (bothInflected && isReversed && isOneSlot && (crossed[0]! || crossed[1]!)) return true;
  if (!(isApart || bothInflected) || !swapsSlots || !isReversed) return false;
  const isInflected = one.a.form !== one.b.form || other.a.form !== other.b.form;
  const isSameSlot = one.a.at === other.b.at && other.a.at === one.b.at;
  return (
    (isExchange && !one.isFree) ||
    (isInflected && (crossed[0]! || crossed[1]!)) ||
    (isSameSlot && !one.isFree && !other.isFree)
  );
}

const placesOfBoth = (one: Moved, other: Moved): string =>
  `${[one.stem, other.stem].toSorted().join(" and ")} have changed places`;

const MOST_MOVED = 8;

/** It is 15:00 in one place there, in the other here. */
function clockConflict(a: Roles, b: Roles): string | null {
  const [one, other] = [a.clockName, b.clockName];
  if (one === null || other === null || one === other) return null;
  const isKnown = a.names.has(other) && b.names.has(one);
  return isKnown
    ? `the time is given for ${[one, other].toSorted().join(" here, there for ")}`
    : null;
}

/** Of the words with a capital inside a sentence, the one that stands nearest to a time of day. */
function clockName(tokens: readonly Token[]): string | null {
  const clock = tokens.findIndex(
    ({ text }, at) =>
      text === ":" && tokens[at - 1]?.kind === "number" && tokens[at + 1]?.kind === "number",
  );
  if (clock === -1) return null;
  let nearest: string | null = null;
  let distance = Infinity;
  for (const [at, token] of tokens.entries())
    if (isCapital(token) && Math.abs(at - clock) < distance) {
      distance = Math.abs(at - clock);
      nearest = token.lower.slice(0, NAME_STEM);
    }
  return nearest;
}

const NAME_STEM = 5;
const isCapital = ({ text, opens, kind }: Token): boolean =>
  kind === "word" && !opens && hasCapital(text) && /^\p{Lu}\p{Ll}/u.test(text);

/** X M Y against Y M X between a common beginning and end. */
function swappedBlocks(a: readonly string[], b: readonly string[]): string | null {
  if (a.length !== b.length) return null;
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  let end = a.length;
  while (end > start && a[end - 1] === b[end - 1]) end--;
  const size = end - start;
  if (size < 3 || size > LONGEST_SWAP) return null;
  const [p, q] = [a.slice(start, end), b.slice(start, end)];
  const equal = (from: number, to: number, length: number): boolean => {
    for (let i = 0; i < length; i++) if (p[from + i] !== q[to + i]) return false;
    return true;
  };
  for (let x = 1; x < size - 1; x++)
    for (let y = 1; x + y < size; y++) {
      if (p[size - y] !== q[0] || p[0] !== q[size - x]) continue;
      const isSwap = equal(size - y, 0, y) && equal(0, size - x, x) && equal(x, y, size - x - y);
      if (isSwap && !p.slice(x, size - y).some((word) => JOINS.has(word)))
        return `${[p.slice(0, x).join(""), p.slice(size - y).join("")].toSorted().join(" and ")} have changed places`;
    }
  return null;
}

const WHOLE =
  /(?:%|percent|prozent|por ciento|pour cent|процент\p{L}*) (?:of|von|de|от) (?:what|which|how much|was|wie ?viel|welche\p{L}|qué|cuánto|cuál|combien|quel\p{L}*|как\p{L}+|чего|скольки)|^(?:de|von|от) (?:cuánto|combien|qué|quel|wie ?viel|welche\p{L}|как\p{L}+|скольки|чего) [^]*(?:%|por ciento|pour cent|prozent|процент)|多少[元块钱个人]?的(?:\d|百分)/u;

/** A text without any of these holds no WHOLE: "%", "percent", "pour cent", "por ciento", 多少. */
const isOfShares = remembered((lower) => /%|cent|prozent|ciento|процент|多|少/.test(lower));

/** At most the first 60 words are read. */
function asksWhole(tokens: readonly Token[]): boolean {
  const first = tokens.slice(0, 60);
  if (!first.some(({ lower }) => isOfShares(lower))) return false;
  const isHan = first.some(({ lower }) => lower === "的");
  return WHOLE.test(
    first
      .filter(({ text, kind }) => kind !== "symbol" || text === "%")
      .map(({ lower }) => (lower.startsWith("d'") ? `de ${lower.slice(2)}` : lower))
      .join(isHan ? "" : " "),
  );
}

/** One asks for the share, the other for the whole. */
export function wholeConflict(a: Roles, b: Roles): string | null {
  return a.asksWhole === b.asksWhole ? null : "a share against the whole it is taken from";
}
