// Number words by language, as data. Each line: what the word does to the number being read, then its spellings.
//
//   u  unit or ten, added          2 -> two
//   m  multiplier                  100 -> hundred
//   f  fraction on its own         0.5 -> half
//   d  denominator after a number  3 -> "two thirds"; else an ordinal
//   x  factor, a number by itself  2 -> twice
//   o  optional: often no number   1 -> one, once, single
//   n  ordinal                     2 -> zweite
import { remembered } from "./memory.ts";

const KINDS = ["u", "m", "f", "d", "x", "o", "n"] as const;
type WordKind = (typeof KINDS)[number];
export interface NumberWord {
  readonly kind: WordKind;
  readonly value: number;
}

/** Words between the parts of one number ("one hundred and five"). */
export const CONNECTORS: Readonly<Record<string, ReadonlySet<string>>> = {
  en: new Set(["and"]),
  es: new Set(["y"]),
  fr: new Set(["et"]),
};

/** Languages that write 1.000,5 where English writes 1,000.5. */
export const DECIMAL_COMMA = new Set(["de", "es", "fr", "it", "pt", "nl", "ru", "uk", "pl", "tr"]);
/** Of these, the ones that part thousands by a space. */
export const SPACED_THOUSANDS = new Set(["fr", "ru", "uk", "pl"]);

const TABLES: Readonly<Record<string, string>> = {
  en: `u0 zero nought; o1 one once single; u2 two; u3 three; u4 four; u5 five; u6 six; u7 seven; u8 eight; u9 nine;
    u10 ten; u11 eleven; u12 twelve; u13 thirteen; u14 fourteen; u15 fifteen; u16 sixteen; u17 seventeen;
    u18 eighteen; u19 nineteen; u20 twenty; u30 thirty; u40 forty fourty; u50 fifty; u60 sixty; u70 seventy;
    u80 eighty; u90 ninety; m100 hundred hundreds; m1000 thousand thousands; m1000000 million millions;
    m1000000000 billion billions; m1000000000000 trillion trillions; m12 dozen dozens; f0.5 half halves halved;
    f0.25 quarter quarters; d3 third thirds; d4 fourth fourths; d5 fifth fifths; d6 sixth sixths;
    d7 seventh sevenths; d8 eighth eighths; d9 ninth ninths; d10 tenth tenths; d20 twentieth; d100 hundredth;
    n11 eleventh; n12 twelfth; n13 thirteenth; n14 fourteenth; n15 fifteenth; n16 sixteenth; n17 seventeenth;
    n18 eighteenth; n19 nineteenth; x2 twice double doubles doubled doubling twofold;
    x3 thrice triple triples tripled tripling threefold; x4 quadruple quadrupled fourfold; o2 couple pair pairs both`,
  de: `u0 null; o1 eins einmal; u2 zwei zweier; u3 drei; u4 vier; u5 fünf; u6 sechs; u7 sieben; u8 acht; u9 neun;
    u10 zehn; u11 elf; u12 zwölf; u13 dreizehn; u14 vierzehn; u15 fünfzehn; u16 sechzehn; u17 siebzehn;
    u18 achtzehn; u19 neunzehn; u20 zwanzig; u30 dreißig dreissig; u40 vierzig; u50 fünfzig; u60 sechzig;
    u70 siebzig; u80 achtzig; u90 neunzig; m100 hundert; m1000 tausend; m1000000 million millionen;
    m1000000000 milliarde milliarden; m12 dutzend; f0.5 halb halbe halben halber halbes hälfte;
    f0.25 viertel; d3 drittel; d5 fünftel; d8 achtel; d10 zehntel; f1.5 anderthalb eineinhalb;
    x2 zweimal doppelt doppelte doppelten doppelter verdoppelt; x3 dreimal dreifach dreifache verdreifacht;
    x4 viermal vierfach; x5 fünfmal; n2 zweite zweiten zweiter zweites; n3 dritte dritten dritter drittes;
    n4 vierte vierten vierter; n5 fünfte fünften fünfter; n6 sechste sechsten sechster; n7 siebte siebten siebter; n8 achte achten achter; n9 neunte neunten neunter; n10 zehnte zehnten zehnter; n12 zwölfte zwölften; o2 paar beide beiden`,
  es: `u0 cero; o1 un uno una; u2 dos; u3 tres; u4 cuatro; u5 cinco; u6 seis; u7 siete; u8 ocho; u9 nueve;
    u10 diez; u11 once; u12 doce; u13 trece; u14 catorce; u15 quince; u16 dieciséis; u17 diecisiete;
    u18 dieciocho; u19 diecinueve; u20 veinte; u21 veintiuno veintiún; u22 veintidós; u23 veintitrés;
    u24 veinticuatro; u25 veinticinco; u26 veintiséis; u27 veintisiete; u28 veintiocho; u29 veintinueve;
    u30 treinta; u40 cuarenta; u50 cincuenta; u60 sesenta; u70 setenta; u80 ochenta; u90 noventa;
    u100 cien ciento; u200 doscientos doscientas; u300 trescientos trescientas; u400 cuatrocientos;
    u500 quinientos quinientas; u600 seiscientos; u700 setecientos; u800 ochocientos; u900 novecientos; m1000 mil;
    m1000000 millón millones; m12 docena docenas; f0.5 medio media mitad; d3 tercio tercios;
    d4 cuarto cuartos cuarta; d5 quinto quintos quinta; n2 segunda segundo; n6 sexto sexta; n7 séptimo séptima; n8 octavo octava; n9 noveno novena; n10 décimo décima; x2 doble dobles duplica duplicó;
    x3 triple triples triplica triplicó; n3 tercero tercera tercer; o2 par pareja ambos ambas`,
  fr: `u0 zéro; o1 un une; u2 deux; u3 trois; u4 quatre; u5 cinq; u6 six; u7 sept; u8 huit; u9 neuf; u10 dix;
    u11 onze; u12 douze; u13 treize; u14 quatorze; u15 quinze; u16 seize; u20 vingt vingts; u30 trente;
    u40 quarante; u50 cinquante; u60 soixante; m100 cent cents; m1000 mille; m1000000 million millions;
    m1000000000 milliard milliards; m12 douzaine douzaines; f0.5 demi demie moitié; d3 tiers;
    d4 quart quarts; d5 cinquième cinquièmes; x2 double doublé; x3 triple triplé; n2 deuxième seconde;
    n3 troisième; n4 quatrième; n6 sixième; n7 septième; n8 huitième; n9 neuvième; n10 dixième; o2 couple paire`,
  ru: `u0 ноль нуль; o1 один одна одно одного одной одну одному одном однажды; u2 два две двух двум двумя двое;
    u3 три трёх трех трём трем тремя трое; u4 четыре четырёх четырех четырём четырьмя четверо;
    u5 пять пяти пятью; u6 шесть шести шестью; u7 семь семи семью; u8 восемь восьми восемью;
    u9 девять девяти девятью; u10 десять десяти десятью; u11 одиннадцать одиннадцати;
    u12 двенадцать двенадцати; u13 тринадцать тринадцати; u14 четырнадцать четырнадцати;
    u15 пятнадцать пятнадцати; u16 шестнадцать шестнадцати; u17 семнадцать семнадцати;
    u18 восемнадцать восемнадцати; u19 девятнадцать девятнадцати; u20 двадцать двадцати; u30 тридцать тридцати;
    u40 сорок сорока; u50 пятьдесят пятидесяти; u60 шестьдесят шестидесяти; u70 семьдесят семидесяти;
    u80 восемьдесят восьмидесяти; u90 девяносто девяноста; u100 сто ста; u200 двести двухсот;
    u300 триста трёхсот трехсот; u400 четыреста; u500 пятьсот пятисот; u600 шестьсот; u700 семьсот; u800 восемьсот;
    u900 девятьсот; m1000 тысяча тысячи тысяч тысячу; m1000000 миллион миллиона миллионов;
    m1000000000 миллиард миллиарда миллиардов; m12 дюжина дюжины дюжин дюжину;
    f0.5 половина половину половины половине пол; f0.25 четверть четверти; d3 треть трети; f1.5 полтора полторы;
    x2 вдвое дважды двойной удвоил удвоилось; x3 втрое трижды тройной; n2 второй второе вторая втором вторую;
    n3 третий третье третья третьем третью; n4 четвертый четвёртый четвертая; n5 пятый пятая пятой пятую пятом пятого; n4 четвёртой четвёртом четвёртую четвертой четвертом; n6 шестой шестая шестое шестую шестом; n7 седьмой седьмая седьмое седьмую седьмом; n8 восьмой восьмая восьмое восьмую восьмом; n9 девятый девятая девятой девятую; n10 десятый десятая десятой десятую десятом; n11 одиннадцатый одиннадцатой; n12 двенадцатый двенадцатая двенадцатой; n20 двадцатый двадцатой; o2 пара пару пары`,
};

const WORDS: ReadonlyMap<string, ReadonlyMap<string, NumberWord>> = new Map(
  Object.entries(TABLES).map(([lang, table]) => [lang, parseTable(table)]),
);

/** What a word says about numbers in a language, if anything. */
export function numberWord(lower: string, lang: string): NumberWord | undefined {
  const word = WORDS.get(lang)?.get(lower);
  if (word !== undefined || lang !== "de" || lower.length > 40) return word;
  const value = compoundOf(lower);
  return value === null ? undefined : { kind: "u", value };
}

function parseTable(table: string): Map<string, NumberWord> {
  const words = new Map<string, NumberWord>();
  for (const line of table.split(";")) {
    const [head, ...spellings] = line.trim().split(/\s+/);
    const kind = KINDS.find((known) => head!.startsWith(known));
    if (kind === undefined) throw new Error(`no kind of number word in "${line}"`);
    const value = Number(head!.slice(1));
    for (const spelling of spellings) words.set(spelling, { kind, value });
  }
  return words;
}

/** einundzwanzig, zweihundert, dreitausendfünfhundert: parts by greedy longest match; null for other words. */
function germanCompound(word: string): number | null {
  const parts = WORDS.get("de")!;
  let total = 0;
  let group = 0;
  let at = 0;
  let found = 0;
  while (at < word.length) {
    if (word.startsWith("und", at) && found > 0) {
      at += 3;
      continue;
    }
    let length = Math.min(8, word.length - at);
    let part: NumberWord | undefined;
    for (; length >= 3; length--) {
      const piece = word.slice(at, at + length);
      part = piece === "ein" ? { kind: "u", value: 1 } : parts.get(piece);
      if (part?.kind === "u" || part?.kind === "m") break;
      part = undefined;
    }
    if (part === undefined) return null;
    found++;
    at += length;
    if (part.kind === "u") group += part.value;
    else if (part.value === 100) group = (group || 1) * 100;
    else {
      total += (group || 1) * part.value;
      group = 0;
    }
  }
  return found > 1 ? total + group : null;
}

const compoundOf = remembered(germanCompound);

const HAN_DIGITS = "〇一二三四五六七八九";
const HAN_SCALES: Readonly<Record<string, number>> = {
  十: 10,
  百: 100,
  千: 1000,
  万: 1e4,
  萬: 1e4,
  亿: 1e8,
  億: 1e8,
};

/** A run of Chinese numerals: 一百二十 -> 120, 三万五千 -> 35000, 二〇二四 -> 2024, 两 -> 2, 半 -> 0.5. */
export function hanNumber(run: string): number {
  let total = 0;
  let section = 0;
  let digit = 0;
  let hasDigit = false;
  let half = 0;
  for (const sign of run) {
    const scale = HAN_SCALES[sign];
    if (sign === "半") half = 0.5;
    else if (scale === undefined) {
      const value = "两兩".includes(sign) ? 2 : Math.max(0, HAN_DIGITS.indexOf(sign));
      // Digits in a row are positional, as in years.
      digit = hasDigit ? digit * 10 + value : value;
      hasDigit = true;
    } else if (scale < 1e4) {
      section += (hasDigit ? digit : 1) * scale;
      digit = 0;
      hasDigit = false;
    } else {
      total = (total + section + digit || 1) * scale;
      section = 0;
      digit = 0;
      hasDigit = false;
    }
  }
  return total + section + digit + half;
}
