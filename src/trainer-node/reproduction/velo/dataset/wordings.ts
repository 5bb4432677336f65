// Other wordings of a question. Where a file brings none, they are made by rule: a frame around the question as it stands, so
// that its words and their order stay. That is far less than a paraphrase by a person or a model, and reports say so.
import { type DialogueItem } from "./dialogues.ts";

/** Training and test speak in different frames: a policy that knows the ones has not seen the others. */
type Voice = "training" | "test";

export interface Wording {
  readonly text: string;
  readonly how: "as asked" | "paraphrase" | "frame";
}

/** $ is the question. Languages without frames are asked in one wording. */
const FRAMES: Readonly<Record<string, Readonly<Record<Voice, readonly string[]>>>> = {
  en: {
    training: ["Please help me with this: $", "I have a question. $", "$ Thank you in advance."],
    test: ["Could you answer this for me? $", "$ I would be grateful for an answer.", "Hello! $"],
  },
  de: {
    training: ["Bitte hilf mir dabei: $", "Ich habe eine Frage. $", "$ Danke im Voraus."],
    test: ["Kannst du mir das beantworten? $", "$ Über eine Antwort freue ich mich.", "Hallo! $"],
  },
  es: {
    training: ["Por favor, ayúdame con esto: $", "Tengo una pregunta. $", "$ Gracias de antemano."],
    test: ["¿Me puedes responder a esto? $", "$ Agradecería una respuesta.", "¡Hola! $"],
  },
  fr: {
    training: ["Aide-moi s'il te plaît : $", "J'ai une question. $", "$ Merci d'avance."],
    test: ["Peux-tu me répondre ? $", "$ Une réponse me ferait plaisir.", "Bonjour ! $"],
  },
  ru: {
    training: ["Пожалуйста, помоги мне с этим: $", "У меня вопрос. $", "$ Заранее спасибо."],
    test: ["Можешь ответить на это? $", "$ Буду благодарен за ответ.", "Привет! $"],
  },
  zh: {
    training: ["请帮我解决这个问题：$", "我有一个问题。$", "$ 提前感谢。"],
    test: ["你能回答一下吗？$", "$ 期待你的回答。", "你好！$"],
  },
};

/** The question as it was asked first, then the file's paraphrases, else frames. */
export function wordingsOf(item: DialogueItem, voice: Voice): readonly Wording[] {
  const asked: Wording = { text: item.question, how: "as asked" };
  if (item.paraphrases.length > 0)
    return [asked, ...item.paraphrases.map((text): Wording => ({ text, how: "paraphrase" }))];
  const frames = FRAMES[item.lang]?.[voice] ?? [];
  // A function, because a question may hold "$&".
  return [
    asked,
    ...frames.map((frame): Wording => ({
      text: frame.replace("$", () => item.question),
      how: "frame",
    })),
  ];
}
