// The page itself: which photo is looked at, where a photo comes from, and the line to ask in.

import { readJson } from "./api.js";
import { Conversation } from "./conversation.js";
import { label, say, speak, stored, whenSpoken, word } from "./language.js";
import { askOf, desk, nameOf, prepare, showSamples, watchSources } from "./photo.js";

const SETTLES_WITHIN = 400; // ms: then the page shows itself, whatever the API has told
const MOST_CHARS = 2000; // of a question (contract/turns.py)

const at = (id) => document.getElementById(id);
const conversations = new Map(); // by what identifies the photo's source, the oldest first
let current = null; // the conversation on the screen, null while picking a photo
let revisions = new Map(); // model revision → is it a demo checkpoint?

async function take(file, { key, sample = null }) {
  problem(null);
  if (!conversations.has(key)) {
    say(at("hint"), "preparing");
    try {
      converse(await prepare(file, { shared: sample !== null }), { key, sample }).upload.begin();
    } catch (error) {
      return problem(error.word);
    } finally {
      say(at("hint"), "kinds");
    }
  }
  await open(conversations.get(key));
}

/** The photo cannot be used: said at once, and another one may be chosen. */
async function giveUp(conversation, failure) {
  if (!conversation.empty) return; // the question says it
  remove(conversation);
  if (conversation !== current) return describe();
  await back();
  problem(failure.word ?? "", failure.message);
}

/** All of them, by the shopper's own wish. */
async function forget() {
  for (const each of [...conversations.values()]) {
    each.stop();
    remove(each);
  }
  await back();
}

function remove(conversation) {
  conversation.gone = true;
  conversations.delete(conversation.key);
  conversation.element.remove();
}

/** A conversation about a photo, which is one more on the shelf. */
function converse(photo, { key, sample, number = nextNumber() }) {
  const conversation = new Conversation(photo, {
    key,
    sample,
    number,
    name: () => (sample && nameOf(sample)) || word("photoNow", { n: number }),
    suggestions: () => (sample ? askOf(sample) : []),
    announce: (text) => conversation === current && (at("announcement").textContent = text),
    keep: () => kept().then(({ keep }) => keep(conversation)).catch(() => {}), // offline, perhaps
    answered: (revision) => {
      showBanner(revision);
      import("./pin.js"); // the conversation may become longer than the screen
      import("./installed.js");
    },
    changed: showComposer,
    refused: giveUp,
  });
  conversations.set(key, conversation);
  at("threads").append(conversation.element);
  return conversation;
}

const nextNumber = () => Math.max(0, ...[...conversations.values()].map(({ number }) => number)) + 1;
const kept = () => import("./kept.js");

const takeFile = (file) => take(file, { key: `${file.name}|${file.size}|${file.lastModified}` });

const takeSample = (sample, photo) =>
  photo ? take(photo, { key: sample.file, sample }) : problem("sampleMissing");

/** `key` of words/, or the server's own `message`; null takes it away. */
function problem(key, message = "") {
  const line = at("photo-problem");
  line.hidden = key === null;
  if (key === null) return;
  if (key) say(line, key);
  else {
    delete line.dataset.word; // the server's words: they stay in the language they came in
    line.textContent = message;
  }
  window.scrollTo({ top: 0 });
}

// --- what is on the screen ---------------------------------------------------------------------

/** Go to a conversation. The browser's Back leads from it to picking, however many were seen. */
async function open(conversation) {
  history[history.state?.key ? "replaceState" : "pushState"]({ key: conversation.key }, "");
  await show(conversation);
}

async function back() {
  if (!history.state?.key) return show(null);
  const gone = new Promise((done) => addEventListener("popstate", done, { once: true }));
  history.back();
  await gone;
}

addEventListener("popstate", ({ state }) => show(conversations.get(state?.key) ?? null));

async function show(conversation) {
  current = conversation;
  at("cancel").hidden = true;
  problem(null);
  if (current) {
    at("question").value = current.draft;
    at("photo").src = current.preview;
    await at("photo").decode().catch(() => {}); // so that the tag has its height at once
  }
  grow();
  document.body.dataset.view = current ? "ask" : "pick";
  for (const each of conversations.values()) each.element.hidden = each !== current;
  describe();
  window.scrollTo({ top: 0 });
  // A phone's keyboard would cover the suggestions, so there the focus goes to the photo.
  const focus = current ? (desk.matches ? at("question") : at("photo-name")) : at("choose");
  focus.focus({ preventScroll: true });
}

/** All that is said about the photo on the screen, in the page's language. */
function describe() {
  if (current) {
    at("photo").alt = at("photo-name").textContent = current.name();
    showChips();
    showComposer();
  }
  showShelf();
}

async function showShelf() {
  const others = [...conversations.values()];
  at("shelf").hidden = others.length < (current ? 2 : 1);
  if (!at("shelf").hidden) (await import("./shelf.js")).showShelf(others, current, open);
}

function showChips() {
  const questions = new Set([...current.suggestions(), ...[1, 2, 3, 4].map((n) => word(`chip${n}`))]);
  at("chips").replaceChildren(...[...questions].map((question) => {
    const chip = document.createElement("button");
    chip.type = "button";
    chip.className = "chip";
    chip.textContent = question;
    chip.addEventListener("click", () => {
      if (!current.answering) current.ask(question, { suggested: true });
    });
    return chip;
  }));
  at("chips").scrollTo({ left: 0 });
}

function showComposer() {
  if (!current) return;
  const { answering } = current;
  at("composer").dataset.answering = String(answering);
  label(at("send"), answering ? "stop" : "send");
  for (const chip of at("chips").children) chip.setAttribute("aria-disabled", String(answering));
  at("upload").hidden = current.uploaded === 1;
  at("upload").value = current.uploaded;
  at("invitation").hidden = !current.empty;
}

function showBanner(revision) {
  const demo = revisions.get(revision) ?? [...revisions.values()].some(Boolean);
  at("demo-banner").hidden = !demo;
}

function submit() {
  const { value } = at("question");
  if (!current || current.answering) return;
  if (!value.trim() || isTooLong()) return at("question").focus();
  at("question").value = current.draft = "";
  grow();
  current.ask(value.trim());
}

function isTooLong() {
  const { length: n } = at("question").value.trim();
  at("too-long").hidden = n <= MOST_CHARS;
  if (n > MOST_CHARS) say(at("too-long"), "tooLong", { n, most: MOST_CHARS });
  return n > MOST_CHARS;
}

/** The line grows with its text. */
function grow() {
  const box = at("question");
  isTooLong();
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
}

at("send").addEventListener("click", (event) => {
  event.preventDefault();
  // The second click of a double click on "ask" is not meant as "stop".
  if (current?.answering) return event.detail > 1 ? undefined : current.stop();
  submit();
});
at("question").addEventListener("input", () => {
  grow();
  current.draft = at("question").value;
});
document.addEventListener("visibilitychange", () => current?.draft && current.keep());
at("question").addEventListener("keydown", (event) => {
  // 229: Safari's Enter that only accepts what the input method proposes.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  submit();
});

at("change").addEventListener("click", () => back().then(() => { at("cancel").hidden = false; }));
at("cancel").addEventListener("click", () => history.forward());
at("privacy").addEventListener("click", async () => (await import("./privacy.js")).show(forget));
whenSpoken(describe);
speak();
const models = readJson("v1/models")
  .then(({ data }) => {
    revisions = new Map(data.map((model) => [model.model_revision, model.demo === true]));
    showBanner();
  })
  .catch(({ status }) => (at("closed-banner").hidden = status !== 401)); // else asking says why
const patience = new Promise((done) => setTimeout(done, SETTLES_WITHIN));
await Promise.race([Promise.all([models, remembered()]), patience]);
delete document.body.dataset.settling;
showSamples(at("samples"), takeSample);
watchSources({ take: takeFile, refuse: () => problem("noPhoto") });
if (location.search === "?shared") (await import("./installed.js")).takeShared(takeFile);

/** The conversations of before; the one that was on the screen, after a reload. */
async function remembered() {
  if (stored("shopsight.kept")) await (await kept()).restore(converse);
  const { key } = history.state ?? {};
  if (conversations.has(key)) await show(conversations.get(key));
  else history.replaceState(null, "");
  showShelf();
}
