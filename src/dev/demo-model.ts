// The model behind a gateway that has no upstream yet. It knows the answers of the bundled workload and says so when it
// is asked anything else.
import arithmetic from "../../data/workload/arithmetic.json" with { type: "json" };
import cloudAndLinux from "../../data/workload/cloud-and-linux.json" with { type: "json" };
import cooking from "../../data/workload/cooking.json" with { type: "json" };
import customerSupport from "../../data/workload/customer-support.json" with { type: "json" };
import databases from "../../data/workload/databases.json" with { type: "json" };
import finance from "../../data/workload/finance.json" with { type: "json" };
import geography from "../../data/workload/geography.json" with { type: "json" };
import health from "../../data/workload/health.json" with { type: "json" };
import history from "../../data/workload/history.json" with { type: "json" };
import householdAndGarden from "../../data/workload/household-and-garden.json" with { type: "json" };
import languageAndWriting from "../../data/workload/language-and-writing.json" with { type: "json" };
import networking from "../../data/workload/networking.json" with { type: "json" };
import programming from "../../data/workload/programming.json" with { type: "json" };
import science from "../../data/workload/science.json" with { type: "json" };
import travel from "../../data/workload/travel.json" with { type: "json" };
import units from "../../data/workload/units.json" with { type: "json" };
import { foldText } from "./embedding.ts";

export const DEMO_MODEL = "velo-demo";

type ByLanguage<T> = Readonly<Partial<Record<string, T>>>;

interface Variant {
  readonly questions: ByLanguage<string | readonly string[]>;
  readonly answers: ByLanguage<string>;
}

/** One group of data/workload: the same question in several languages and wordings, and questions close to it. */
interface Group extends Variant {
  readonly changed?: readonly Variant[];
  readonly negated?: readonly Variant[];
  readonly followUps?: readonly Variant[];
}

const GROUPS: readonly Group[] = [
  arithmetic,
  cloudAndLinux,
  cooking,
  customerSupport,
  databases,
  finance,
  geography,
  health,
  history,
  householdAndGarden,
  languageAndWriting,
  networking,
  programming,
  science,
  travel,
  units,
].flat();

export interface DemoAnswer {
  readonly text: string;
  /** Whether the question is one of the workload's. */
  readonly known: boolean;
}

let answers: ReadonlyMap<string, string> | undefined;

/** What the demo model says to a question. */
export function demoAnswer(question: string): DemoAnswer {
  answers ??= indexAnswers();
  const text = answers.get(questionKey(question));
  if (text !== undefined) return { text, known: true };
  const asked = question.length > 200 ? `${question.slice(0, 200)}...` : question;
  return {
    text:
      "I am velo's demo model, not a language model: I know only the answers of the bundled workload. " +
      `You asked: "${asked}" Set UPSTREAM_BASE_URL to connect a real model.`,
    known: false,
  };
}

/** Letters, digits and the signs of formulas and code; case, accents, spaces and closing marks do not matter. */
export function questionKey(question: string): string {
  return foldText(question)
    .replaceAll(/[\s.,;:!?¿¡"'“”„«»‘’。，；：！？、]+/gu, " ")
    .trim();
}

/** A rough count of tokens: four letters of an alphabet, or one Chinese or Japanese character. */
export function countTokens(text: string): number {
  const wide = text.match(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/gu)?.length ?? 0;
  return Math.max(1, wide + Math.ceil((text.length - wide) / 4));
}

function indexAnswers(): Map<string, string> {
  const index = new Map<string, string>();
  for (const group of GROUPS) {
    const { changed = [], negated = [], followUps = [] } = group;
    for (const { questions, answers: texts } of [group, ...changed, ...negated, ...followUps]) {
      for (const [language, wordings] of Object.entries(questions)) {
        const answer = texts[language] ?? texts["en"];
        if (answer === undefined) continue;
        for (const wording of [wordings ?? []].flat()) index.set(questionKey(wording), answer);
      }
    }
  }
  return index;
}
