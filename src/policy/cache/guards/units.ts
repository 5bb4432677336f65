// Units of measure and currencies, as data: each line one unit and its spellings in the languages the guards read.
import { remembered } from "./memory.ts";

const TABLE = `second: s sec secs second seconds sekunde sekunden segundo segundos seconde secondes секунда секунды секунд 秒 秒钟
millisecond: ms millisecond milliseconds millisekunde millisekunden milisegundo milisegundos milliseconde millisecondes миллисекунда миллисекунды миллисекунд 毫秒
minute: min mins minute minutes minuten minuto minutos минута минуты минут минуту 分钟 分鐘
hour: h hr hrs hour hours stunde stunden hora horas heure heures час часа часов 小时 小時 时间
day: d day days daily tag tage tagen día días dia dias jour jours день дня дней 天 日
week: week weeks weekly woche wochen semana semanas semaine semaines неделя недели недель неделю 周 星期
month: month months monthly monat monate monaten mes meses mois месяц месяца месяцев 月
year: year years yearly yr yrs jahr jahre jahren año años ano anos an ans année années год года лет 年
decade: decade decades jahrzehnt jahrzehnte década décadas décennie décennies десятилетие
century: century centuries jahrhundert jahrhunderte siglo siglos siècle siècles век века веков 世纪
mm: mm millimeter millimeters millimetre millimetres миллиметр миллиметров 毫米
cm: cm centimeter centimeters centimetre centimetres zentimeter centímetro centímetros centimètre centimètres сантиметр сантиметров сантиметрах 厘米
m: m meter meters metre metres metro metros mètre mètres метр метра метров 米
km: km kms kilometer kilometers kilometre kilometres kilometern kilómetro kilómetros kilomètre kilomètres км километр километра километров километрах 公里
inch: inch inches zoll pulgada pulgadas pouce pouces дюйм дюйма дюймов дюймах 英寸
foot: ft foot feet fuß pies pieds фут фута футов 英尺
yard: yd yard yards ярд ярдов
nautical mile: seemeile seemeilen морская морскую морских 海里
mile: mi mile miles meile meilen milla millas миля мили миль 英里
mg: mg milligram milligrams milligramm miligramo miligramos milligramme milligrammes мг миллиграмм миллиграмма миллиграммов 毫克
g: g gr gram grams gramm gramo gramos gramme grammes грамм грамма граммов 克
kg: kg kgs kilo kilos kilogram kilograms kilogramm kilogramos kilogramo kilogramme kilogrammes килограмм килограмма килограммов килограммах кг 公斤 千克
ton: ton tons tonne tonnes tonnen toneladas тонна тонны тонн 吨
ounce: oz ounce ounces unze unzen onza onzas унция унций 盎司
pound: lb lbs pound pounds £ gbp pfund libra libras livre livres фунт фунта фунтов 磅 英镑
ml: ml milliliter milliliters millilitre millilitres mililitro mililitros миллилитр миллилитра миллилитров мл 毫升
liter: l liter liters litre litres litro litros литр литра литров 升
gallon: gal gallon gallons galón galones галлон галлона галлонов 加仑
pint: pint pints pinte
cup: cup cups tasse tassen taza tazas стакан стакана стаканов
tablespoon: tbsp tablespoon tablespoons esslöffel cucharada cucharadas
teaspoon: tsp teaspoon teaspoons teelöffel cucharadita cucharaditas
hectare: ha hectare hectares hektar hectárea hectáreas гектар гектара гектаров 公顷
acre: acre acres акр акров 英亩
celsius: celsius centigrade 摄氏 摄氏度 цельсия цельсию
fahrenheit: fahrenheit 华氏 华氏度 фаренгейта фаренгейту
kelvin: kelvin kelvins кельвин кельвина кельвинов кельвинах 开尔文
bit: bit bits бит бита битов
kilobit: kbit kbits kilobit kilobits
megabit: mbit mbits megabit megabits мегабит мегабита
gigabit: gbit gbits gigabit gigabits гигабит гигабита
byte: b byte bytes octet octets байт байта байтов
kb: kb kilobyte kilobytes килобайт килобайте килобайта 千字节
kibibyte: kib kibibyte kibibytes kibioctet kio
mb: mb megabyte megabytes мегабайт мегабайта
mebibyte: mib mebibyte mebibytes
gibibyte: gib gibibyte gibibytes
gb: gb gigabyte gigabytes гигабайт гигабайта гб
tb: tb tib terabyte terabytes
dollar: $ usd dollar dollars dólar dólares доллар доллара долларов 美元 刀
cent: cent cents
euro: € eur euro euros евро 欧元
yen: ¥ yen jpy 日元 円
yuan: yuan rmb cny 元 人民币 块
hong kong dollar: hkd 港币 港元
ruble: ₽ rub рубль рубля рублей
rupee: ₹ rs rupee rupees inr
franc: chf franc francs franken franco francos франк франков 法郎
peso: peso pesos песо
zloty: pln zloty złoty злотый
krona: krone kronen krona coronas couronnes крон
won: krw won вон 韩元
lira: lira lire лира лир
real: brl reais
bitcoin: btc bitcoin
calorie: kcal calorie calories kalorie kalorien caloría calorías калория калорий калории 卡路里 千卡 大卡
joule: joule joules джоуль julios 焦耳
kj: kj kilojoule kilojoules килоджоуль kilojulios 千焦
mj: mj megajoule megajoules мегаджоуль megajulios 兆焦
watt: w watt watts вт ватт 瓦 瓦特
kw: kw kilowatt kilowatts киловатт kilovatios 千瓦
kwh: kwh kilowattstunde kilowattstunden 千瓦时 度电
megawatt: mw megawatt megawatts мегаватт megavatios
mph: mph
am: am
pm: pm`;

const SPELLINGS: ReadonlyMap<string, string> = new Map(
  TABLE.split("\n").flatMap((line) => {
    const [unit, spellings] = line.split(": ");
    return spellings!.split(" ").map((spelling): [string, string] => [spelling, unit!]);
  }),
);

/** Said about every second thing ("every day", "years ago"): they count only when attached to a number. */
const TIMES = new Set(["second", "minute", "hour", "day", "week", "month", "year", "am", "pm"]);

const PER = new Set([
  "per",
  "each",
  "every",
  "pro",
  "je",
  "por",
  "cada",
  "par",
  "в",
  "за",
  "на",
  "每",
]);

/** One word for "every hour". */
const HABITS: ReadonlyMap<string, string> = new Map(
  (
    "hour:hourly stündlich ежечасно|day:daily täglich diariamente quotidiennement ежедневно|" +
    "week:weekly wöchentlich semanalmente hebdomadaire еженедельно|" +
    "month:monthly monatlich mensualmente mensuel mensuelle ежемесячно|" +
    "year:yearly annually jährlich anualmente annuel annuelle ежегодно"
  )
    .split("|")
    .flatMap((line) => {
      const [unit, words] = line.split(":");
      return words!.split(" ").map((word): [string, string] => [word, `per ${unit}`]);
    }),
);

/** "per hour": the time or measure that a price, a speed or a habit is counted by. */
export function rateOf(word: string, next: string | undefined): string | undefined {
  const habit = HABITS.get(word);
  if (habit !== undefined) return habit;
  const unit = next === undefined || !PER.has(word) ? undefined : SPELLINGS.get(next);
  return unit === undefined ? undefined : `per ${unit}`;
}

/** A Russian word's case and number, from the longest ending on. */
const RUSSIAN_ENDING = /(?:ами|ями|ах|ях|ов|ев|ам|ям|ой|ом|ем|ей|ью|и|ы|а|я|у|ю|е|ь)$/;

/** Russian spellings without their endings, where that leaves something that tells units apart. */
const RUSSIAN_STEMS: ReadonlyMap<string, string> = new Map(
  [...SPELLINGS]
    .filter(([spelling]) => /^[а-яё]{4,}$/.test(spelling))
    .map(([spelling, unit]) => [spelling.replace(RUSSIAN_ENDING, ""), unit]),
);

/** The unit a word names, when it stands beside a number. */
export const unitOf = remembered((lower: string): string | undefined => {
  const unit = SPELLINGS.get(lower);
  if (unit !== undefined || !/^[а-яё]{4,}$/.test(lower)) return unit;
  const stem = lower.replace(RUSSIAN_ENDING, "");
  return stem.length >= 3 ? RUSSIAN_STEMS.get(stem) : undefined;
});

/** The unit a word names anywhere in a text: "in miles". One-letter spellings and times are left out. */
export function standaloneUnitOf(lower: string): string | undefined {
  const unit = unitOf(lower);
  const isLoose = lower.length === 1 && /[a-z\p{Script=Han}]/u.test(lower);
  return unit === undefined || isLoose || TIMES.has(unit) ? undefined : unit;
}
