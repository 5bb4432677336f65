// Words that turn a question into its opposite, as data. A line holds two sides parted by "|"; a star marks a stem.
import { remembered } from "./memory.ts";

const LATIN = `enabl*|disabl*
activat*|deactivat* inactiv*
with|without
before|after
increas* rais* grow* rise rises rising rose risen|decreas* reduc* lower* lessen* declin* shrink* drop drops dropped dropping fall falls falling fell fallen
gain gains gained gaining|lose loses lost losing loss losses
hot warm warmer hotter|cold cool cooler colder
maximum max maximal maximi* most highest largest biggest greatest|minimum min minimal minimi* least lowest smallest fewest
more|less fewer
first|last
buy* bought purchas*|sell* sold
discount* rebate*|surcharge* markup*
synonym*|antonym*
once|repeatedly twice
creat*|delet* destroy*
nearest closest|farthest furthest
plus|minus
sum add* addier* sumar suma слож* сумм*|subtract* difference subtrah* differenz restar resta вычти* разност*
freez* froze* gefrier* congela* замерз*|boil* melt* sied* koch* hierve hervir кип* плав*
ahead|behind
excess* surplus overdose|deficien* lack* shortage missing
longitud*|latitud*
raw uncooked|cooked
captur* conquer*|defend*
includ*|exclud*
import*|export*
add adds added adding|remov* delet* subtract*
open opens opened opening|clos*
start starts started starting begin* began|stop stops stopped stopping end ends ended ending finish*
allow* permit*|forbid* prohibit* prevent* block blocks blocked blocking ban bans banned deny denies denied
accept*|reject* refus* declin*
win wins won winning|lose loses lost losing
encod*|decod*
encrypt*|decrypt*
compress*|decompress* uncompress* extract*
upload*|download*
install*|uninstall*
connect*|disconnect*
lock locks locked locking|unlock*
mount mounts mounting mounted|unmount*
attach*|detach*
push pushes pushing pushed|pull pulls pulling pulled
send sends sent sending|receiv*
read reads reading|write writes writing wrote written
input inputs|output outputs
ascending ascend|descending descend
asc|desc
upper uppercase|lower lowercase
top|bottom
left|right
up|down
above over|below under beneath
inside indoor indoors|outside outdoor outdoors
internal*|external*
public publicly|private privately
true|false
legal* lawful|illegal* unlawful
safe safely safer|unsafe dangerous danger*
good best better|bad worst worse
pros advantag* benefit* strength*|cons disadvantag* drawback* weakness* downside*
like likes liked|dislike dislikes hate hates hated
love loves loved|hate hates hated
strong* |weak*
fast faster fastest quick* speed*|slow*
big bigger large larger|small smaller tiny little
high higher|low lower
long longer longest|short shorter shortest
old older oldest|new newer newest young younger youngest
early earlier earliest|late later latest
rich richer wealthy|poor poorer
easy easier easiest easily|hard harder hardest difficult*
cheap cheaper cheapest|expensive
full|empty
male man men boy boys husband father son brother|female woman women girl girls wife mother daughter sister
positive positively|negative negatively
pass passes passed passing|fail fails failed failing
success* succeed*|fail* unsuccess*
agree agrees agreed|disagree*
appear*|disappear*
arriv*|depart* leav*
borrow*|lend* lent
debit*|credit*
asset assets|liabilit*
deposit*|withdraw*
even|odd
north northern|south southern
east eastern|west western
cause causes caused|cure cures cured
problem problems|solution solutions
question questions|answer answers
always|never
all every everyone everybody|none nobody
login|logout
sunrise|sunset
day daytime|night nighttime
summer|winter
wet|dry
clockwise|counterclockwise anticlockwise
synchronous* sync|asynchronous* async
serial* |deserial* parallel*
static|dynamic
horizontal*|vertical*
import|export
parent parents|child children
server|client
front frontend|back backend
gross|net
multiply* multipli*|divid*
aktivier* einschalt*|deaktivier* ausschalt* abschalt*
mit|ohne
vor vorher|nach nachher
erhöh* steiger* vergrößer* zunehm*|verringer* senk* reduzier* verkleiner* abnehm*
kauf* |verkauf*
heiß* warm*|kalt*
maximal* höchst* größt*|minimal* niedrigst* kleinst*
mehr|weniger
erste ersten erster erstes zuerst|letzte letzten letzter letztes zuletzt
einschließ*|ausschließ*
importier*|exportier*
hinzufüg* |entfern* lösch*
öffn*|schließ*
anfang* beginn* start*|aufhör* end* beend*
erlaub*|verbiet* verbot*
gut gute guten besser beste|schlecht* schlimm*
vorteil* |nachteil*
groß* |klein*
hoch hohe hohen höher|niedrig* tief*
schnell*|langsam*
alt alte alten älter|neu neue neuen jung junge jünger
billig* günstig*|teuer* teure*
links|rechts
oben|unten
activ* habilit*|desactiv* désactiv* deshabilit* inhabilit*
con|sin
antes|después
aumenta* increment* sub*|disminu* reduc* baja*
comprar compro compra|vender vendo vende venta
caliente calor|frío
máxim* mayor|mínim* menor
más|menos
primer primero primera|últim*
inclu*|exclu*
importa*|exporta*
agrega* añad*|elimin* borra* quita*
abrir abre|cerrar cierra
empeza* comenza* inici*|termin* acaba* deten*
bueno buena mejor|malo mala peor
ventaja*|desventaja*
grande grandes|pequeñ*
alto alta|bajo baja
rápid*|lent*
izquierda|derecha
arriba|abajo
avec|sans
avant|après
augment* |diminu* rédui* baiss*
acheter achat achète|vendre vente vend
chaud* |froid*
plus|moins
premier première|dernier dernière
ajouter|supprimer retirer enlever
ouvrir|fermer
avantage*|inconvénient*
включ* вкл|выключ* отключ* выкл
с со|без
до перед|после
увелич* повыс* повыш* раст*|уменьш* пониз* пониж* сниз* сниж*
купи* покуп*|прода*
горяч* жарк* тёпл* тепл*|холодн*
максимальн* максимум больш* наибольш*|минимальн* минимум меньш* наименьш*
больше более|меньше менее
перв*|последн*
импорт*|экспорт*
добав*|удал* убра*
откры*|закры*
нача* начин*|законч* конч* останов*
разреш*|запре*
хорош* лучш*|плох* худш*
преимуществ* плюс* |недостат* минус*
высок* выше|низк* ниже
быстр*|медленн*
нов* молод*|стар*
дешев*|дорог* дорож*
лев*|прав*
вверх|вниз`;

/** Chinese has no spaces, so its pairs are looked for in the text itself. Longer words come first. */
const CHINESE = `启用 开启 打开 激活|禁用 停用 关闭 关掉
增加 提高 增大 上升 增长|减少 降低 减小 下降
最大 最多 最高|最小 最少 最低
之前 以前 前面|之后 以后 后面
购买 买入 买|出售 卖出 卖
导入 进口|导出 出口
第一 首个 最早|最后 最终 最晚
包括 包含|排除 不含
添加 加入|删除 移除
开始|结束 停止
允许|禁止 不准
优点 优势 好处|缺点 劣势 坏处
热|冷
上传|下载
加密|解密
安装|卸载
登录|登出 注销
左|右
东|西
南|北
更多|更少
安全|危险
合法|非法 违法
快|慢
便宜|贵
大于|小于
公开|私有
输入|输出`;

/** Two-word forms where the small word turns the meaning: "log in", "log out". */
const PARTICLES: readonly (readonly [string, string])[] = [
  ["in", "out"],
  ["on", "off"],
];

export interface Side {
  readonly pair: number;
  readonly side: 0 | 1;
}

const EXACT = new Map<string, Side[]>();
const STEMS = new Map<string, Side[]>();
const LONGEST_STEM = 16;

for (const [pair, line] of LATIN.split("\n").entries())
  for (const [side, words] of line.split("|").entries())
    for (const word of words.trim().split(/\s+/)) {
      const isStem = word.endsWith("*");
      const table = isStem ? STEMS : EXACT;
      const key = isStem ? word.slice(0, -1) : word;
      const sides = table.get(key) ?? [];
      sides.push({ pair, side: side === 0 ? 0 : 1 });
      table.set(key, sides);
    }

/** What stems begin with: most words are no form of any. */
const BEGINNINGS = new Set([...STEMS.keys()].map((stem) => stem.slice(0, 2)));
const NO_SIDES: readonly Side[] = [];

/** The pairs a word belongs to and its side in each. The longest stem wins: "deaktiviert" is no form of "akt...". */
export const sidesOf = remembered((lower: string): readonly Side[] => {
  const exact = EXACT.get(lower);
  if (exact !== undefined) return exact;
  if (!BEGINNINGS.has(lower.slice(0, 2))) return NO_SIDES;
  for (let length = Math.min(LONGEST_STEM, lower.length); length >= 2; length--) {
    const sides = STEMS.get(lower.slice(0, length));
    if (sides !== undefined) return sides;
  }
  return NO_SIDES;
});

const PHRASAL = new Set(
  (
    "log logs logged logging sign signs signed signing check checks checked checking turn turns turned turning switch switches " +
    "switched switching opt opts opted opting zoom zooming move moving clock plug plugged put putting take taking lock locked " +
    "phase fade step come coming go going get getting power powering lights"
  ).split(" "),
);

/** What a two-word form says: "turn on" and "turn off" are the sides of one pair. */
export function particleSide(verb: string, particle: string): { key: string; side: 0 | 1 } | null {
  if (!PHRASAL.has(verb)) return null;
  for (const [first, second] of PARTICLES)
    if (particle === first || particle === second)
      return { key: `${verb} ${first}/${second}`, side: particle === first ? 0 : 1 };
  return null;
}

export const CHINESE_PAIRS: readonly (readonly [readonly string[], readonly string[]])[] =
  CHINESE.split("\n").map((line) => {
    const [one, other] = line.split("|");
    return [one!.split(" "), other!.split(" ")];
  });
