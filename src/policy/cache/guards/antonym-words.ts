// Further pairs of opposites by language, as data: a line holds two sides parted by "|"; "_" joins the words of a phrase, "*"
// stands for any ending. What several languages share stands in opposites.ts.

const EN = `soft soften|hard harden
accept acceptance accepting agree approve approval|decline declining refuse refusal reject rejection deny
expand expanding expansion|contract shrink contraction
enter entering|leave leaving exit exiting
sitting sit seated|standing stand lying
approved granted|rejected denied refused
raise raising|lower lowering
quit quitting stop stopping stopped gave_up|start starting started took_up resume resuming
rich|poor low
adult adults grown-up|child children baby toddler kitten puppy infant teen
employ hire hiring hired|fire firing fired dismiss
fiction|nonfiction non-fiction
single unmarried|married
vegetarian vegan|meat
dominant|recessive
domestic|international foreign
online|offline in-store in_store in_person
carry|check_in
used second-hand secondhand|new brand-new
recursion recursive recursively|iteration iterative iteratively
blocking|non-blocking nonblocking
local|remote
minor|major
majority|minority
singular|plural
active|passive
transitive|intransitive
concave|convex
acid acidic|alkaline base
solid|liquid gas
evaporate evaporation|condense condensation
melt melting|freeze freezing
inhale|exhale
supply|demand
profit profits|loss losses
revenue income|expense expenses cost costs
gross|net
lender lend|borrower borrow
tenant tenants|landlord landlords owner
buyer|seller
plaintiff|defendant
guilty|innocent
employer employers|employee employees
visible show|hidden hide invisible
undo|redo
mute|unmute
follow|unfollow
subscribe|unsubscribe
zip compress|unzip decompress
wake wake_up|sleep fall_asleep
gain gaining put_on|lose losing
sweet|sour bitter salty
thick|thin
wide|narrow
deep|shallow
loud louder|quiet quieter silent
bright brighter|dark darker dim
rough|smooth
tight|loose
fresh|frozen canned dried stale
raw|cooked
partial partially part-time|full full-time fully
temporary|permanent
voluntary|mandatory compulsory
formal|informal casual
polite|rude blunt
serious|funny
optimistic|pessimistic
arrive arrival arriving|depart departure departing
takeoff take_off|landing land
forward|back backward
upgrade upgrading|downgrade downgrading
promote|demote
invest|withdraw divest
save saving|spend spending waste
earn|spend
import|export
sunrise|sunset
inner|outer
odd|even
prime|composite
hypothyroidism|hyperthyroidism
hypoglycemia hypoglycaemia|hyperglycemia hyperglycaemia
hypotension|hypertension
diarrhea diarrhoea|constipation
benign|malignant
acute|chronic
left-handed|right-handed`;

const DE = `hart hartes harte|weich weiches weiche
kurz kurze kurzen kurzer kurzes|lang langen langer langes
zusage zusagen annahme annehmen akzept*|absage absagen ablehnung ablehn*
genehmigt* bewilligt*|abgelehnt* verweigert*
ausdehn* ausgedehnt expandier*|zusammenzieh* schrumpf*
aufhör* aufgehört|anfang* angefang* begonnen
arm arme armen|reich reiche reichen reichlich
erwachsene* |kind kinder kindern baby jugendlich*
einstell* |entlass*
ledig|verheiratet
vegetarisch* vegan*|fleisch
rekursion rekursiv*|iteration iterativ*
lokal lokale lokalen|entfernt* remote
online|offline laden
gebraucht* |neuwertig
sitzen sitze sitzend|stehen stehe stehend liegen liege
betreten|verlassen
einatmen|ausatmen
einzahl singular|mehrzahl plural
aktiv|passiv
angebot|nachfrage
gewinn gewinne|verlust verluste
einnahmen einkommen|ausgaben kosten
brutto|netto
leihen verleihen|ausleihen
vermieter*|mieter mieterin mietern
käufer|verkäufer
kläger|beklagte*
schuldig|unschuldig
sichtbar anzeigen einblenden|unsichtbar ausblenden verstecken
abonnieren|abbestellen
zunehmen|abnehmen
süß|sauer bitter salzig
dick dicke|dünn dünne
breit breite|schmal schmale
laut lauter|leise leiser
hell|dunkel
frisch* |gefroren* getrocknet*
roh rohe|gekocht* gegart*
teilzeit|vollzeit
befristet* |unbefristet*
freiwillig|verpflichtend pflicht
formell höflich*|informell unhöflich*
ankunft ankommen|abfahrt abflug abfahren
hin|zurück
stark starke|schwach schwache
gesund|ungesund krank
krank|gesund
gerade|ungerade
innen|außen
nord|süd
ja|nein
einpacken|auspacken
ein|aus
anziehen|ausziehen
import|export
niedrig* |hoch hohe hohen hoher
steigen steigt|fallen fällt sinken sinkt
legal erlaubt|illegal verboten
männer mann|frauen frau
junge|mädchen
heiraten|scheiden
akut|chronisch
durchfall|verstopfung
unterzucker*|überzucker*
geburt|tod`;

const ES = `duro|blando pasado
rico ricos rica ricas|pobre pobres
dejar dejé dejo deja dejado|empezar empecé empiezo empieza comenzar comencé
aceptar acepto aceptación aceptando|rechazar rechazo rechazando declinar
aprobado aprobada|rechazado rechazada denegado denegada
expandir expandirá|contraer contraerá encoger
sentado sentada|parado parada pie tumbado tumbada acostado
entrar entro|salir salgo
adulto adultos|niño niños bebé bebés
contratar|despedir
soltero|casado
vegetariano vegetariana|carne
recursión recursivo|iteración iterativo
local locales|remoto remota
mano cabina|facturado bodega facturar
singular|plural
activo activa|pasivo pasiva
oferta|demanda
ganancia ganancias beneficio beneficios|pérdida pérdidas
ingresos|gastos
bruto|neto
prestar presto|pedir_prestado
inquilino inquilinos|casero propietario
comprador|vendedor
visible mostrar|oculto ocultar
suscribirse|darse_de_baja
alta|baja
engordar|adelgazar
dulce|salado amargo ácido
grueso gruesa|delgado fino fina
ancho ancha|estrecho estrecha
ruidoso|silencioso
claro|oscuro
fresco fresca|congelado congelada seco
crudo cruda|cocido cocida
temporal|permanente indefinido fijo
voluntario|obligatorio
formal|informal
llegar llegada llego|salir salida
ida|vuelta
fuerte|débil
sano saludable|enfermo dañino
par|impar
interior|exterior
dentro|fuera
legal|ilegal
hombre hombres|mujer mujeres
agudo|crónico
diarrea|estreñimiento
subir sube|bajar baja
ganar|perder
dar|quitar
poner|quitar
encender enciendo|apagar apago
mostrar|ocultar
vacío|lleno
nacer nació|morir murió
legible|ilegible
hipertensión|hipotensión
hipoglucemia|hiperglucemia`;

const FR = `dur dure|mou molle
assis assise|debout allongé
arrêté arrêter arrête arrêt|commencé commencer commence début repris reprendre
accepter acceptation accepte|refuser refus refuse décliner rejeter
refuser refuse|imposer impose
dilater|contracter
riche riches|pauvre pauvres
adulte adultes|enfant enfants bébé chaton
embaucher|licencier
célibataire|marié mariée
végétarien végétarienne|viande
récursion récursif|itération itératif
local locale locaux|distant distante
entrer entre_dans|sortir quitter
singulier|pluriel
actif active|passif passive
offre|demande
bénéfice bénéfices profit|perte pertes
revenus recettes|dépenses charges
brut bruts|net nets
prêter prête prêté|emprunter emprunte emprunté
locataire locataires|propriétaire bailleur
acheteur|vendeur
visible afficher|masquer caché invisible
s'abonner|se_désabonner
grossir prendre_du_poids|maigrir perdre_du_poids
sucré sucrée|salé salée amer
épais épaisse|mince fin fine
large|étroit étroite
bruyant|silencieux
clair claire|sombre foncé
frais fraîche|surgelé congelé sec
cru crue|cuit cuite
temporaire|permanent définitif
volontaire|obligatoire
formel|informel
arriver arrivée|partir départ
aller|retour
fort forte|faible
sain saine|malade malsain
pair|impair
intérieur|extérieur
légal|illégal
homme hommes|femme femmes
aigu|chronique
diarrhée|constipation
monter monte|descendre descend
gagner|perdre
allumer|éteindre
remplir plein|vider vide
petit petite|grand grande
court courte|long longue
haut haute|bas basse
bon meilleur|mauvais pire
rapide|lent lente
cher chère|bon_marché
ville agglomération|campagne hors_agglomération
augmenter augmentons hausse|baisser baissons baisse diminuer
naissance|mort décès
imposé|facultatif
hypoglycémie|hyperglycémie`;

const RU = `твёрд* тверд* вкрутую|мягк* всмятку
согласи*|отказ*
принять принятие прими|отклон* отказ*
бросил бросила бросить бросаю|начал начала начать начинаю
удал* |созда*
созда* |удал*
закры*|восстанов* откры*
взросл*|котён* котен* щен* ребён* ребен* дет* детск*
богат*|бедн*
расшир*|сжима* сжат*
сидя сижу сидеть|стоя стою стоять лёжа лежу
войти вход*|выйти выход*
нанять|уволить
женат* замужем|холост* незамужн*
вегетариан*|мясо мяса мясн*
рекурс*|итерац*
локальн*|удалённ* удаленн*
можно|нельзя
есть имеются имеет|нет отсутству*
единственн*|множественн*
спрос*|предложени*
прибыл*|убыт*
доход*|расход*
одолжить|занять
арендодател*|арендатор*
видим*|скрыт* невидим*
показать|скрыть
подписаться|отписаться
набрать потолстеть|похудеть сбросить
сладк*|солён* солен* горьк* кисл*
толст*|тонк*
широк*|узк*
громк*|тих*
светл*|тёмн* темн*
свеж*|заморож* сушён*
сыр* сырой|варён* варен* жарен*
временн*|постоянн* бессрочн*
доброволь*|обязательн*
официальн* формальн*|неформальн*
прибы* прилёт* приезд*|отбы* вылет* отъезд* отправл*
туда|обратно
сильн*|слаб*
здоров*|больн*
чётн* четн*|нечётн* нечетн*
внутр*|наруж* внешн*
законн*|незаконн*
мужчин* мужск*|женщин* женск*
остр*|хронич*
диаре* понос*|запор*
поднять подня*|опустить опуст*
выиграть|проиграть
полн*|пуст*
желте*|красне*
православн*|католич*
рожд* родил*|смерт* умер*
запусти* запуска*|остановить останавлива*
длинн*|коротк*
вежлив*|груб*`;

const ZH = `接受 同意|拒绝 谢绝 婉拒
停止 关掉 停掉|启动 开启
种 播种 栽|收 收获 采摘
降 降低 下降|升 升高 上升
男方 男性 男人|女方 女性 女人
最强|最弱
带上 随身 手提|托运
软 溏心|硬 全熟
大人 成人 成年|小孩 儿童 孩子 婴儿 幼
递归|迭代 循环
本地|远程
线上 网购 网上|线下 实体店
坐着 久坐|站着 久站
进入|离开 退出
吸入|呼出
单数|复数
供给|需求
盈利 利润|亏损
收入|支出 费用
税前|税后
借给 出借|借入 借用
房东|租客 租户
买家 买方|卖家 卖方
显示|隐藏
订阅|取消订阅
增重 增肥 长胖|减肥 减重 瘦
甜|咸 苦 酸
厚|薄
宽|窄
吵|安静
亮|暗
新鲜|冷冻
生吃 生的|煮熟 熟的
临时|永久 长期
自愿|强制 必须
正式|非正式
到达 抵达|出发 离港
去程|返程
强|弱
偶数|奇数
室内|室外 户外
急性|慢性
腹泻|便秘
上楼|下楼
赢|输
满|空
开头|结尾
戒烟 戒酒 戒掉|开始抽 开始喝
长|短
高|低 矮
贵|便宜
胖|瘦
早|晚
涨价|降价
出生|去世 死亡
可以|不可以
会员|非会员
扩张 膨胀|收缩
存款 存入|取款 取出
批准|驳回
升级|降级
关注|取关
高血压|低血压
高血糖|低血糖`;

export const ANTONYMS: Readonly<Record<string, string>> = {
  en: EN,
  de: DE,
  es: ES,
  fr: FR,
  ru: RU,
  zh: ZH,
};
