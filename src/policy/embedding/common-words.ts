// Words that say little about what a question is about, per language, as they are after folding (lower case, no
// accents). Negations and question words stay out of the first list: they change the answer.

/** Articles, prepositions, pronouns, auxiliaries. Weight 0.2. */
const FUNCTION_WORDS = `
a an the of to in on at by for from with as is are was were be been am do does did has have had i me my we our you your he
she it its they them their this that these those there here and or but if then than so such can could will would should
shall may might must s t please just also about into over up out us let get tell give
der die das den dem des ein eine einen einem einer eines und oder aber wenn ob als zu zum zur im in am an auf aus bei mit von
vom vor nach fur ist sind war waren wird werden wurde kann konnen soll sollen muss mussen darf habe hat haben ich mir mich du
dir sie er es wir uns ihr man sich mein meine meinen dein deine sein seine dieser diese dieses diesem diesen da so auch nur
noch bitte es denn ja um uber
el la los las un una unos unas de del al y o u pero si en con por para a ante desde hasta sobre es son era fue ser estar esta
estan hay ha han he haber tiene tengo puede pueden puedo debo debe se me mi mis te tu tus le les lo su sus nos que este esta
estos estas ese esa eso como muy mas ya
le les des du au aux et ou mais si dans sur sous avec pour par sans est sont etait sera etre avoir ai as avons avez ont je j
tu il elle on nous vous ils elles mon ma mes ton ta tes son sa ses ce cet cette ces que qui l d c n y en ne se
il lo gli i uno e ed o ma se di da con su per tra fra e sono era essere ho hai ha abbiamo mi ti si ci vi che questo questa
os as um uma e ou mas se no na nos nas do da dos das ao com por para e sao foi ser estar eu ele ela voce que esse essa isso
de het een en of maar als in op aan met voor van is zijn was wordt kan ik je jij hij zij wij dat die dit deze
и а но или если то в во на к ко с со у о об от до по за из для при через над под это этот эта эти тот та те как так же ли бы
я мне меня мой моя мои ты тебе вы вам он она оно они его ее их мы нам нас быть был была было были есть будет будут можно
нужно надо ведь уже еще чтобы пожалуйста себя себе свой свою
ve bir bu su o da de mi ile icin gibi ben sen
i w we z ze na do od o a ale lub oraz czy jest sa sie to ten ta te
`;

/** Words that ask. They tell "how" from "why", but not one subject from another. Weight 0.35. */
const QUESTION_WORDS = `
what which who whom whose when where why how many much long does
was welche welcher welches wer wem wen wann wo warum wieso weshalb wie viel viele lange wofur woher wohin
que cual cuales quien cuando donde cuanto cuantos cuanta cuantas como
quoi quel quelle quels quelles quand ou pourquoi comment combien
che quale quali chi quando dove perche come quanto quanti
qual quais quem onde quanto quantos porque
что какой какая какое какие каком какую какого кто кого кому когда где куда откуда почему зачем как сколько чем чего
ne nasil nicin nerede kac
co jaki jaka jakie kto kiedy gdzie dlaczego jak ile
`;

const COMMON_CHARACTERS =
  "的了是在有和与及吗呢吧啊就也都要会能可以我你他她它们这那个一请把被让给对到从为以之其于着过に は を が の で と も か な";
const QUESTION_CHARACTERS = "什么怎样如何哪谁几多少为何时";

const FUNCTION_WEIGHT = 0.2;
const QUESTION_WEIGHT = 0.35;

/** Word or character -> weight; a word that is absent weighs 1. */
export const COMMON_WEIGHTS: ReadonlyMap<string, number> = new Map([
  ...entries(FUNCTION_WORDS.split(/\s+/), FUNCTION_WEIGHT),
  ...entries(QUESTION_WORDS.split(/\s+/), QUESTION_WEIGHT),
  ...entries(Array.from(COMMON_CHARACTERS), FUNCTION_WEIGHT),
  ...entries(Array.from(QUESTION_CHARACTERS), QUESTION_WEIGHT),
]);

function entries(words: readonly string[], weight: number): [string, number][] {
  return words.map((word) => [word, weight]);
}
