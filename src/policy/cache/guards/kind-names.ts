// Things of one kind, as data: two questions that name different ones of a kind are about different things, also where
// neither is written with a capital. A line is one thing: its names in English, German, Spanish, French, Russian and
// Chinese, "_" between the words of a name, "*" for any ending. Only kinds whose members nobody uses for each other.

export const KINDS = `# animal
dog puppy|hund hunde hunden welpe|perro perra cachorro|chien chiot|собак* пёс щен*|狗 小狗
cat kitten|katze katzen kater|gato gata gatito|chat chaton|кошк* кот кота коту котят* котён*|猫 小猫
horse|pferd pferde|caballo|cheval chevaux|лошад* конь|马匹
cow cattle|kuh kühe|vaca|vache|коров*|牛
pig|schwein schweine|cerdo|cochon porc|свинь* свиней|猪
sheep|schaf schafe|oveja|mouton|овц* овец|羊
goat|ziege ziegen|cabra|chèvre|коз* козь*|山羊
chicken hen|huhn hühner|gallina|poule|куриц* кур|鸡
rabbit bunny|kaninchen|conejo|lapin|кролик*|兔子
hamster|hamster|hámster|hamster|хомяк*|仓鼠
parrot|papagei|loro|perroquet|попуга*|鹦鹉
elephant|elefant elefanten|elefante|éléphant|слон* |大象
lion|löwe löwen|león leones|lion|лев льва львы|狮子
tiger|tiger|tigre|tigre|тигр*|老虎
wolf wolves|wolf wölfe|lobo|loup|волк*|狼
bear|bär bären|oso|ours|медвед*|熊
panda|panda pandas|panda|panda|панд*|大熊猫 熊猫
whale|wal wale|ballena|baleine|кит киты китов|鲸鱼 鲸
dolphin|delfin delfine|delfín delfines|dauphin|дельфин*|海豚
shark|hai haie|tiburón tiburones|requin|акул*|鲨鱼
spider|spinne spinnen|araña|araignée|паук* пауч*|蜘蛛
snake|schlange schlangen|serpiente|serpent|зме*|蛇
bee|biene bienen|abeja|abeille|пчел* пчёл*|蜜蜂
wasp|wespe wespen|avispa|guêpe|оса осы осам|黄蜂
ant|ameise ameisen|hormiga|fourmi|муравь*|蚂蚁
mosquito|mücke mücken|mosquito|moustique|комар*|蚊子
# food
beef|rindfleisch rind|ternera res|bœuf boeuf|говядин*|牛肉
pork|schweinefleisch|cerdo|porc|свинин*|猪肉
salmon|lachs|salmón|saumon|лосос*|三文鱼
rice|reis|arroz|riz|рис риса|米饭 大米
pasta noodles spaghetti|nudeln pasta spaghetti|pasta espaguetis|pâtes spaghettis|макарон* спагетти|面条 意面
lentils lentil|linsen|lentejas|lentilles|чечевиц*|扁豆
quinoa|quinoa|quinoa|quinoa|киноа|藜麦
couscous|couscous|cuscús|couscous|кускус*|古斯米
bulgur|bulgur|bulgur|boulgour|булгур*|布格麦
potato potatoes|kartoffel kartoffeln|patata papa|pomme_de_terre pommes_de_terre|картоф* картошк*|土豆 马铃薯
carrot|karotte karotten möhren|zanahoria|carotte|морков*|胡萝卜
tomato tomatoes|tomate tomaten|tomate|tomate|помидор* томат*|西红柿 番茄
onion|zwiebel zwiebeln|cebolla|oignon|лук лука|洋葱
garlic|knoblauch|ajo|ail|чеснок*|大蒜
pumpkin|kürbis|calabaza|citrouille|тыкв*|南瓜
apple|apfel äpfel|manzana|pomme pommes|яблок*|苹果
banana|banane bananen|plátano banana|banane|банан*|香蕉
grape grapes|traube trauben|uva|raisin|виноград*|葡萄
strawberry strawberries|erdbeere erdbeeren|fresa|fraise|клубник*|草莓
mushroom|pilz pilze|seta champiñón|champignon|гриб*|蘑菇
bread|brot|pan|pain|хлеб*|面包
cheese|käse|queso|fromage|сыр сыра сыры|奶酪 芝士
chocolate|schokolade|chocolate|chocolat|шоколад*|巧克力
honey|honig|miel|miel|мёд мед мёда|蜂蜜
sugar|zucker|azúcar|sucre|сахар*|白糖
salt|salz|sal|sel|соль соли|盐
flour|mehl|harina|farine|мука муки муку|面粉
butter|butter|mantequilla|beurre|масло масла|黄油
egg|ei eier|huevo|œuf oeuf|яйц* яиц|鸡蛋
milk|milch|leche|lait|молок*|牛奶
coffee espresso|kaffee espresso|café|café|кофе|咖啡
tea|tee|té|thé|чай чая|茶叶 茶
beer|bier|cerveza|bière|пив*|啤酒
wine|wein|vino|vin|вино вина|葡萄酒
juice|saft|zumo jugo|jus|сок сока|果汁
yogurt yoghurt|joghurt|yogur|yaourt|йогурт*|酸奶
# stain
oil grease|öl fett|aceite grasa|huile|масл* жир*|油渍
ink|tinte|tinta|encre|чернил*|墨水
blood|blut|sangre|sang|кровь крови|血迹
wine|wein rotwein|vino|vin|вино вина|红酒
wax|wachs|cera|cire|воск*|蜡
grass|gras|hierba|herbe|трава травы траву|草
rust|rost|óxido|rouille|ржавчин*|锈
# material
gold|gold|oro|or|золот*|黄金
silver|silber|plata|argent|серебр*|白银
copper|kupfer|cobre|cuivre|медь меди медный|铜
iron|eisen|hierro|fer|желез*|钢铁
aluminium aluminum|aluminium|aluminio|aluminium|алюмин*|铝
lead_pipe|blei|plomo|plomb|свинец свинца|铅
mercury|quecksilber|mercurio|mercure|ртут*|汞 水银
calcium|kalzium calcium|calcio|calcium|кальци*|钙
magnesium|magnesium|magnesio|magnésium|магни*|镁
zinc|zink|zinc|zinc|цинк*|锌
petrol gasoline|benzin|gasolina|essence|бензин*|汽油
diesel|diesel|diésel diesel|gazole diesel|дизел*|柴油
water|wasser|agua|eau|вода воды воду воде|水
ethanol|ethanol|etanol|éthanol|этанол*|乙醇
methanol|methanol|metanol|méthanol|метанол*|甲醇
hydrogen|wasserstoff|hidrógeno|hydrogène|водород*|氢
oxygen|sauerstoff|oxígeno|oxygène|кислород*|氧
nitrogen|stickstoff|nitrógeno|azote|азот*|氮
helium|helium|helio|hélium|гели*|氦
wood|holz|madera|bois|дерев*|木头
cotton|baumwolle|algodón|coton|хлопк*|棉
wool|wolle|lana|laine|шерст*|羊毛
silk|seide|seda|soie|шёлк* шелк*|丝绸
leather|leder|cuero piel|cuir|кож*|皮革
# in the sky
sun|sonne|sol|soleil|солнц*|太阳
moon|mond mondes|luna|lune|лун*|月亮 月球
earth|erde|tierra|terre|земл*|地球
mars|mars|marte|mars|марс*|火星
venus|venus|venus|vénus|венер*|金星
mercury|merkur|mercurio|mercure|меркури*|水星
jupiter|jupiter|júpiter|jupiter|юпитер*|木星
saturn|saturn|saturno|saturne|сатурн*|土星
neptune|neptun|neptuno|neptune|нептун*|海王星
uranus|uranus|urano|uranus|уран|天王星
pluto|pluto|plutón|pluton|плутон*|冥王星
# heavenly body
planet|planet planeten|planeta|planète|планет*|行星
star|stern sterne|estrella|étoile|звёзд* звезд*|恒星
comet|komet kometen|cometa|comète|комет*|彗星
asteroid|asteroid asteroiden|asteroide|astéroïde|астероид*|小行星
galaxy|galaxie galaxien|galaxia|galaxie|галактик*|星系
# sense
light|licht|luz|lumière|свет света|光
sound|schall|sonido|son|звук*|声音
# part of the body
head|kopf|cabeza|tête|голов*|头部 头疼 头痛
knee|knie|rodilla|genou genoux|колен*|膝盖
ankle|knöchel|tobillo|cheville|лодыжк* голеностоп*|脚踝
wrist|handgelenk|muñeca|poignet|запясть*|手腕
shoulder|schulter|hombro|épaule|плеч*|肩膀
elbow|ellbogen|codo|coude|локт*|手肘
back|rücken|espalda|dos|спин*|后背
chest|brust|pecho|poitrine|груд*|胸口 胸
stomach belly|bauch magen|estómago barriga|ventre estomac|живот живота желуд*|胃 肚子
heart|herz|corazón|cœur|сердц*|心脏
liver|leber|hígado|foie|печень печени|肝
kidney|niere nieren|riñón riñones|rein reins|почк* почек|肾
lung|lunge|pulmón pulmones|poumon|лёгк*|肺
eye|auge augen|ojo|œil yeux|глаз*|眼睛
ear|ohr ohren|oreja oído|oreille|ухо уха уши|耳朵
tooth teeth|zahn zähne|diente|dent|зуб*|牙齿
throat|hals|garganta|gorge|горл*|喉咙
foot|fuß füße|pie|pied|стопа стопы|脚
# medicine
ibuprofen|ibuprofen|ibuprofeno|ibuprofène|ибупрофен*|布洛芬
paracetamol acetaminophen tylenol|paracetamol|paracetamol|paracétamol doliprane|парацетамол*|对乙酰氨基酚 扑热息痛
aspirin|aspirin|aspirina|aspirine|аспирин*|阿司匹林
penicillin|penicillin|penicilina|pénicilline|пенициллин*|青霉素
insulin|insulin|insulina|insuline|инсулин*|胰岛素
metformin|metformin|metformina|metformine|метформин*|二甲双胍
levothyroxine|thyroxin|levotiroxina|lévothyroxine|тироксин*|左甲状腺素
antibiotic|antibiotikum antibiotika|antibiótico|antibiotique|антибиотик*|抗生素
morphine|morphin|morfina|morphine|морфи*|吗啡
# relative
wife|ehefrau|esposa|épouse|жена жене жену жены супруг*|妻子
husband|ehemann|marido|mari|муж мужа мужу|丈夫
mother mom mum|mutter mama|madre mamá|mère maman|мама маме мать матер* маму|妈妈 母亲
father dad|vater papa|padre papá|père papa|папа папе отец отца отцу|爸爸 父亲
sister|schwester|hermana|sœur soeur|сестр*|姐姐 妹妹
brother|bruder|hermano|frère|брат брата брату|哥哥 弟弟
son|sohn|hijo|fils|сын сына сыну|儿子
daughter|tochter|hija|fille|дочь дочер* дочк*|女儿
grandmother grandma|oma großmutter|abuela|grand-mère|бабушк*|奶奶 外婆
grandfather grandpa|opa großvater|abuelo|grand-père|дедушк*|爷爷 外公
boss|chef chefin vorgesetzten|jefe|patron|начальник*|老板 领导
neighbour neighbor|nachbar nachbarn|vecino|voisin|сосед*|邻居
teacher|lehrer lehrerin|profesor maestro|professeur|учител*|老师
# occasion
birthday|geburtstag geburtstags*|cumpleaños|anniversaire|рождения|生日
wedding|hochzeit hochzeits*|boda|mariage|свадьб*|婚礼
funeral|beerdigung|funeral|enterrement|похорон*|葬礼
christmas|weihnachten weihnachts*|navidad|noël|рождеств*|圣诞节
easter|ostern|pascua|pâques|пасх*|复活节
birth|geburt|nacimiento|naissance|рождени|出生
farewell goodbye|abschied abschieds*|despedida|adieu|прощани*|告别
# device
laptop notebook|laptop notebook|portátil|ordinateur_portable|ноутбук*|笔记本电脑
phone smartphone cellphone|handy smartphone telefon|móvil celular|smartphone téléphone|смартфон* телефон*|手机
tablet|tablet|tableta tablet|tablette|планшет*|平板
printer|drucker|impresora|imprimante|принтер*|打印机
monitor screen|monitor bildschirm|monitor pantalla|écran|монитор*|显示器
tv television|fernseher|televisor televisión|télévision télé|телевизор*|电视
router|router|router|routeur|роутер*|路由器
headphones earbuds headset|kopfhörer|auriculares|écouteurs casque|наушник*|耳机
keyboard|tastatur|teclado|clavier|клавиатур*|键盘
mouse|maus|ratón|souris|мышь мыши мышк*|鼠标
camera|kamera|cámara|caméra appareil|камер* фотоаппарат*|相机
fridge refrigerator|kühlschrank|nevera frigorífico|frigo réfrigérateur|холодильник*|冰箱
washing_machine|waschmaschine|lavadora|lave-linge|стиральн*|洗衣机
dishwasher|geschirrspüler spülmaschine|lavavajillas|lave-vaisselle|посудомо*|洗碗机
# household thing
toothbrush|zahnbürste|cepillo_de_dientes|brosse_à_dents|зубная_щётка зубную_щётку зубной_щётки|牙刷
towel|handtuch handtücher|toalla|serviette|полотен*|毛巾
sheets bedding|bettwäsche bettzeug|sábanas|draps|постельн*|床单
pillow|kissen|almohada|oreiller|подушк*|枕头
mattress|matratze|colchón|matelas|матрас*|床垫
curtain|vorhang vorhänge gardinen|cortina|rideau rideaux|штор*|窗帘
carpet|teppich|alfombra|tapis|ковёр ковра|地毯
sponge|schwamm|esponja|éponge|губк*|海绵
# transport
train|zug züge bahn|tren|train|поезд* электричк*|火车 高铁
bus|bus|autobús bus|bus autobus|автобус*|公交 大巴
plane flight|flugzeug flug|avión vuelo|avion vol|самолёт* самолет* рейс*|飞机 航班
car|auto|coche|voiture|машин* автомобил*|汽车 开车
bicycle bike|fahrrad|bicicleta bici|vélo|велосипед*|自行车
ship ferry|schiff fähre|barco ferry|bateau ferry|корабл* паром*|船
motorcycle motorbike|motorrad|moto motocicleta|moto|мотоцикл*|摩托车
taxi|taxi|taxi|taxi|такси|出租车
subway metro|u-bahn|metro|métro|метро|地铁
# luggage
carry-on hand_luggage cabin|handgepäck|equipaje_de_mano cabina|bagage_à_main cabine|ручной ручную|手提 随身
checked check_in hold_luggage|aufgegeben aufgabegepäck|facturado bodega|soute|багаж сданн*|托运
# holder
employee|arbeitnehmer arbeitnehmerin|empleado trabajador|salarié employé|работник* сотрудник*|员工 劳动者
employer|arbeitgeber arbeitgeberin|empleador|employeur|работодател*|雇主 用人单位
self-employed freelancer|selbstständige* freiberufler|autónomo|indépendant auto-entrepreneur|самозанят*|自由职业
tenant renter|mieter mieterin|inquilino|locataire|арендатор* съёмщик*|租客
landlord|vermieter vermieterin|casero propietario|propriétaire bailleur|арендодател*|房东
buyer|käufer käuferin|comprador|acheteur|покупател*|买家
seller|verkäufer verkäuferin|vendedor|vendeur|продав*|卖家
customer client|kunde kunden kundin|cliente|client|клиент*|客户
supplier|lieferant lieferanten|proveedor|fournisseur|поставщик*|供应商
# colour
red|rot rote roten|rojo roja|rouge|красн*|红色
blue|blau blaue blauen|azul|bleu bleue|синий синего синяя синюю|蓝色
green|grün grüne grünen|verde|vert verte|зелён* зелен*|绿色
yellow|gelb gelbe gelben|amarillo amarilla|jaune|жёлт* желт*|黄色
white|weiß weiße weißen|blanco blanca|blanc blanche|белый белая белого белой белую|白色
black|schwarz schwarze schwarzen|negro negra|noir noire|чёрн* черн*|黑色
# season
spring|frühling frühjahr|primavera|printemps|весна весной весны|春天
summer|sommer|verano|été|лето лета летом летний летние|夏天
autumn fall|herbst|otoño|automne|осен* |秋天
winter|winter|invierno|hiver|зим* |冬天
# continent
africa|afrika afrikas|áfrica|afrique|африк*|非洲
asia|asien asiens|asia|asie|азия азии|亚洲
europe|europa europas|europa|europe|европ*|欧洲
north_america|nordamerika|norteamérica|amérique_du_nord|северная_америка северной_америки|北美
south_america|südamerika|sudamérica|amérique_du_sud|южная_америка южной_америки|南美
australia oceania|australien|oceanía australia|océanie australie|австрали*|大洋洲 澳大利亚
antarctica|antarktis|antártida|antarctique|антаркти*|南极
# religion
catholic|katholische* katholisch|católico católica|catholique|католич*|天主教
orthodox|orthodoxe* orthodox|ortodoxo ortodoxa|orthodoxe|православ*|东正教
protestant|evangelische* protestantisch|protestante|protestant|протестант*|新教
muslim islamic|muslimisch*|musulmán musulmana|musulman|мусульман*|伊斯兰
jewish|jüdisch*|judío judía|juif juive|еврейск*|犹太
# law
patent|patent patente|patente|brevet|патент*|专利
trademark|marke markenrecht|marca|marque|товарный_знак товарного_знака|商标
copyright|urheberrecht|derechos_de_autor|droit_d'auteur|авторск*|著作权 版权
# office file
pdf|pdf|pdf|pdf|pdf|pdf
excel spreadsheet|excel|excel|excel|excel|excel
word|word|word|word|word|word
powerpoint|powerpoint|powerpoint|powerpoint|powerpoint|powerpoint
comment|kommentar kommentare|comentario|commentaire|комментари*|批注 评论
picture image photo|bild bilder foto fotos|imagen foto|image photo|картин* фото* изображени*|图片 照片
video|video videos|vídeo|vidéo|видео|视频`;
