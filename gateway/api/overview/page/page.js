// Reads /admin/last-hour every ten seconds and draws it. Nothing is asked of any other place.
const EVERY_MS = 10_000;
const MINUTES = 60;
const TOKEN = "administration-token";
const at = (id) => document.getElementById(id);

// A figure and its unit stay in one line.
const ms = (value) => (value === null ? "–" : value >= 1000 ? `${(value / 1000).toFixed(2)}\u00a0s` : `${Math.round(value)}\u00a0ms`);
const count = (value) => Math.round(value).toLocaleString("en");
const percent = (value) => (value === null ? "–" : `${(100 * value).toFixed(1)}\u00a0%`);
const seconds = (value) => `${value.toFixed(1)}\u00a0s`;

// Title, how a minute's value is found and written, and whether a value is a bad sign.
const CARDS = [
  ["Requests a minute", (m) => m.requests, count],
  ["Failed", (m) => (m.requests ? m.failed / m.requests : null), percent, (v) => v > 0.005],
  ["Half of the answers within", (m) => m.p50_ms, ms],
  ["99 of 100 answers within", (m) => m.p99_ms, ms, (v) => v > 600],
  ["From the cache", (m) => m.from_cache, percent],
  ["Waiting for a replica", (m) => m.waiting, count, (v) => v > 16],
  ["Replicas ready", (m) => m.replicas.ready ?? 0, count, (v) => v < 1],
  ["Lag of the behaviour log", (m) => m.lag_s, seconds, (v) => v > 60],
];

function element(name, text, properties = {}) {
  const made = Object.assign(document.createElement(name), properties);
  made.textContent = text;
  return made;
}

function shape(name, points) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  made.setAttribute("points", points.map((point) => point.join(",")).join(" "));
  return made;
}

// A minute without a value, as without requests, is a gap.
function line(minutes, values, most, title) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 60 20");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${title}: the last hour, at most ${most}`);
  const last = minutes.at(-1).at;
  const highest = Math.max(...values.filter((value) => value !== null), 0) || 1;
  let run = [];
  const end = () => {
    if (run.length === 1) run.push([run[0][0] + 0.5, run[0][1]]);
    if (run.length) {
      svg.append(shape("polygon", [[run[0][0], 20], ...run, [run.at(-1)[0], 20]]), shape("polyline", run));
    }
    run = [];
  };
  values.forEach((value, index) => {
    const x = MINUTES - 1 - (last - minutes[index].at) / 60;
    if (value === null) end();
    else run.push([x.toFixed(2), (19 - (18 * value) / highest).toFixed(2)]);
  });
  end();
  return svg;
}

function card([title, value, written, isBad = () => false], minutes) {
  const values = minutes.map(value);
  const now = values.at(-2) ?? values.at(-1);
  const most = written(Math.max(...values.filter((each) => each !== null), 0));
  const made = element("div", "", { className: "card" });
  const figure = element("output", written(now), { className: isBad(now) ? "bad" : "" });
  made.append(element("h2", title), figure, line(minutes, values, most, title));
  made.append(element("div", `at most ${most}`, { className: "most" }));
  return made;
}

// Title, and how it is written for a revision.
const OF_REVISION = [
  ["Weight", ({ weight }) => weight ?? "–"],
  ["Requests", ({ requests }) => count(requests)],
  ["Failed", ({ requests, failed }) => percent(requests ? failed / requests : null)],
  ["99 of 100 computed answers within", ({ p99_ms }) => ms(p99_ms)],
  ["Thumbs up", ({ up }) => count(up)],
  ["Thumbs down", ({ down }) => count(down)],
];

function row(title, cells) {
  const made = document.createElement("tr");
  made.append(element("th", title, { scope: "row" }), ...cells);
  return made;
}

function showRevisions(revisions) {
  const names = revisions.map(({ revision }) => element("th", revision, { scope: "col" }));
  at("revisions").replaceChildren(document.createElement("td"), ...names);
  at("revision-figures").replaceChildren(...OF_REVISION.map(([title, written]) =>
    row(title, revisions.map((each) => element("td", written(each))))));
}

// Of a canary: the sign, of how many requests, answers or votes, and how many were bad.
const SIGNS = [
  ["errors", "requests", "failed", () => "Requests that failed"],
  ["slow", "computed", "slow", ({ slow_ms }) => `Computed answers slower than ${ms(slow_ms)}`],
  ["thumbs", "votes", "down", () => "Thumbs down"],
];

function sign([name, total, bad, title], { canary, figures }) {
  const share = (side) => {
    const [of, out] = [figures[side][total], figures[side][bad]];
    return `${count(out)}\u00a0of\u00a0${count(of)}${of ? ` (${percent(out / of)})` : ""}`;
  };
  const found = figures.evidence[name];
  const className = found >= figures.limit ? "bad" : "";
  const sides = ["baseline_figures", "candidate_figures"].map((side) => element("td", share(side)));
  return row(title(canary), [...sides, element("td", found.toPrecision(3), { className })]);
}

const VERDICTS = { undecided: "undecided", promote: "good enough for all callers", rollback: "to be rolled back" };
const WHY = { errors: "for its errors", slow: "for slow answers", thumbs: "for thumbs down" };

// The newest canary while it is open, and for an hour after its end.
function showCanary({ canary, figures, log, log_available }, now) {
  const ended = log.length ? Date.parse(log.at(-1).at) / 1000 : 0;
  const open = ["running", "promoting"].includes(canary?.state);
  at("canary").hidden = !canary || (!open && now - ended > 60 * MINUTES);
  if (at("canary").hidden) return;
  const goal = canary.promote ? `promoted by itself after ${count(canary.promote_after)} requests` : "promoted by hand only";
  const share = `${percent(canary.share)} of the callers, ${goal}`;
  at("canary-state").textContent = `${canary.candidate} beside ${canary.baseline}: ${canary.state}${open ? `, ${share}` : ""}.`;
  at("canary-unread").hidden = log_available;
  at("canary-table").hidden = at("verdict").hidden = !figures;
  if (figures) {
    at("baseline").textContent = canary.baseline;
    at("candidate").textContent = canary.candidate;
    at("evidence").textContent = `Evidence (of ${count(figures.limit)})`;
    at("signs").replaceChildren(...SIGNS.map((each) => sign(each, { canary, figures })));
    const verdict = [VERDICTS[figures.verdict], WHY[figures.why]].filter(Boolean).join(" ");
    at("verdict").textContent = `Verdict after ${count(figures.seconds)} s: ${verdict}.`;
    at("verdict").classList.toggle("bad", figures.verdict === "rollback");
  }
  at("decisions").replaceChildren(...log.map(({ at, action, actor, why }) =>
    element("li", `${timeOf(at)} ${action} by ${actor}${WHY[why] ? `, ${WHY[why]}` : ""}`)));
}

const timeOf = (moment) => new Date(moment).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

function show({ minutes, revisions, canary }) {
  at("cards").replaceChildren(...CARDS.map((each) => card(each, minutes)));
  showRevisions(revisions);
  const now = minutes.at(-1).at;
  showCanary(canary, now);
  at("figures").hidden = false;
  say(`Minute by minute until ${timeOf(now * 1000)}`);
}

function say(text, isBad = false) {
  at("state").textContent = text;
  at("state").classList.toggle("bad", isBad);
}

async function update() {
  const token = sessionStorage.getItem(TOKEN);
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  try {
    const answer = await fetch("admin/last-hour", { headers });
    at("login").hidden = answer.status !== 401;
    if (answer.ok) show(await answer.json());
    else say(answer.status === 401 ? "This gateway asks for its token." : `The gateway says ${answer.status}.`, true);
  } catch {
    say("The gateway does not answer.", true);
  }
}

at("login").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, at("token").value.trim());
  at("token").value = "";
  update();
});
update();
setInterval(update, EVERY_MS);
