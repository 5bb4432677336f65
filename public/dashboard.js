// Live view of the gateway. Everything shown came from users at some point, so it is written with textContent only.

const KINDS = {
  "HIT-EXACT": "repeat, from the cache",
  "HIT-SEMANTIC": "same question in other words, from the cache",
  AUGMENTED: "model with cached notes",
  MISS: "model",
  BYPASS: "model, not for the cache",
};
const EVERY_MS = 2000;
const WINDOW_MS = 5 * 60_000;

const element = (id) => document.getElementById(id);
/** Requests seen at each poll: [time, total]. */
let polls = [];
let openId = null;
/** Ids in the list, so that it is only rebuilt, and focus and selection lost, when it changes. */
let listed = "";

let token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) {
  sessionStorage.setItem("token", token);
  // Out of the address bar, so that it is not copied along with the link.
  window.history.replaceState(null, "", location.pathname);
} else {
  token = sessionStorage.getItem("token");
}

element("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  token = element("token").value;
  sessionStorage.setItem("token", token);
  void poll();
});

async function poll() {
  if (!token) return signIn("");
  try {
    const response = await fetch("/admin/live", { headers: { authorization: `Bearer ${token}` } });
    if (response.status === 401) return signIn("That token is not the right one.");
    if (response.status === 404) return signIn("This deployment has no admin token set.");
    if (!response.ok) throw new Error(`the gateway answered ${response.status}`);
    show(await response.json());
  } catch (error) {
    status(`No news: ${error.message}`, true);
  }
}

function signIn(message) {
  element("main").hidden = true;
  element("sign-in").hidden = false;
  status(message || "Sign in", message !== "");
}

function status(text, bad = false) {
  element("status").textContent = text;
  element("status").classList.toggle("bad", bad);
}

function show(live) {
  element("sign-in").hidden = true;
  element("main").hidden = false;
  const totals = sum(live.regions.map((region) => region.totals));
  const hits = (totals.byKind["HIT-EXACT"] ?? 0) + (totals.byKind["HIT-SEMANTIC"] ?? 0);
  const names = live.regions.map((region) => region.region).join(", ");
  status(
    live.unreachable > 0
      ? `${live.unreachable} region objects cannot be reached; showing ${names}`
      : `Live: ${names}`,
    live.unreachable > 0,
  );

  polls.push([live.at, totals.requests]);
  polls = polls.filter(([at]) => live.at - at <= WINDOW_MS);
  const [firstAt, first] = polls[0];
  const seconds = (live.at - firstAt) / 1000;

  text("requests", count(totals.requests));
  text("rate", seconds > 0 ? `${((totals.requests - first) / seconds).toFixed(1)} per second` : "");
  text("served", percent(hits, totals.requests));
  text(
    "served-detail",
    `repeats ${count(totals.byKind["HIT-EXACT"] ?? 0)}, rephrased ${count(totals.byKind["HIT-SEMANTIC"] ?? 0)}`,
  );
  waits("wait-cache", totals.delays, ["HIT-EXACT", "HIT-SEMANTIC"]);
  waits("wait-model", totals.delays, ["MISS", "BYPASS", "AUGMENTED"]);
  text("avoided", count(totals.tokensAvoided));
  text("spent", `${count(totals.tokensIn + totals.tokensOut)} spent`);
  text("saving", dollars(totals.savedUsd - totals.overheadUsd));
  text(
    "saving-detail",
    `${dollars(totals.savedUsd)} saved, ${dollars(totals.overheadUsd)} spent on it`,
  );

  shares(totals);
  traffic();
  element("rollouts").replaceChildren(...live.regions.map(rollout));
  slices(live.regions);
  backends(live.regions);
  decisions(live.regions.flatMap((region) => region.recent));
  const entries = live.regions.reduce((all, region) => all + region.entries, 0);
  text(
    "footer",
    `Questions in the cache: ${count(entries)}. Policy ${live.policy.name} version ${live.policy.version}. Embedder ${live.embedder}.`,
  );
}

function sum(all) {
  const out = {
    requests: 0,
    byKind: {},
    delays: {},
    tokensIn: 0,
    tokensOut: 0,
    tokensAvoided: 0,
    costUsd: 0,
    savedUsd: 0,
    overheadUsd: 0,
  };
  for (const totals of all) {
    for (const key of Object.keys(out)) if (typeof out[key] === "number") out[key] += totals[key];
    for (const [kind, n] of Object.entries(totals.byKind))
      out.byKind[kind] = (out.byKind[kind] ?? 0) + n;
    for (const [kind, buckets] of Object.entries(totals.delays ?? {})) {
      const into = (out.delays[kind] ??= []);
      buckets.forEach((n, i) => (into[i] = (into[i] ?? 0) + n));
    }
  }
  return out;
}

/** Bucket i of a delay histogram ends at 2^(i/2) milliseconds. */
function quantile(buckets, q) {
  const total = buckets.reduce((all, n) => all + (n ?? 0), 0);
  let seen = 0;
  for (let i = 0; i < buckets.length; i++) {
    seen += buckets[i] ?? 0;
    if (total > 0 && seen >= q * total) return 2 ** (i / 2);
  }
  return null;
}

function waits(id, delays, kinds) {
  const buckets = [];
  for (const kind of kinds)
    (delays[kind] ?? []).forEach((n, i) => (buckets[i] = (buckets[i] ?? 0) + n));
  text(id, duration(quantile(buckets, 0.5)));
  const p95 = quantile(buckets, 0.95);
  text(`${id}-p95`, p95 === null ? "none yet" : `95 % within ${duration(p95)}`);
}

function shares(totals) {
  const bar = element("shares");
  const legend = element("legend");
  bar.replaceChildren();
  legend.replaceChildren();
  for (const [kind, meaning] of Object.entries(KINDS)) {
    const n = totals.byKind[kind] ?? 0;
    if (n === 0) continue;
    const part = document.createElement("span");
    part.className = kind;
    part.style.flexGrow = String(n);
    bar.append(part);
    const item = document.createElement("li");
    const dot = document.createElement("i");
    dot.className = kind;
    item.append(dot, `${meaning}: ${count(n)} (${percent(n, totals.requests)})`);
    legend.append(item);
  }
}

function traffic() {
  const svg = element("traffic");
  svg.replaceChildren();
  if (polls.length < 2) return;
  const steps = polls.slice(1).map(([at, n], i) => ({ at, n: n - polls[i][1] }));
  const most = Math.max(1, ...steps.map(({ n }) => n));
  const now = polls.at(-1)[0];
  const width = (300 * EVERY_MS) / WINDOW_MS;
  for (const { at, n } of steps) {
    if (n <= 0) continue;
    const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const height = Math.max(1, (56 * n) / most);
    bar.setAttribute("x", String(300 - width - (300 * (now - at)) / WINDOW_MS));
    bar.setAttribute("y", String(60 - height));
    bar.setAttribute("width", String(width * 0.8));
    bar.setAttribute("height", String(height));
    svg.append(bar);
  }
}

/** Which policies decide in a region, how the one that is tried does, and what happened last. */
function rollout({ region, rollout: { stable, candidate, share, next, statistics, lastEvent } }) {
  const item = document.createElement("li");
  item.append(tag("span", region, "region quiet"), `version ${stable} serves`);
  if (candidate !== null) {
    const { decisions: n, hits, errors, failures } = statistics.candidate;
    item.append(
      `; version ${candidate} is tried on ${Math.round(100 * share)} % of the users: ${count(n)} decisions, `,
      `${percent(hits, n)} of them hits (${percent(statistics.stable.hits, statistics.stable.decisions)} with version ${stable})`,
      errors + failures > 0 ? `, ${count(errors)} errors, ${count(failures)} failures` : "",
    );
  }
  if (next !== null) item.append(`; version ${next} waits`);
  if (lastEvent !== null) item.append(tag("small", told(lastEvent), lastEvent.reason ? "bad" : ""));
  return item;
}

const STATES = {
  young: "young: served by the verifier's threshold, examined often",
  open: "open",
  cautious: "cautious after a change: served nearer by",
  closed: "closed: no rephrased question is served",
};
const PHASES = {
  trial: "notes on trial",
  on: "notes pay",
  off: "notes do not pay",
  retry: "notes on trial again",
};

/** What is known of wrong answers, of the trials of notes, and of a change of the embedder. */
function slices(regions) {
  const rows = regions.flatMap(({ region, slices: all }) =>
    all.map((slice) => {
      const line = document.createElement("tr");
      const state = Object.hasOwn(STATES, slice.state) ? STATES[slice.state] : slice.state;
      const cells = [
        region,
        slice.tenant,
        slice.lang,
        `${count(slice.hits)} of ${count(slice.requests)} requests`,
        count(slice.labels),
        between(slice.wrongPerHit),
        slice.why === null ? state : `${state} (${slice.why})`,
      ];
      line.append(...cells.map((cell) => tag("td", cell)));
      line.classList.toggle("bad", slice.state === "closed");
      return line;
    }),
  );
  const lines = regions.flatMap(({ region, notes, reembedding, labelBudgets }) => [
    ...notes.map(
      ({ tenant, lang, phase, requests, why }) =>
        `${region}, ${tenant}, ${lang}: ${Object.hasOwn(PHASES, phase) ? PHASES[phase] : phase} after ${count(requests)} requests${why === null ? "" : ` (${why})`}`,
    ),
    ...labelBudgets
      .filter(({ paused }) => paused)
      .map(
        ({ tenant, spentUsd, savedUsd }) =>
          `${region}, ${tenant}: examining is paused, ${dollars(spentUsd)} spent and ${dollars(savedUsd)} saved in a day`,
      ),
    ...(reembedding === null || reembedding.finishedAt !== null
      ? []
      : [`${region}: ${count(reembedding.moved)} questions are embedded anew so far`]),
  ]);
  element("right").hidden = rows.length + lines.length === 0;
  element("slices").replaceChildren(...rows);
  element("trials").replaceChildren(...lines.map((line) => tag("li", line)));
}

/** How the backends of `velo/auto` do, and whether their answers come when they are expected. */
function backends(regions) {
  const rows = regions.flatMap(({ region, backends: all }) =>
    (all ?? []).map(({ backend, breaker, failureShare, forecast }) => {
      const line = document.createElement("tr");
      const share = (x) => `${Math.round(100 * x)} %`;
      const inside = forecast?.secondsInside?.map(share).join(" / ");
      const lengths = forecast?.tokensInside?.map(share).join(" / ");
      const cells = [
        region,
        backend,
        breaker === "closed"
          ? `${share(failureShare)} failed`
          : `${breaker}, ${share(failureShare)} failed`,
        forecast === null ? "" : count(Math.round(forecast.meanTokens)),
        forecast === null ? "" : `${forecast.expectedSeconds.toFixed(1)} s`,
        forecast === null ? "" : `${forecast.seconds.toFixed(1)} s`,
        lengths ?? "not known yet",
        inside ?? "not known yet",
        forecast?.inTime == null ? "not known yet" : share(forecast.inTime),
      ];
      line.append(...cells.map((cell) => tag("td", cell)));
      line.classList.toggle("bad", breaker === "open");
      return line;
    }),
  );
  element("models").hidden = rows.length === 0;
  element("backends").replaceChildren(...rows);
}

function between({ mean, low, high }) {
  const share = (x) => `${(100 * x).toFixed(1)} %`;
  return mean === null ? "not known yet" : `${share(mean)} (${share(low)} to ${share(high)})`;
}

const EVENTS = {
  candidate: "began its trial",
  replaced: "began its trial in place of one that nobody had met",
  advanced: "went on to the next stage",
  stable: "came into service",
  set: "was put into service by hand",
  "rolled-back": "was taken out",
};

function told({ at, version, kind, reason, detail }) {
  const when = new Date(at).toLocaleTimeString([], { hourCycle: "h23" });
  const what = Object.hasOwn(EVENTS, kind) ? EVENTS[kind] : kind;
  return `${when} version ${version} ${what}${reason ? `: ${reason}, ${detail}` : ""}`;
}

function decisions(receipts) {
  const newest = receipts.toSorted((a, b) => b.at - a.at).slice(0, 50);
  element("empty").hidden = newest.length > 0;
  // While someone reads a decision the list stands still.
  if (openId !== null && newest.some(({ id }) => id === openId)) return;
  openId = null;
  const ids = newest.map(({ id }) => id).join();
  if (ids === listed) return;
  listed = ids;
  element("decisions").replaceChildren(...newest.map(decision));
}

function decision({ id, at, body }) {
  const item = document.createElement("li");
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  const time = tag("time", new Date(at).toLocaleTimeString([], { hourCycle: "h23" }));
  time.dateTime = new Date(at).toISOString();
  const badge = tag("span", body.kind, `badge ${Object.hasOwn(KINDS, body.kind) ? body.kind : ""}`);
  const question = tag("span", body.question || "(not read)", "question");
  if (Object.hasOwn(KINDS, body.kind)) badge.title = KINDS[body.kind];
  if (body.reason) question.append(" ", tag("span", body.reason, "reason"));
  const wait = tag("span", `+${duration(body.overheadMs)}`, "wait");
  wait.title = "added before the answer or the model's turn";
  summary.append(time, badge, tag("span", body.region, "region quiet"), question, wait);
  details.append(summary, explanation(id, body));
  details.addEventListener("toggle", () => {
    openId = details.open ? id : openId === id ? null : openId;
  });
  item.append(details);
  return item;
}

/** Which backend of `velo/auto` answered, and why. */
function routingOf({ rule, backend, predictedSeconds, upperSeconds, reasons, tried }) {
  return [
    `${backend ?? "none"} by ${rule}`,
    predictedSeconds !== null && `${predictedSeconds.toFixed(1)} s predicted`,
    typeof upperSeconds === "number" && `at most ${upperSeconds.toFixed(1)} s`,
    reasons.length > 0 && `breaks ${reasons.join(", ")}`,
    ...tried.map((each) => `after ${each.backend}: ${each.why}`),
  ]
    .filter(Boolean)
    .join("; ");
}

/** What `GET /admin/decisions/{id}` says, in a table. */
function explanation(id, body) {
  const table = document.createElement("table");
  const row = (name, value) => {
    if (value === null || value === undefined || value === "") return;
    const line = document.createElement("tr");
    line.append(tag("th", name), tag("td", String(value)));
    table.append(line);
  };
  row("decision", id);
  row("model", [body.model, body.upstream].filter(Boolean).join(" at "));
  row("backend", body.routing && routingOf(body.routing));
  row("policy", body.policy);
  row("probabilities", body.probabilities?.map((p) => p.toFixed(3)).join(" / "));
  row("handled as", [body.handling, body.sub].filter(Boolean).join(", "));
  row("would have been", body.would);
  row("served answer to", body.served?.question);
  row(
    "hops, ms",
    Object.entries(body.hops ?? {})
      .map(([hop, ms]) => `${hop} ${ms}`)
      .join(", "),
  );
  row(
    "failed hops",
    Object.entries(body.failures ?? {})
      .map(([hop, why]) => `${hop}: ${why}`)
      .join(", "),
  );
  for (const near of body.neighbours ?? []) {
    const verdicts = near.verdicts;
    const refused = (verdicts?.guards ?? []).filter(({ pass }) => !pass);
    const fit = verdicts?.verifier;
    const why = [
      ...refused.map(({ guard, detail }) => `${guard}: ${detail}`),
      fit
        ? `fits with ${percent(fit.probability, 1)}, ${percent(fit.threshold, 1)} needed: ${fit.reasons.map(({ feature, weight }) => `${feature} ${weight > 0 ? "+" : ""}${weight}`).join(", ")}`
        : "",
      verdicts?.budget && !verdicts.budget.pass ? `budget: ${verdicts.budget.detail}` : "",
    ].filter(Boolean);
    row(
      `distance ${near.distance}`,
      `${near.question}${why.length > 0 ? ` — ${why.join("; ")}` : ""}`,
    );
  }
  return table;
}

function tag(name, content, className = "") {
  const made = document.createElement(name);
  made.textContent = content;
  if (className) made.className = className;
  return made;
}
const text = (id, value) => {
  element(id).textContent = value;
};
const count = (n) => Math.round(n).toLocaleString("en");
const percent = (part, whole) => `${whole > 0 ? ((100 * part) / whole).toFixed(1) : "0"} %`;
const dollars = (usd) =>
  `${usd < 0 ? "-" : ""}$${usd === 0 ? 0 : Math.abs(usd).toFixed(Math.abs(usd) >= 1 ? 2 : 5)}`;
const duration = (ms) =>
  ms === null ? "–" : ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;

await poll();
setInterval(poll, EVERY_MS);
