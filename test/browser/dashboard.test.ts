// The dashboard in a real browser, in front of a real gateway. Screenshots of both widths go to a folder whose name is
// printed.
import { existsSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Gateway, startGateway } from "../../scripts/local/gateway.ts";
import { type ModelServer, startModelServer } from "../../scripts/local/model-server.ts";
import { cacheResult, chat, post } from "../support/gateway-client.ts";
import { XSS_CORPUS } from "./xss-corpus.ts";

const CHROMIUM = process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium";
const missing = existsSync(CHROMIUM) ? "" : `no Chromium at ${CHROMIUM}: set CHROMIUM_PATH`;
if (missing) console.log(`dashboard tests skipped: ${missing}`);

const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };

/** Exploration would call the model in place of a hit once in a while. */
const NO_EXPLORATION = JSON.stringify({ epsilon: 0 });

const CAPITAL = "What is the capital city of Australia?";
const REPHRASED = "What is the capital city of Australia, please?";
const POUND = "How many ounces are in one pound?";

/** A page with what it must never have done. */
interface Visit {
  readonly page: Page;
  /** Requests to other hosts, script errors, refusals by the Content-Security-Policy, dialogs. */
  readonly faults: string[];
}

/** The beginning of a text as the gateway writes it down: one form of Unicode, single spaces. */
const start = (text: string): string => text.normalize("NFKC").replaceAll(/\s+/g, " ").slice(0, 24);

describe.skipIf(missing)(`dashboard${missing && ` (${missing})`}`, () => {
  let gateway: Gateway;
  let model: ModelServer;
  let browser: Browser;
  let folder: string;
  const visits: Visit[] = [];

  beforeAll(async () => {
    model = await startModelServer({
      delays: null,
      answers: new Map([
        [CAPITAL, { text: "Canberra.", group: "capital" }],
        [POUND, { text: "Sixteen.", group: "pound" }],
      ]),
    });
    gateway = await startGateway({
      quiet: true,
      vars: { UPSTREAM_BASE_URL: model.url, VELO: NO_EXPLORATION },
    });
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
    folder = await mkdtemp(join(tmpdir(), "velo-dashboard-"));
    console.log(`screenshots: ${folder}`);
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.stop();
    await model?.stop();
  });
  afterEach(async () => {
    const visited = visits.splice(0);
    await Promise.all(visited.map(({ page }) => page.close()));
    const faults = visited.flatMap((one) => one.faults);
    if (faults.length > 0) throw new Error(`the page did what it must not:\n${faults.join("\n")}`);
  });

  async function visit({
    fragment = `#token=${gateway.adminToken}`,
    viewport = DESKTOP,
    colorScheme = "light",
  }: {
    fragment?: string;
    viewport?: typeof DESKTOP;
    colorScheme?: "light" | "dark";
  } = {}): Promise<Page> {
    const page = await browser.newPage({ viewport, colorScheme });
    const faults: string[] = [];
    visits.push({ page, faults });
    page.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== gateway.url && protocol !== "data:") faults.push(`request: ${request.url()}`);
    });
    page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
    page.on("dialog", (dialog) => {
      faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("console", (message) => {
      // A refused token is answered with 401, which Chromium writes on the console by itself.
      if (message.type() === "error" && !message.text().includes("401"))
        faults.push(`console: ${message.text()}`);
    });
    await page.goto(`${gateway.url}/${fragment}`);
    return page;
  }

  const ask = (body: object) => post(`${gateway.url}/v1/chat/completions`, { body });
  const numberOf = async (page: Page, id: string): Promise<number> =>
    Number(((await page.locator(`#${id}`).textContent()) ?? "").replaceAll(/[^\d.]/g, ""));

  test("opens through the link and takes the token out of the address bar", async () => {
    const page = await visit();
    await page.locator("#main").waitFor();
    expect(page.url()).toBe(`${gateway.url}/`);
    expect(await page.locator("#status").textContent()).toContain("Live");
    expect(await page.locator("#empty").isVisible()).toBe(true);
    // The token stays in this tab: a reload needs no second link, another tab does.
    await page.reload();
    await page.locator("#main").waitFor();
    const other = await visit({ fragment: "" });
    expect(await other.locator("#sign-in").isVisible()).toBe(true);
  });

  test("a wrong token shows the sign-in, and the right one typed there opens the page", async () => {
    const page = await visit({ fragment: "#token=wrong" });
    await page.locator("#sign-in").waitFor();
    expect(await page.locator("#status").textContent()).toContain("not the right one");
    expect(await page.locator("#main").isVisible()).toBe(false);
    await page.locator("#token").fill(gateway.adminToken);
    await page.getByRole("button", { name: "Show" }).click();
    await page.locator("#main").waitFor();
    expect(await page.locator("#sign-in").isVisible()).toBe(false);
    expect(page.url()).toBe(`${gateway.url}/`);
  });

  test("shows totals, shares and decisions of new requests without a reload", async () => {
    const page = await visit();
    await page.locator("#main").waitFor();
    const first = [
      cacheResult(await ask(chat("m", CAPITAL, true))),
      cacheResult(await ask(chat("m", CAPITAL))),
    ];
    const rephrased = await ask(chat("m", REPHRASED));
    const kinds = [
      ...first,
      cacheResult(rephrased),
      cacheResult(await ask(chat("m", POUND))),
      cacheResult(await ask({ ...chat("m", POUND), n: 2 })),
    ];
    expect(kinds).toEqual(["MISS", "HIT-EXACT", "HIT-SEMANTIC", "MISS", "BYPASS"]);

    await expect.poll(() => numberOf(page, "requests"), { timeout: 15_000 }).toBe(5);
    expect(await page.locator("#served").textContent()).toBe("40.0 %");
    expect(await page.locator("#served-detail").textContent()).toBe("repeats 1, rephrased 1");
    expect(await numberOf(page, "avoided")).toBeGreaterThan(0);
    expect(await page.locator("#wait-cache").textContent()).toMatch(/^\d+ ms$/);
    expect(await page.locator("#wait-model").textContent()).toMatch(/^\d+ ms$/);
    const shares = await page.locator("#legend li").allTextContents();
    expect(shares).toEqual([
      "repeat, from the cache: 1 (20.0 %)",
      "same question in other words, from the cache: 1 (20.0 %)",
      "model: 2 (40.0 %)",
      "model, not for the cache: 1 (20.0 %)",
    ]);
    expect(await page.locator("#shares span").count()).toBe(4);
    const policies = await page.locator("#rollouts li").allTextContents();
    expect(policies).toEqual(["us", "eu", "asia"].map((region) => `${region}version 0 serves`));
    expect(await page.locator("#empty").isVisible()).toBe(false);
    // Newest first.
    expect(await page.locator("#decisions .badge").allTextContents()).toEqual(kinds.toReversed());
    await expect.poll(() => page.locator("#traffic rect").count()).toBeGreaterThan(0);

    // Once somebody has said something of a hit, its language has a record.
    expect(await page.locator("#right").isVisible()).toBe(false);
    const decision = rephrased.headers["x-velo-decision"];
    await post(`${gateway.url}/v1/feedback`, { body: { decision_id: decision, score: 1 } });
    const record = page.locator("#slices tr td");
    await expect.poll(() => record.count(), { timeout: 15_000 }).toBe(7);
    const cells = await record.allTextContents();
    // Four of the five were for the cache.
    expect(cells.slice(0, 5)).toEqual(["us", "local", "en", "1 of 4 requests", "0"]);
    expect(cells[5]).toBe("not known yet");
    expect(cells[6]).toMatch(/^young/);
  });

  test("shows of each backend of velo/auto what was expected beside what came", async () => {
    const page = await visit();
    await page.locator("#main").waitFor();
    expect(await page.locator("#models").isVisible()).toBe(false);
    const backends = [
      {
        backend: "openai/<b>small</b>",
        breaker: "closed",
        failureShare: 0.05,
        forecast: {
          calls: 40,
          meanTokens: 212.4,
          expectedSeconds: 3.21,
          seconds: 3.46,
          tokensInside: [0.5, 0.8, 0.9],
          secondsInside: [0.48, 0.79, 0.91],
          inTime: 0.968,
        },
      },
      { backend: "edge/new", breaker: "open", failureShare: 1, forecast: null },
    ];
    await page.route("**/admin/live", async (route) => {
      const response = await route.fetch();
      const live = (await response.json()) as { readonly regions: readonly object[] };
      const [first, ...others] = live.regions;
      await route.fulfill({
        response,
        json: { ...live, regions: [{ ...first, backends }, ...others] },
      });
    });
    const rows = page.locator("#backends tr");
    await expect.poll(() => rows.count(), { timeout: 15_000 }).toBe(2);
    expect(await page.locator("#models").isVisible()).toBe(true);
    expect(await rows.first().locator("td").allTextContents()).toEqual([
      "us",
      "openai/<b>small</b>",
      "5 % failed",
      "212",
      "3.2 s",
      "3.5 s",
      "50 % / 80 % / 90 %",
      "48 % / 79 % / 91 %",
      "97 %",
    ]);
    const unknown = await rows.last().locator("td").allTextContents();
    expect(unknown.slice(1)).toEqual(
      ["edge/new", "open, 100 % failed", "", "", ""].concat(Array(3).fill("not known yet")),
    );
    await page.screenshot({ path: join(folder, "backends.png"), fullPage: true });
    await page.unrouteAll({ behavior: "ignoreErrors" });
  });

  test("an opened decision explains itself and stays open while new ones arrive", async () => {
    const page = await visit();
    const semantic = page.locator("#decisions li", { has: page.locator(".badge.HIT-SEMANTIC") });
    await semantic.first().waitFor();
    await semantic.first().locator("summary").click();
    const explanation = semantic.first().locator("table");
    await explanation.waitFor();
    const rows = await explanation.locator("tr").allTextContents();
    const found = (name: string) => rows.find((row) => row.startsWith(name));
    expect(found("served answer to")).toContain(CAPITAL);
    expect(found("distance")).toContain(CAPITAL);
    expect(found("hops, ms")).toMatch(/embed \d+/);
    expect(found("policy")).toMatch(/@\d+/);
    expect(found("probabilities")).toMatch(/\d\.\d{3} \/ \d\.\d{3}/);

    const before = await numberOf(page, "requests");
    await ask(chat("m", CAPITAL));
    await expect.poll(() => numberOf(page, "requests"), { timeout: 15_000 }).toBe(before + 1);
    expect(await explanation.isVisible()).toBe(true);
  });

  test(`shows ${XSS_CORPUS.length} hostile texts in questions, models and field names as text`, async () => {
    const page = await visit();
    const shown = {
      question: new Set<string>(),
      model: new Set<string>(),
      field: new Set<string>(),
    };
    const total = () => numberOf(page, "requests");
    await page.locator("#main").waitFor();
    // Three requests each, and the list holds fifty.
    const perLook = 16;
    for (let from = 0; from < XSS_CORPUS.length; from += perLook) {
      const payloads = XSS_CORPUS.slice(from, from + perLook);
      const before = await total();
      for (const payload of payloads) {
        const replies = await Promise.all([
          ask(chat("m", payload)),
          ask(chat(payload, "hello")),
          ask({ ...chat("m", "hello"), [payload]: 1 }),
        ]);
        expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
      }
      await expect.poll(total, { timeout: 20_000 }).toBe(before + 3 * payloads.length);
      await page.evaluate(() => {
        for (const details of document.querySelectorAll("details")) details.open = true;
      });
      const questions = await page.locator("#decisions .question").allTextContents();
      const cells = await page.locator("#decisions td").allTextContents();
      for (const payload of payloads) {
        const text = start(payload);
        if (questions.some((question) => start(question).startsWith(text)))
          shown.question.add(text);
        if (cells.some((cell) => start(cell).startsWith(text))) shown.model.add(text);
        if (questions.some((question) => question.includes(`field:${payload.slice(0, 12)}`)))
          shown.field.add(text);
      }
      expect(await page.title()).toBe("velo");
      const injected =
        "script:not([src='dashboard.js']), iframe, object, embed, img, base, main form";
      expect(await page.locator(injected).count()).toBe(0);
      await page.evaluate(() => {
        for (const details of document.querySelectorAll("details")) details.open = false;
      });
    }
    const all = new Set(XSS_CORPUS.map(start));
    // A question about a web address is never read, so it is not shown either.
    const withoutUrl = XSS_CORPUS.filter((payload) => !/https?:\/\//.test(payload)).map(start);
    expect(shown).toEqual({ question: new Set(withoutUrl), model: all, field: all });
  });

  test.for([
    ["desktop", DESKTOP],
    ["phone", PHONE],
  ] as const)(
    "fits a %s without scrolling sideways, in light and dark",
    async ([name, viewport]) => {
      await ask(chat("m", `A long word: ${"Donaudampfschifffahrt".repeat(20)}`));
      const show = async (colorScheme: "light" | "dark") => {
        const page = await visit({ viewport, colorScheme });
        await page.locator("#decisions li").first().waitFor();
        await page.locator("#decisions summary").first().click();
        // Open through one refresh.
        await page.waitForTimeout(2_500);
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        await page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`) });
        expect(width).toBeLessThanOrEqual(viewport.width);
      };
      await Promise.all([show("light"), show("dark")]);
      const signIn = await visit({ viewport, fragment: "" });
      await signIn.locator("#sign-in").waitFor();
      await signIn.screenshot({ path: join(folder, `${name}-sign-in.png`) });
      expect(await signIn.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(
        viewport.width,
      );
    },
  );
});
