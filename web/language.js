// Which language the page speaks, and saying it: an element remembers its word, so that a change
// of language can say everything again, answers' notes and timings included.

const MEMORY = "shopsight.language";
const TAGS = { zh: "zh-CN", en: "en" };
// Within this distance of the page's end, in pixels, the page follows an answer as it grows.
const FOLLOWS_WITHIN = 120;
const listeners = [];
const lost = new Map(); // module → how often it has not come
let current = remembered() ?? (/^zh\b/i.test(navigator.language ?? "") ? "zh" : "en");
let words = await wordsOf(current);

export const language = () => current;

export const at = (id) => document.getElementById(id);

/** The value of Accept-Language for the API: its error messages come in the page's language. */
export const acceptLanguage = () => (current === "zh" ? "zh-CN,zh;q=0.9" : "en");

// The language that most texts in a script are in.
const SCRIPTS = {
  ja: /[\p{Script=Hiragana}\p{Script=Katakana}]/u,
  "zh-CN": /\p{Script=Han}/u,
  ko: /\p{Script=Hangul}/u,
  ar: /\p{Script=Arabic}/u,
  he: /\p{Script=Hebrew}/u,
  ru: /\p{Script=Cyrillic}/u,
  th: /\p{Script=Thai}/u,
  hi: /\p{Script=Devanagari}/u,
};

/** The language tag of a text, for the right glyphs and the right voice of a screen reader. */
export const tagOf = (text) =>
  Object.keys(SCRIPTS).find((tag) => SCRIPTS[tag].test(text)) ?? TAGS.en;

export function word(key, values = {}) {
  return words[key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** Put a word into an element as its text, now and after every change of language. */
export function say(element, key, values = {}) {
  element.dataset.word = key;
  element.dataset.values = JSON.stringify(values);
  element.textContent = word(key, values);
}

/** As `say`; or without a `key` the server's own words, which stay in the language they came in. */
export function tell(element, key, message) {
  if (key) return say(element, key);
  delete element.dataset.word;
  element.textContent = message;
}

/** What keeps a shopper from going on: `key` of words/, or the server's own `message`; null takes it away. */
export function problem(key, message = "") {
  const line = at("photo-problem");
  line.hidden = key === null;
  if (key === null) return;
  tell(line, key, message);
  window.scrollTo({ top: 0 });
}

// How a wait is told, in seconds.
const UNITS = [["retryInHours", 3600], ["retryInMinutes", 60], ["retryIn", 1]];

/**
 * Make a button say that one may try again, at once or after some seconds, which are counted down;
 * minutes and hours are only told.
 */
export function sayRetry(button, seconds) {
  button.setAttribute("aria-disabled", String(seconds > 0));
  if (seconds <= 0) return say(button, "retry");
  const [key, unit] = UNITS.find(([, unit]) => seconds > unit) ?? UNITS.at(-1);
  say(button, key, { n: Math.ceil(seconds / unit) });
  setTimeout(() => sayRetry(button, seconds - unit), 1000 * Math.min(seconds, unit));
}

/** As `say`, for the element's accessible name. */
export function label(element, key, values = {}) {
  element.dataset.wordLabel = key;
  element.dataset.values = JSON.stringify(values);
  element.setAttribute("aria-label", word(key, values));
}

/** A button that says the word `key`. */
export function wordButton(className, key, act) {
  const button = Object.assign(document.createElement("button"), { type: "button", className });
  say(button, key);
  button.addEventListener("click", act);
  return button;
}

/** Fill `group` with a button for each of `texts`; what had the focus keeps it, or `other` gets it. */
export function textButtons(group, texts, { className, act, other }) {
  const before = [...group.children];
  if (String(texts) === String(before.map(({ textContent }) => textContent))) return;
  const focused = before.indexOf(document.activeElement);
  group.replaceChildren(...texts.map((textContent) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className, textContent });
    button.addEventListener("click", () => act(textContent));
    return button;
  }));
  group.scrollLeft = 0; // others begin where one can read them
  if (focused >= 0) (group.children[focused] ?? other).focus({ preventScroll: true });
}

/** Whether a text has more than `most` characters, which `line` then says. */
export function isTooLong(text, most, line) {
  const n = text.trim().length;
  line.hidden = n <= most;
  if (n > most) say(line, "tooLong", { n, most });
  return n > most;
}

/** Do what moves the page: at once before anybody sees it, later only with the shopper's next press. */
export function whenItMayMove(act) {
  if ("settling" in document.body.dataset) return act();
  addEventListener("click", act, { capture: true, once: true });
}

/** Where the conversation ends at the screen's end: the page's foot would take an answer's room. */
const end = () =>
  document.documentElement.scrollHeight - window.innerHeight - document.querySelector("footer").offsetHeight;

/** Show the conversation's end; who sees what stands below it stays there. */
export const scrollToEnd = () => window.scrollTo({ top: Math.max(window.scrollY, end()) });

/** Do something that may lengthen the page; who reads its end keeps seeing the end. */
export function following(lengthen) {
  const before = end() - window.scrollY;
  lengthen();
  if (before < FOLLOWS_WITHIN) scrollToEnd();
}

/** Hides a control; if it has the focus, `other` gets that. */
export function hide(control, other) {
  if (control.contains(document.activeElement)) other.focus({ preventScroll: true });
  control.hidden = true;
}

/** Call `listener` now and after every change of language. */
export function whenSpoken(listener) {
  listeners.push(listener);
  listener();
}

export function speak() {
  document.documentElement.lang = TAGS[current];
  document.title = word("title");
  for (const element of document.querySelectorAll("[data-word], [data-word-label]")) {
    const { word: text, wordLabel, wordPlaceholder, values } = element.dataset;
    const filled = values ? JSON.parse(values) : {};
    if (text) element.textContent = word(text, filled);
    if (wordLabel) element.setAttribute("aria-label", word(wordLabel, filled));
    if (wordPlaceholder) element.placeholder = word(wordPlaceholder);
  }
  for (const listener of listeners) listener();
}

const toggle = document.getElementById("language");
whenSpoken(() => {
  toggle.textContent = word("otherLanguage");
  toggle.lang = current === "zh" ? TAGS.en : TAGS.zh;
});
toggle.addEventListener("click", async () => {
  const other = current === "zh" ? "en" : "zh";
  const wanted = await wordsOf(other).catch(() => null);
  if (!wanted) return problem("offline");
  words = wanted;
  current = other;
  speak();
  try {
    localStorage.setItem(MEMORY, current);
  } catch {
    // Private windows and blocked storage: the choice lasts as long as the page.
  }
});

/** One language is loaded: the other one only when it is wanted. */
async function wordsOf(tongue) {
  return (await load(`./words/${tongue}.js`)).words;
}

/**
 * A module that comes when it is needed. Some browsers remember for ever that one was lost, so the
 * next try asks for it by another name.
 */
export function load(module) {
  const n = lost.get(module);
  return import(n ? `${module}?${n}` : module).catch((error) => {
    lost.set(module, (n ?? 0) + 1);
    throw error;
  });
}

/** What a press needs: `act(module)`, or the shopper is told that it was lost on the way. */
export const pressed = (module, act) => load(module).then(act, () => problem("offline"));

function remembered() {
  const value = stored(MEMORY);
  return value in TAGS ? value : null;
}

/** What localStorage has under a name; null too where a browser forbids it. */
export function stored(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}
