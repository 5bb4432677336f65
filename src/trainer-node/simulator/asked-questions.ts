// What each cache domain has been asked so far, and therefore what it can be asked next as which kind of request.
import { type Group } from "./groups.ts";
import { type RequestKind, type Turn } from "./request.ts";

export interface Choice {
  readonly lang: string;
  readonly question: string;
}

interface Asked {
  /** Distinct texts in the order they were first asked. */
  readonly texts: Choice[];
  readonly langs: Set<string>;
  /** Texts not asked yet, in languages that were. */
  unaskedWordings: number;
}

export class AskedQuestions {
  readonly #byDomain: ReadonlyMap<string, Map<string, Asked>>;
  readonly #repeatable = new Map<string, Group[]>();
  readonly #everywhere = new Set<string>();
  readonly #byId: ReadonlyMap<string, Group>;
  readonly #familyLangs = new Map<string, Set<string>>();
  readonly #openers: readonly Group[];
  readonly #changed: readonly Group[];
  readonly #followUps: readonly Group[];
  readonly #once: ReadonlySet<string>;

  /** `once`: ids of groups that get one request in all domains together. */
  constructor(groups: readonly Group[], domains: readonly string[], once: ReadonlySet<string>) {
    this.#byDomain = new Map(domains.map((domain) => [domain, new Map<string, Asked>()]));
    for (const domain of domains) this.#repeatable.set(domain, []);
    this.#byId = new Map(groups.map((group) => [group.id, group]));
    this.#openers = groups.filter(isOpener);
    this.#changed = groups.filter((group) => group.relation === "changed");
    this.#followUps = groups.filter((group) => group.relation === "follow-up");
    this.#once = once;
  }

  /** At most so many requests of each kind are possible. */
  supply(): Readonly<Record<RequestKind, number>> {
    const domains = this.#byDomain.size;
    const firsts = (groups: readonly Group[]) =>
      groups.reduce((sum, group) => sum + (this.#once.has(group.id) ? 1 : domains), 0);
    const later = (spare: (group: Group) => number) =>
      [...this.#openers, ...this.#changed]
        .filter((group) => !this.#once.has(group.id))
        .reduce((sum, group) => sum + domains * spare(group), 0);
    return {
      new: firsts(this.#openers),
      changed: firsts(this.#changed),
      "follow-up": firsts(this.#followUps),
      repeat: Infinity,
      rephrase: later((group) =>
        [...group.questions.values()].reduce((sum, texts) => sum + texts.length - 1, 0),
      ),
      translation: later((group) => group.questions.size - 1),
    };
  }

  /** Groups that can be asked in this domain as this kind. */
  candidates(kind: RequestKind, domain: string): readonly Group[] {
    const asked = this.#asked(domain);
    const unasked = (group: Group) =>
      !asked.has(group.id) && !(this.#once.has(group.id) && this.#everywhere.has(group.id));
    const repeatable = this.#repeatable.get(domain) ?? [];
    switch (kind) {
      case "new":
        return this.#openers.filter(unasked);
      case "changed":
        return this.#changed.filter(
          (group) => unasked(group) && this.#sharedLangs(group, domain).length > 0,
        );
      case "follow-up":
        return this.#followUps.filter(
          (group) => unasked(group) && this.#parentLangs(group, domain).length > 0,
        );
      case "repeat":
        return repeatable;
      case "rephrase":
        return repeatable.filter((group) => (asked.get(group.id)?.unaskedWordings ?? 0) > 0);
      case "translation":
        return repeatable.filter(
          (group) => (asked.get(group.id)?.langs.size ?? 0) < group.questions.size,
        );
      default:
        return kind satisfies never;
    }
  }

  /** The texts with which a candidate can be asked as this kind; never empty for a candidate. */
  choices(kind: RequestKind, group: Group, domain: string): readonly Choice[] {
    const asked = this.#asked(domain).get(group.id);
    const inLangs = (langs: Iterable<string>) =>
      [...langs].flatMap((lang) =>
        (group.questions.get(lang) ?? []).map((question) => ({ lang, question })),
      );
    switch (kind) {
      case "new":
        return inLangs(group.questions.keys());
      case "changed":
        return inLangs(this.#sharedLangs(group, domain));
      case "follow-up":
        return inLangs(this.#parentLangs(group, domain));
      case "repeat":
        return asked?.texts ?? [];
      case "rephrase":
        return inLangs(asked?.langs ?? []).filter(
          ({ question }) => !asked?.texts.some((text) => text.question === question),
        );
      case "translation":
        return inLangs([...group.questions.keys()].filter((lang) => !asked?.langs.has(lang)));
      default:
        return kind satisfies never;
    }
  }

  add(group: Group, { lang, question }: Choice, domain: string): void {
    const groups = this.#asked(domain);
    let asked = groups.get(group.id);
    if (!asked) {
      asked = { texts: [], langs: new Set(), unaskedWordings: 0 };
      groups.set(group.id, asked);
      this.#everywhere.add(group.id);
      if (!this.#once.has(group.id) && group.relation !== "follow-up") {
        this.#repeatable.get(domain)?.push(group);
      }
    }
    if (asked.texts.some((text) => text.question === question)) return;
    if (!asked.langs.has(lang)) asked.unaskedWordings += group.questions.get(lang)?.length ?? 0;
    asked.unaskedWordings--;
    asked.langs.add(lang);
    asked.texts.push({ lang, question });
    if (group.relation === "follow-up") return;
    const key = familyKey(group.family, domain);
    const langs = this.#familyLangs.get(key) ?? new Set();
    this.#familyLangs.set(key, langs.add(lang));
  }

  /** The turns before a follow-up: its parent as this domain was last asked it in this language, and the answer. */
  historyOf(group: Group, lang: string, domain: string): readonly Turn[] {
    const parent = this.#byId.get(group.parent ?? "");
    const texts = this.#asked(domain).get(group.parent ?? "")?.texts ?? [];
    const question = texts.findLast((text) => text.lang === lang)?.question;
    const answer = parent?.answers.get(lang);
    if (question === undefined || answer === undefined) {
      throw new Error(`follow-up ${group.id} has no parent turn in ${lang}`);
    }
    return [
      { role: "user", content: question },
      { role: "assistant", content: answer },
    ];
  }

  #asked(domain: string): Map<string, Asked> {
    const asked = this.#byDomain.get(domain);
    if (!asked) throw new Error(`unknown cache domain ${domain}`);
    return asked;
  }

  /** Languages in which a near miss can follow a question of its family. */
  #sharedLangs(group: Group, domain: string): string[] {
    const langs = this.#familyLangs.get(familyKey(group.family, domain));
    return langs ? [...group.questions.keys()].filter((lang) => langs.has(lang)) : [];
  }

  #parentLangs(group: Group, domain: string): string[] {
    const langs = this.#asked(domain).get(group.parent ?? "")?.langs;
    return langs ? [...group.questions.keys()].filter((lang) => langs.has(lang)) : [];
  }
}

/** Groups that can be somebody's first question. */
export function isOpener(group: Group): boolean {
  return group.relation === "base" || group.relation === "single";
}

function familyKey(family: string, domain: string): string {
  return `${domain}\u0000${family}`;
}
