// Which language an answer is wanted in, or translated from or into, where the question says so: "in Spanish", "auf Deutsch",
// "на английском", "用泰语".
import { remembered } from "./memory.ts";
import { type Token, wordsOf } from "./tokens.ts";

export interface AnswerLanguages {
  /** Codes named in a phrase that asks for a language; the text's own left out. */
  readonly asked: ReadonlySet<string>;
  /** Codes named anywhere. */
  readonly named: ReadonlySet<string>;
}

const TABLE = `en: english englisch* inglés inglesa anglais англий* 英语 英文
de: german deutsch* alemán allemand немецк* 德语 德文
fr: french französisch* francés français француз* 法语 法文
es: spanish spanisch* español castellano espagnol испанск* 西班牙语 西语
it: italian italienisch* italiano italien итальянск* 意大利语
pt: portuguese portugiesisch* portugués portugais португальск* 葡萄牙语 葡语
nl: dutch niederländisch* holandés neerlandés néerlandais голландск* нидерландск* 荷兰语
ru: russian russisch* ruso russe русск* 俄语 俄文
uk: ukrainian ukrainisch* ucraniano ukrainien украинск* 乌克兰语
pl: polish polnisch* polaco polonais польск* 波兰语
cs: czech tschechisch* checo tchèque чешск* 捷克语
sv: swedish schwedisch* sueco suédois шведск* 瑞典语
no: norwegian norwegisch* noruego norvégien норвежск* 挪威语
da: danish dänisch* danés danois датск* 丹麦语
fi: finnish finnisch* finés finlandés finnois финск* 芬兰语
el: greek griechisch* griego grec греческ* 希腊语
la: latin latein* latín латин* латынь 拉丁语
tr: turkish türkisch* turco turc турецк* 土耳其语
ka: georgian georgisch* georgiano géorgien грузинск* 格鲁吉亚语
hu: hungarian ungarisch* húngaro hongrois венгерск* 匈牙利语
ro: romanian rumänisch* rumano roumain румынск* 罗马尼亚语
ar: arabic arabisch* árabe arabe арабск* 阿拉伯语
he: hebrew hebräisch* hebreo hébreu иврит* 希伯来语
fa: persian persisch* persa persan персидск* 波斯语
hi: hindi хинди 印地语
th: thai thailändisch* tailandés thaï тайск* 泰语 泰文
vi: vietnamese vietnamesisch* vietnamita vietnamien вьетнамск* 越南语
ja: japanese japanisch* japonés japonais японск* 日语 日文
ko: korean koreanisch* coreano coréen корейск* 韩语 韩文
zh: chinese mandarin chinesisch* chino chinois китайск* 中文 汉语 普通话
ca: catalan katalanisch* catalán каталанск* 加泰罗尼亚语`;

const EXACT = new Map<string, string>();
const STEMS = new Map<string, string>();
for (const line of TABLE.split("\n")) {
  const [code, spellings] = line.split(": ");
  for (const spelling of spellings!.split(" "))
    if (spelling.endsWith("*")) STEMS.set(spelling.slice(0, -1), code!);
    else EXACT.set(spelling, code!);
}
const HAN_NAMES = new RegExp(
  [...EXACT.keys()].filter((name) => /\p{Script=Han}/u.test(name)).join("|"),
  "g",
);
const SHORTEST_STEM = 4;
const BEGINNINGS = new Set([...STEMS.keys()].map((stem) => stem.slice(0, SHORTEST_STEM)));

/** What stands before a language that is asked for. */
const LEADS = new Set("in into to from auf ins aus dem en al del au du на по с".split(" "));

export function answerLanguagesOf(tokens: readonly Token[], lang: string): AnswerLanguages {
  const named = new Set<string>();
  const asked = new Set<string>();
  const words = wordsOf(tokens);
  for (const [at, { lower }] of words.entries()) {
    const code = codeOf(lower);
    if (code === undefined) continue;
    named.add(code);
    if (code !== lang && LEADS.has(words[at - 1]?.lower ?? "")) asked.add(code);
  }
  if (lang === "zh" || lang === "ja")
    for (const [name] of words
      .map(({ lower }) => lower)
      .join("")
      .matchAll(HAN_NAMES)) {
      const code = EXACT.get(name)!;
      named.add(code);
      if (code !== lang) asked.add(code);
    }
  return { asked, named };
}

const codeOf = remembered((lower: string): string | undefined => {
  const exact = EXACT.get(lower) ?? EXACT.get(lower.replace(/s$/, ""));
  if (exact !== undefined || !BEGINNINGS.has(lower.slice(0, SHORTEST_STEM))) return exact;
  for (let size = Math.min(13, lower.length); size >= SHORTEST_STEM; size--) {
    const code = STEMS.get(lower.slice(0, size));
    if (code !== undefined) return code;
  }
  return undefined;
});

/** A language that one question asks for and the other does not even name. Symmetric. */
export function answerLanguageConflict(a: AnswerLanguages, b: AnswerLanguages): string | null {
  const missing =
    [...a.asked].find((code) => !b.named.has(code)) ??
    [...b.asked].find((code) => !a.named.has(code));
  return missing === undefined ? null : `${missing} is asked for on one side only`;
}
