// Reads /admin/last-hour every ten seconds and draws it. Nothing is asked of any other place.
const EVERY_MS = 10_000;
const MINUTES = 60;
const TOKEN = "administration-token";
const at = (id) => document.getElementById(id);

const ms = (value) => (value === null ? "–" : value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${Math.round(value)} ms`);
const count = (value) => Math.round(value).toLocaleString("en");
const percent = (value) => (value === null ? "–" : `${(100 * value).toFixed(1)} %`);
const seconds = (value) => `${value.toFixed(1)} s`;

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

function row(each) {
  const made = document.createElement("tr");
  const failed = each.requests ? each.failed / each.requests : null;
  const weight = each.weight === null ? "–" : each.weight;
  const cells = [each.revision, weight, count(each.requests), percent(failed), ms(each.p99_ms), count(each.up), count(each.down)];
  made.append(...cells.map((cell) => element("td", cell)));
  return made;
}

function show({ minutes, revisions }) {
  at("cards").replaceChildren(...CARDS.map((each) => card(each, minutes)));
  at("revisions").replaceChildren(...revisions.map(row));
  at("figures").hidden = false;
  const time = new Date(minutes.at(-1).at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  say(`Minute by minute until ${time}`);
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
