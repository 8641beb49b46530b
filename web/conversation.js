// The questions and answers about one photo, as they stand on the screen.

import { AskFailure, Upload, ask } from "./api.js";
import { say, tagOf, word } from "./language.js";

// Within this distance of the page's end, in pixels, the page follows an answer as it grows.
const FOLLOWS_WITHIN = 120;
// After this long without a word the shopper may go on waiting or stop, in ms.
const SILENCE = 5000;

export class Conversation {
  #answering = null; // the AbortController of the answer under way

  /**
   * `photo` is what photo.js prepared. `changed()` runs when answering begins or ends and when the
   * photo is further on its way, `refused()` when it cannot be used.
   */
  constructor({ preview, ready }, { name, suggestions, announce, answered, changed, refused }) {
    Object.assign(this, { preview, name, suggestions, announce, answered, changed });
    this.uploaded = 0; // from 0 to 1
    this.upload = new Upload(ready, {
      progress: (share) => {
        this.uploaded = share;
        this.changed();
      },
      refused: (failure) => refused(this, failure),
    });
    this.element = document.createElement("div");
    this.element.className = "conversation";
  }

  get answering() {
    return this.#answering !== null;
  }

  get empty() {
    return this.element.childElementCount === 0;
  }

  ask(question) {
    const exchange = new Exchange(question, {
      retry: () => this.#answer(exchange),
      stop: () => this.stop(),
      announce: this.announce,
    });
    this.element.append(exchange.element);
    return this.#answer(exchange);
  }

  stop() {
    this.#answering?.abort();
  }

  async #answer(exchange) {
    if (this.answering) return;
    this.#answering = new AbortController();
    const { signal } = this.#answering;
    exchange.begin();
    this.changed();
    window.scrollTo({ top: document.documentElement.scrollHeight });
    this.announce(word("looking"));
    try {
      for await (const part of ask(this.upload, exchange.question, signal)) {
        if (part.head) exchange.head(part.head);
        if (part.text) following(() => exchange.add(part.text));
        if (part.end) following(() => exchange.finish(part.end));
      }
      this.answered(exchange.revision);
    } catch (error) {
      if (signal.aborted) exchange.stopped();
      else if (error instanceof AskFailure) following(() => exchange.fail(error));
      else throw error;
    } finally {
      this.#answering = null;
      this.changed();
      this.announce(exchange.spoken);
    }
  }
}

/** One question with its answer, and a note on what went wrong. */
class Exchange {
  #silence = 0; // the timer of it
  #below = null; // what stands under a whole answer

  constructor(question, { retry, stop, announce }) {
    this.question = question;
    this.announce = announce;
    this.element = part("article", "exchange");
    this.text = part("p", "answer");
    this.note = part("p", "note");
    this.retry = part("button", "quiet-button retry");
    this.retry.type = "button";
    this.retry.addEventListener("click", () => {
      if (this.retry.getAttribute("aria-disabled") !== "true") retry();
    });
    this.patience = patienceOf({ wait: () => this.#listen(), stop });
    const asked = part("h2", "question");
    asked.textContent = question;
    asked.lang = tagOf(question);
    this.element.append(asked, this.text, this.note, this.patience, this.retry);
  }

  /** What a screen reader is told once the answer has ended, instead of every piece of it. */
  get spoken() {
    const answer = this.text.textContent;
    const said = answer ? word("announceAnswer", { text: answer }) : "";
    const noted = this.note.hidden ? "" : this.note.textContent;
    return [said, noted].filter(Boolean).join(" ");
  }

  begin() {
    this.startedAt = performance.now();
    this.firstMs = null;
    this.revision = "";
    this.cache = "";
    this.retry.hidden = true;
    this.#below?.withdraw();
    this.element.dataset.state = "answering";
    this.text.textContent = "";
    this.#remark("looking");
    this.#listen();
  }

  /** From now on silence is noticed: told, with the choice to wait or to stop. */
  #listen() {
    clearTimeout(this.#silence);
    if (!this.patience.hidden) this.#remark("looking");
    this.patience.hidden = true;
    this.#silence = setTimeout(() => following(() => {
      this.#remark("stillLooking");
      this.patience.hidden = false;
      this.announce(word("stillLooking"));
    }), SILENCE);
  }

  head({ cache, revision, interaction }) {
    this.cache = cache;
    this.revision = revision;
    this.interaction = interaction;
    Object.assign(this.element.dataset, { cache, revision, interaction });
  }

  add(text) {
    this.firstMs ??= performance.now() - this.startedAt;
    this.#listen();
    this.note.hidden = true;
    this.text.append(text); // a text node: never markup
    this.text.lang = tagOf(this.text.textContent);
  }

  finish(reason) {
    this.#end("done");
    if (!this.text.textContent && reason !== "content_filter") {
      this.#remark("empty");
      this.#offerRetry(0);
    } else if (reason !== "stop") {
      this.#remark(reason === "length" ? "length" : "content_filter");
    }
    if (this.firstMs !== null) this.#showBelow();
  }

  /** It comes with the first answer: nobody needs it before. */
  async #showBelow() {
    const { Below } = await import("./below.js");
    if (this.element.dataset.state !== "done") return;
    following(() => {
      this.#below ??= new Below(this.element, { grow: following, announce: this.announce });
      this.#below.show(this);
    });
  }

  stopped() {
    this.#end("stopped");
    this.#remark("stopped");
    this.#offerRetry(0);
  }

  fail(failure) {
    this.#end("failed");
    this.element.dataset.code = failure.code ?? "";
    const silent = failure.word === "incomplete" && !this.text.textContent;
    if (failure.word) this.#remark(silent ? "incompleteSilent" : failure.word);
    else this.#quote(failure.message);
    if (failure.retryable) this.#offerRetry(failure.retryAfter);
  }

  #end(state) {
    clearTimeout(this.#silence);
    this.patience.hidden = true;
    this.totalMs = performance.now() - this.startedAt;
    this.element.dataset.state = state;
    this.note.hidden = true;
  }

  #remark(key) {
    say(this.note, key);
    this.note.hidden = false;
  }

  #quote(message) {
    delete this.note.dataset.word; // the server's words: they stay in the language they came in
    this.note.textContent = message;
    this.note.hidden = false;
  }

  #offerRetry(seconds) {
    this.retry.hidden = false;
    this.retry.setAttribute("aria-disabled", String(seconds > 0));
    if (seconds > 0) {
      say(this.retry, "retryIn", { n: Math.ceil(seconds) });
      setTimeout(() => this.#offerRetry(seconds - 1), 1000 * Math.min(seconds, 1));
    } else {
      say(this.retry, "retry");
    }
  }
}

/** What is offered after a silence. */
function patienceOf({ wait, stop }) {
  const line = part("p", "patience");
  line.hidden = true;
  for (const [key, act] of [["goOnWaiting", wait], ["cancel", stop]]) {
    const button = part("button", "quiet-button");
    button.type = "button";
    say(button, key);
    button.addEventListener("click", act);
    line.append(button);
  }
  return line;
}

function part(tag, className) {
  const element = document.createElement(tag);
  element.className = className;
  return element;
}

/** Do something that may lengthen the page; who reads its end keeps seeing the end. */
function following(lengthen) {
  const page = document.documentElement;
  const before = page.scrollHeight - window.innerHeight - window.scrollY;
  lengthen();
  if (before < FOLLOWS_WITHIN) window.scrollTo({ top: page.scrollHeight });
}
