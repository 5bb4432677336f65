// What a person sees while the demo runs. With --json all of it goes to stderr and stdout holds the document alone.

export interface ActTime {
  readonly act: string;
  readonly seconds: number;
}

export class Screen {
  readonly #write: (line: string) => void;
  readonly #times: ActTime[] = [];
  #number = 0;

  constructor(json: boolean) {
    // oxlint-disable-next-line no-console -- the demo's own output
    this.#write = json ? console.error : console.log;
  }

  get times(): readonly ActTime[] {
    return this.#times;
  }

  /** Runs one act under its title and prints how long it took. */
  async act<T>(title: string, play: () => Promise<T>): Promise<T> {
    const begin = performance.now();
    this.title(`${++this.#number}. ${title}`);
    const result = await play();
    const seconds = (performance.now() - begin) / 1000;
    this.#times.push({ act: title, seconds });
    this.say(`(${seconds.toFixed(1)} s)`);
    return result;
  }

  title(text: string): void {
    this.#write(`\n${text}`);
  }

  readonly say = (text: string): void => {
    this.#write(text.replaceAll(/^(?=.)/gm, "   "));
  };
}
