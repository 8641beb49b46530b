// The page itself: which photo is looked at, where a photo comes from, and the line to ask in.

import { readJson } from "./api.js";
import { Conversation } from "./conversation.js";
import { label, language, say, speak, toggleLanguage, whenSpoken, word } from "./language.js";
import { PhotoProblem, askOf, nameOf, prepare, showSamples } from "./photo.js";

// The page shows itself after this long even if the API has not told its models, in ms.
const SETTLES_WITHIN = 400;
const CHIPS = ["chip1", "chip2", "chip3", "chip4"];

const at = (id) => document.getElementById(id);
const desk = matchMedia("(hover: hover) and (pointer: fine)");
const conversations = new Map(); // by what identifies the photo's source
let current = null; // the conversation on the screen, null while picking a photo
let revisions = new Map(); // model revision → is it a demo checkpoint?

// --- picking a photo ---------------------------------------------------------------------------

async function take(file, { key, sample = null }) {
  problem(null);
  if (!conversations.has(key)) {
    say(at("hint"), "preparing");
    try {
      conversations.set(key, converse(await prepare(file), sample, key));
    } catch (error) {
      if (error instanceof PhotoProblem) return problem(error.word);
      console.error(error); // a file that vanished, a canvas without memory
      return problem("photoUnreadable");
    } finally {
      say(at("hint"), "kinds");
    }
  }
  await show(conversations.get(key));
}

/** The API cannot use the photo: said at once, and another one may be chosen. */
async function giveUp(key, conversation, failure) {
  if (!conversation.empty) return; // the question says it
  conversations.delete(key);
  conversation.element.remove();
  if (conversation !== current) return describe();
  await show(null);
  problem(failure.word ?? "", failure.message);
}

function converse(photo, sample, key) {
  const number = conversations.size + 1;
  const conversation = new Conversation(photo, {
    name: () => (sample && nameOf(sample)) || word("photoNow", { n: number }),
    suggestions: () => (sample ? askOf(sample) : []),
    announce: (text) => {
      if (conversation === current) at("announcement").textContent = text;
    },
    answered: showBanner,
    changed: showComposer,
    refused: (conversation, failure) => giveUp(key, conversation, failure),
  });
  at("threads").append(conversation.element);
  return conversation;
}

const takeFile = (file) => take(file, { key: `${file.name}|${file.size}|${file.lastModified}` });

async function takeSample(sample, url) {
  const photo = await fetch(url)
    .then((response) => (response.ok ? response.blob() : null))
    .catch(() => null);
  if (!photo) return problem("sampleMissing");
  await take(photo, { key: url, sample });
}

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

async function show(conversation) {
  current = conversation;
  problem(null);
  if (current) {
    at("photo").src = current.preview;
    await at("photo").decode().catch(() => {}); // so that the tag has its height at once
  }
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
  if (at("shelf").hidden) return;
  const { showShelf } = await import("./shelf.js");
  showShelf(at("shelf-list"), others, current, show);
}

function showChips() {
  const own = current.suggestions();
  const questions = new Set([...own, ...CHIPS.map((key) => word(key))]);
  at("chips").replaceChildren(...[...questions].map((question) => {
    const chip = document.createElement("button");
    chip.type = "button";
    chip.className = "chip";
    chip.textContent = question;
    chip.addEventListener("click", () => askNow(question));
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

// --- asking ------------------------------------------------------------------------------------

function askNow(question) {
  if (!current || current.answering || !question.trim()) return;
  current.ask(question.trim());
}

function submit() {
  const { value } = at("question");
  if (!current || current.answering) return;
  if (!value.trim()) return at("question").focus();
  at("question").value = "";
  grow();
  askNow(value);
}

function grow() {
  const box = at("question");
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
}

at("send").addEventListener("click", (event) => {
  event.preventDefault();
  // The second click of a double click on "ask" is not meant as "stop".
  if (current?.answering) return event.detail > 1 ? undefined : current.stop();
  submit();
});
at("composer").addEventListener("submit", (event) => event.preventDefault());
at("question").addEventListener("input", grow);
at("question").addEventListener("keydown", (event) => {
  // 229: Safari's Enter that only accepts what the input method proposes.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  submit();
});

// --- where photos come from --------------------------------------------------------------------

for (const [button, input] of [["take", "camera-file"], ["choose", "photo-file"]]) {
  at(button).addEventListener("click", () => at(input).click());
  at(input).addEventListener("change", () => {
    const [file] = at(input).files;
    at(input).value = ""; // the same file may be chosen again
    if (file) takeFile(file);
  });
}
at("change").addEventListener("click", () => show(null));

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  at("tag").classList.add("wanted");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) at("tag").classList.remove("wanted");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  at("tag").classList.remove("wanted");
  const [file] = event.dataTransfer.files;
  if (file) takeFile(file);
});
document.addEventListener("paste", (event) => {
  const [file] = event.clipboardData.files;
  const intoText = event.target === at("question") && event.clipboardData.getData("text/plain");
  if (file && !intoText) takeFile(file);
});

// --- the start ---------------------------------------------------------------------------------

at("language").addEventListener("click", toggleLanguage);
whenSpoken(() => {
  at("language").textContent = word("otherLanguage");
  at("language").lang = language() === "zh" ? "en" : "zh-CN";
  describe();
});
speak();

document.body.dataset.settling = "";
const models = readJson("v1/models")
  .then(({ data }) => {
    revisions = new Map(data.map((model) => [model.model_revision, model.demo === true]));
    showBanner();
  })
  .catch(({ status }) => (at("closed-banner").hidden = status !== 401)); // else asking says why
const patience = new Promise((done) => setTimeout(done, SETTLES_WITHIN));
await Promise.race([models, patience]);
delete document.body.dataset.settling;

// Samples come last: a shopper with a photo of her own does not wait for them.
const idle = window.requestIdleCallback ?? ((work) => setTimeout(work, SETTLES_WITHIN));
const seen = new IntersectionObserver((entries) => {
  if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
  seen.disconnect();
  idle(async () => {
    at("samples").hidden = !(await showSamples(at("samples-list"), takeSample));
    delete at("samples").dataset.empty;
  });
});
seen.observe(at("samples"));
