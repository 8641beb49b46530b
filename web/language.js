// Which language the page speaks, and saying it: an element remembers its word, so that a change
// of language can say everything again, answers' notes and timings included.

const MEMORY = "shopsight.language";
const TAGS = { zh: "zh-CN", en: "en" };
const listeners = [];
let current = remembered() ?? (/^zh\b/i.test(navigator.language ?? "") ? "zh" : "en");
let words = await wordsOf(current);

export const language = () => current;

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

/** As `say`, for the element's accessible name. */
export function label(element, key, values = {}) {
  element.dataset.wordLabel = key;
  element.dataset.values = JSON.stringify(values);
  element.setAttribute("aria-label", word(key, values));
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
  words = await wordsOf(other);
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
  return (await import(`./words/${tongue}.js`)).words;
}

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
