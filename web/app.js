// The page itself: which photo is looked at, where a photo comes from, and the line to ask in.

import { readJson, stopUploads } from "./api.js";
import { Conversation } from "./conversation.js";
import { at, isTooLong, label, load, pressed, problem, say, speak, stored, textButtons, whenItMayMove, whenSpoken, word } from "./language.js";
import { desk, nameOf, prepare, showSamples, watchSources } from "./photo.js";

const SETTLES_WITHIN = 400; // ms: then the page shows itself, whatever the API has told
const MOST_CHARS = 2000; // of a question (contract/turns.py)
const VISIBLE = /[^\p{C}\p{Z}]/u; // at least one of its characters

const conversations = new Map(); // by what identifies the photo's source, the oldest first
const features = new Map(); // modules that follow what is on the screen, once they are needed
let current = null; // the conversation on the screen, null while picking a photo
let comparing = null; // the conversation for which a second photo is being picked
let picks = 0; // one more with each photo that is picked, and each change of what is on the screen
let hush = () => {}; // ends listening to a spoken question
let revisions = new Map(); // model revision → is it a demo checkpoint?

/** `file()`: a photo, perhaps a promise of it. It is dropped if the shopper goes on meanwhile. */
async function take(file, { key, sample = null }) {
  problem(null);
  const pick = ++picks;
  let photo = conversations.get(key)?.photos[0];
  if (!photo) {
    say(at("hint"), "preparing");
    photo = await prepare(file, { shared: sample !== null }).catch((error) => ({ error }));
    if (pick !== picks) return URL.revokeObjectURL(photo.preview);
    say(at("hint"), "kinds");
    if (photo.error) return problem(photo.error.word ?? "photoUnreadable");
    Object.assign(photo, { key, sample, number: nextNumber() });
  }
  await choose(photo);
}

/** A photo that is ready: to be asked about, or to be compared with that of `comparing`. */
async function choose(photo) {
  const first = comparing;
  if (!first && !conversations.has(photo.key)) converse(photo).photos[0].begin();
  if (first && first.key !== photo.key) {
    await pressed("./compare.js", ({ pair }) => pair(first, photo, problem));
  }
  await open(first ?? conversations.get(photo.key));
}

/** The photo cannot be used: said at once, and another one may be chosen. */
async function giveUp(conversation, failure) {
  if (!conversation.empty) return; // the question says it
  remove(conversation);
  if (conversation !== current) return describe();
  await back();
  problem(failure.word ?? "", failure.message);
}

/** All of them, by the shopper's own wish, in all of her pages; nothing goes to the API any more. */
async function forget() {
  const stopped = stopUploads();
  all().forEach(remove);
  await Promise.all([stopped, back()]);
}

function remove(conversation) {
  conversation.stop();
  conversation.gone = true;
  conversations.delete(conversation.key);
  conversation.element.remove();
}

/** A conversation about a photo, which is one more on the shelf. */
function converse(photo) {
  const conversation = new Conversation(photo, {
    announce: (text) => conversation === current && (at("announcement").textContent = text),
    keep: () => kept().then(({ keep }) => keep(conversation)).catch(() => {}), // offline, perhaps
    answered: (revision) => {
      showBanner(revision);
      load("./installed.js").catch(() => {});
    },
    changed: showComposer,
    refused: giveUp,
  });
  conversations.set(photo.key, conversation);
  at("threads").append(conversation.element);
  return conversation;
}

const named = ({ sample, number }) => (sample && nameOf(sample)) || word("photoNow", { n: number });
const all = () => [...conversations.values()];
const nextNumber = () => Math.max(0, ...all().flatMap(({ photos }) => photos.map((each) => each.number))) + 1;
const kept = () => load("./kept.js");
const takeFile = (file) => take(() => file, { key: `${file.name}|${file.size}|${file.lastModified}` });

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

history.scrollRestoration = "manual"; // a photo is picked from the top on, whichever way one came
addEventListener("popstate", ({ state }) => show(conversations.get(state?.key) ?? null));

async function show(conversation) {
  hush();
  window.speechSynthesis?.cancel(); // an answer of before (aloud.js)
  picks++;
  say(at("hint"), "kinds");
  current = conversation;
  comparing = null;
  say(at("headline"), "headline");
  at("cancel").hidden = true;
  problem(null);
  if (current) {
    at("question").value = current.draft;
    at("photo").src = current.photos[0].preview;
    await at("photo").decode().catch(() => {}); // so that the tag has its height at once
  }
  grow();
  document.body.dataset.view = current ? "ask" : "pick";
  for (const each of conversations.values()) each.element.hidden = each !== current;
  at("chips").scrollTo({ left: 0 });
  describe();
  window.scrollTo({ top: 0 });
  // A phone's keyboard would cover the suggestions, so there the focus goes to the photo.
  const focus = current ? (desk.matches ? at("question") : at("photo-name")) : at("choose");
  focus.focus({ preventScroll: true });
}

/** A photo is picked in the place of the one on the screen, or to be compared with it. */
async function pickAnother(first) {
  await back();
  comparing = first;
  if (first) say(at("headline"), "headlineSecond");
  at("cancel").hidden = false;
}

/** All that is said about the photos on the screen, in the page's language. */
function describe() {
  if (current) {
    at("photo").alt = named(current.photos[0]);
    at("photo-name").textContent = current.photos.map(named).join(" · ");
  }
  showComposer();
  follow("./shelf.js", conversations.size > (current ? 1 : 0));
}

/** A module's `follow(conversation, page)`: from when it is `needed` whenever something changes. */
function follow(module, needed) {
  const lost = () => features.delete(module); // offline, perhaps
  if (needed && !features.has(module)) features.set(module, load(module).catch(lost));
  const page = { all, choose, describe, named, takeFile };
  features.get(module)?.then(({ follow }) => follow?.(current, page));
}

function showComposer() {
  if (current) {
    const { answering, photos } = current;
    textButtons(at("chips"), current.suggestions, {
      className: "chip",
      act: (question) => current.answering || current.ask(question, { suggested: true }),
      other: at("photo-name"),
    });
    at("composer").dataset.answering = String(answering);
    label(at("send"), answering ? "stop" : "send");
    for (const chip of at("chips").children) chip.setAttribute("aria-disabled", String(answering));
    at("upload").value = Math.min(...photos.map(({ arrived }) => arrived));
    at("upload").hidden = at("upload").value === 1;
    at("invitation").hidden = !current.empty;
  }
  follow("./compare.js", current?.photos[1]);
  follow("./pin.js", current && !current.empty && !current.answering);
  follow("./card.js", current?.photos[0].id && !current.answering);
}

function showBanner(revision) {
  const demo = revisions.get(revision) ?? [...revisions.values()].some(Boolean);
  at("demo-banner").hidden = !demo;
}

function submit() {
  const { value } = at("question");
  if (!current || current.answering) return;
  if (!VISIBLE.test(value) || isTooLong(value, MOST_CHARS, at("too-long"))) return at("question").focus();
  hush();
  at("question").value = current.draft = "";
  grow();
  current.ask(value.trim());
}

/** The line grows with its text. */
function grow() {
  const box = at("question");
  isTooLong(box.value, MOST_CHARS, at("too-long"));
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
document.addEventListener("visibilitychange", () => document.hidden && current && current.draft !== current.keptDraft && current.keep());
at("question").addEventListener("keydown", (event) => {
  // 229: Safari's Enter that only accepts what the input method proposes.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  submit();
});

at("speak").hidden = !(window.isSecureContext && (window.SpeechRecognition ?? window.webkitSpeechRecognition));
at("speak").addEventListener("click", () => pressed("./voice.js", (voice) => ({ hush } = voice).listen()));
at("change").addEventListener("click", () => pickAnother(null));
at("compare").addEventListener("click", () => pickAnother(current));
at("cancel").addEventListener("click", () => history.forward());
at("privacy").addEventListener("click", () => pressed("./privacy.js", ({ show }) => show(forget)));
addEventListener("storage", ({ key, newValue }) => key === "shopsight.forget" && newValue && forget()); // as privacy.js tells
whenSpoken(describe);
speak();
const models = readJson("v1/models")
  .then(({ data }) => {
    revisions = new Map(data.map((model) => [model.model_revision, model.demo === true]));
    whenItMayMove(() => showBanner());
  })
  .catch(({ status }) => status === 401 && whenItMayMove(() => (at("closed-banner").hidden = false)));
await Promise.race([Promise.all([models, remembered()]), new Promise((done) => setTimeout(done, SETTLES_WITHIN))]);
delete document.body.dataset.settling;
showSamples(at("samples"), (sample, photo) => take(photo, { key: sample.file, sample }));
watchSources({ take: takeFile, refuse: () => problem("noPhoto") });
if (location.search === "?shared") pressed("./installed.js", ({ takeShared }) => takeShared(takeFile));

/** The conversations of before; the one that was on the screen, after a reload. */
async function remembered() {
  // Where that is lost, or damaged, the page goes on without.
  if (stored("shopsight.kept")) await kept().then(({ restore }) => restore(converse)).catch(() => {});
  const { key } = history.state ?? {};
  if (conversations.has(key) && !picks) await show(conversations.get(key));
  else if (!picks) history.replaceState(null, "");
  describe();
}
