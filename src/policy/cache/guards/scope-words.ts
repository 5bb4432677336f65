// Small words that say how much of a thing is meant, how far, from when and whose: at least, all, only, before, former.
import { type Marks, booksFrom, exchanged, oneSided } from "./phrase-book.ts";
import { type Token } from "./tokens.ts";

const EN = `-/: how_many how_much not_only only_if at_all all_right after_all first_of_all one_of no_one
bound/at least: at_least no_less_than no_fewer_than not_less_than a_minimum_of or_more
bound/at most: at_most no_more_than not_more_than up_to a_maximum_of or_less or_fewer
amount/all: all every each everything everyone everybody entire whole
amount/most: most_of the_majority mostly
amount/some: some several certain
amount/one: one single
vague/few: few a_few a_little little a_couple_of a_handful
vague/many: many lots a_lot plenty numerous much
only: only solely exclusively merely
except: except excluding everything_but all_but apart_from other_than aside_from
another: another
past holder: former previous previously ex
next: next upcoming
time/before: before prior_to beforehand
time/after: after afterwards following
time/during: during while
end/first: first initial earliest
end/last: last final
superlative/fastest: fastest quickest
superlative/cheapest: cheapest
superlative/easiest: easiest simplest
superlative/safest: safest
superlative/shortest: shortest
superlative/longest: longest
superlative/largest: largest biggest
superlative/strongest: strongest
superlative/oldest: oldest
superlative/healthiest: healthiest
statistic/average: average mean typical
statistic/median: median
statistic/minimum: minimum
statistic/maximum: maximum
statistic/total: total
often/always: always
often/sometimes: sometimes occasionally
often/rarely: rarely seldom
duty/must: must required obliged mandatory
duty/may: may allowed permitted
side/with: with
side/without: without`;

const DE = `-/: wie_viele nicht_nur vor_allem auf_einmal wie_viel
bound/at least: mindestens wenigstens nicht_weniger_als zumindest
bound/at most: höchstens nicht_mehr_als bis_zu
amount/all: alle allen aller alles jede jeder jedes jeden jedem sämtliche ganze ganzen
amount/most: die_meisten meisten mehrheit
amount/some: einige einigen manche manchen mehrere
amount/one: einzelne einzelnen einziges einzigen
vague/few: ein_paar wenige wenigen wenig
vague/many: viele vielen zahlreiche
only: nur bloß lediglich ausschließlich
except: außer ausgenommen abgesehen
another: anderer anderes noch_ein noch_eine noch_einen weiterer weiteres
past holder: vorige voriger vorigen ehemalige* frühere früherer früheren damalige*
next: nächste nächster nächsten nächstes kommende kommenden
time/before: vor vorher bevor
time/after: nach nachdem danach
time/during: während
end/first: erste ersten erster erstes zuerst
end/last: letzte letzten letzter letztes zuletzt
superlative/fastest: schnellste*
superlative/cheapest: billigste* günstigste*
superlative/easiest: einfachste* leichteste*
superlative/safest: sicherste*
superlative/shortest: kürzeste*
superlative/longest: längste*
superlative/largest: größte*
superlative/strongest: stärkste*
superlative/oldest: älteste*
statistic/average: durchschnitt*
statistic/minimum: mindest* minimal*
statistic/maximum: höchst* maximal*
statistic/total: gesamt*
often/always: immer stets
often/sometimes: manchmal gelegentlich
often/rarely: selten`;

const ES = `-/: cuántos cuántas no_solo por_todo sobre_todo de_todo a_menos
bound/at least: al_menos por_lo_menos como_mínimo no_menos_de
bound/at most: como_máximo a_lo_sumo no_más_de
amount/all: todo toda todos todas cada cualquier
amount/most: la_mayoría mayoría
amount/some: algunos algunas varios varias
amount/one: una_sola un_solo única único
vague/few: unos_pocos pocos pocas poco
vague/many: muchos muchas mucho
only: solo sólo solamente únicamente
except: excepto salvo aparte_de
another: otro otra
past holder: ex anterior antiguo expresidente
next: siguiente
time/before: antes
time/after: después tras
time/during: durante
place/inside: dentro
place/outside: fuera
superlative/fastest: más_rápido más_rápida más_rápidos
superlative/cheapest: más_barato más_barata más_económico más_económica
superlative/easiest: más_fácil más_sencillo más_sencilla
superlative/safest: más_seguro más_segura
superlative/largest: más_grande
superlative/strongest: más_fuerte
superlative/tallest: más_alto más_alta
superlative/longest: más_largo más_larga
superlative/shortest: más_corto más_corta
statistic/average: medio media promedio
statistic/minimum: mínim*
statistic/maximum: máxim*
often/always: siempre
often/sometimes: a_veces`;

const FR = `-/: combien pas_seulement tout_de_suite avant_tout pas_du_tout tout_à_fait surtout
bound/at least: au_moins au_minimum pas_moins_de
bound/at most: au_plus au_maximum pas_plus_de tout_au_plus
amount/all: tout toute tous toutes chaque
amount/most: la_plupart majorité
amount/some: certains certaines quelques plusieurs
amount/one: un_seul une_seule
vague/few: peu quelques
vague/many: beaucoup nombreux
only: seulement uniquement exclusivement
except: sauf excepté hormis à_part
another: un_autre une_autre
past holder: ancien ancienne précédent précédente ex
next: prochain prochaine suivant suivante
time/before: avant
time/after: après
time/during: pendant durant lors
place/inside: dans_l'union intérieur
place/outside: hors extérieur
superlative/fastest: plus_rapide
superlative/cheapest: moins_cher moins_chère
superlative/easiest: plus_simple plus_facile
superlative/safest: plus_sûr
superlative/largest: plus_grand plus_grande
superlative/smallest: plus_petit plus_petite
superlative/longest: plus_long plus_longue
superlative/shortest: plus_court plus_courte
statistic/average: moyen moyenne
statistic/minimum: minimum minimal* minimale
statistic/maximum: maximum maximal*
often/always: toujours
often/sometimes: parfois`;

const RU = `-/: сколько не_только прежде_всего в_первую_очередь кроме_того
bound/at least: не_менее не_меньше как_минимум хотя_бы по_крайней_мере
bound/at most: не_более не_больше самое_большее максимум
amount/all: все всех всем всеми весь вся всё каждый каждая каждого каждую любой любая
amount/most: большинство большинства
amount/some: некоторые некоторых несколько нескольких
amount/one: один одна одну одного одной единственный
vague/few: мало немного
vague/many: много
only: только лишь исключительно
except: кроме исключением
another: другой другая другое другую ещё_один ещё_одну
past holder: бывш* прежн* предыдущ*
next: следующ* будущ*
time/before: перед
time/after: после
time/during: при во_время
end/first: перв*
end/last: последн*
superlative/fastest: быстрее_всего самый_быстрый
superlative/cheapest: дешевле_всего самый_дешёвый самый_дешевый
superlative/easiest: самый_простой
superlative/largest: самый_большой крупнейш*
superlative/tallest: самая_высокая самый_высокий
statistic/average: средн*
statistic/minimum: минимальн*
statistic/maximum: максимальн*
often/always: всегда
often/sometimes: иногда`;

const ZH = `-/: 多少 全部都 不只 不仅 只要 只有一 每次都
bound/at least: 至少 最少 起码 不少于 不低于 以上
bound/at most: 至多 最多 顶多 不超过 不多于 不高于 以下 以内
amount/all: 所有 全部 每个 一切 全体
amount/most: 大多数 大部分 多数
amount/some: 一些 有些 某些 部分
amount/one: 一个 一条 一张 一封 一项 一只 单个
vague/few: 少量 几个 一点
vague/many: 许多 大量 很多
only: 只 仅 仅仅 只有 唯一
except: 除了 以外 之外 除外
another: 另一 另外一
past holder: 前任 上一任 上任 以前的
next: 下一 下次 下一次 下一任
time/before: 之前 以前 前
time/after: 之后 以后 后
time/during: 期间
end/first: 第一 首个 开头
end/last: 最后 末尾 结尾
superlative/fastest: 最快
superlative/cheapest: 最便宜
superlative/easiest: 最简单 最容易
superlative/safest: 最安全
superlative/largest: 最大
superlative/smallest: 最小
superlative/highest: 最高
superlative/lowest: 最低
superlative/longest: 最长
superlative/shortest: 最短
superlative/strongest: 最强
superlative/weakest: 最弱
statistic/average: 平均
statistic/minimum: 最低
statistic/maximum: 最高
often/always: 总是 一直
often/sometimes: 有时`;

const bookFor = booksFrom({ en: EN, de: DE, es: ES, fr: FR, ru: RU, zh: ZH });

export const scopeWordsOf = (tokens: readonly Token[], lang: string): Marks =>
  bookFor(lang).read(tokens);

/** Two alternatives, one each. */
const EXCHANGED = "bound amount vague time end place superlative statistic often duty side".split(
  " ",
);
/** Said or not said. */
const PRESENT = ["only", "except", "another", "past holder", "next"];

/** Why two texts mean another part of the same thing, or null. Symmetric; certain only about texts alike in other words. */
export function scopeConflict(a: Marks, b: Marks): string | null {
  for (const group of EXCHANGED) {
    const conflict = exchanged(a, b, group);
    // "Some" and "one" are often said of the same.
    const isLoose = group === "amount" && conflict !== null && !/all|most/.test(conflict);
    if (conflict !== null && !isLoose) return conflict;
  }
  for (const group of PRESENT) {
    const conflict = oneSided(a, b, group);
    if (conflict !== null) return conflict;
  }
  return null;
}

/** "He has one" and "he has some": the same to most readers, not to one who counts. Symmetric. */
export const amountConflict = (a: Marks, b: Marks): string | null => exchanged(a, b, "amount");
