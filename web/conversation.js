// The questions and answers about one photo, as they stand on the screen.

import { ask } from "./ask.js";
import { AskFailure } from "./failure.js";
import { say, tagOf, word } from "./language.js";
import { Thumbs } from "./thumbs.js";
import { Upload } from "./upload.js";

// Within this distance of the page's end, in pixels, the page follows an answer as it grows.
const FOLLOWS_WITHIN = 120;

export class Conversation {
  #answering = null; // the AbortController of the answer under way

  /**
   * `photo` is what photo.js prepared. `changed()` runs when answering begins or ends, `refused()`
   * when the API cannot use the photo.
   */
  constructor(photo, { name, suggestions, announce, answered, changed, refused }) {
    Object.assign(this, { photo, name, suggestions, announce, answered, changed });
    this.preview = URL.createObjectURL(photo.blob);
    this.upload = new Upload(photo.blob, (failure) => refused(this, failure));
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
    const exchange = new Exchange(question, () => this.#answer(exchange), this.announce);
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

/** One question with its answer, a note on what went wrong, and a quiet line of timings. */
class Exchange {
  constructor(question, retry, announce) {
    this.question = question;
    this.element = part("article", "exchange");
    this.text = part("p", "answer");
    this.note = part("p", "note");
    this.timing = part("p", "timing");
    this.retry = part("button", "quiet-button retry");
    this.retry.type = "button";
    this.retry.addEventListener("click", () => {
      if (this.retry.getAttribute("aria-disabled") !== "true") retry();
    });
    const asked = part("h3", "question");
    asked.textContent = question;
    asked.lang = tagOf(question);
    this.thumbs = new Thumbs({ grow: following, announce });
    const { buttons, reason, status } = this.thumbs;
    this.below = part("div", "below");
    this.below.append(this.timing, buttons);
    this.element.append(asked, this.text, this.note, this.retry, this.below, reason, status);
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
    this.retry.hidden = this.timing.hidden = this.below.hidden = true;
    this.thumbs.withdraw();
    this.element.dataset.state = "answering";
    this.text.textContent = "";
    say(this.note, "looking");
    this.note.hidden = false;
  }

  head({ cache, revision, interaction }) {
    this.cache = cache;
    this.revision = revision;
    this.interaction = interaction;
    Object.assign(this.element.dataset, { cache, revision, interaction });
  }

  add(text) {
    if (this.firstMs === null) {
      this.firstMs = performance.now() - this.startedAt;
      this.note.hidden = true;
    }
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
    if (this.firstMs === null) return;
    this.below.hidden = false;
    this.#showTiming();
    this.thumbs.offer(this.interaction);
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

  #showTiming() {
    const seconds = (ms) => (ms / 1000).toFixed(ms < 10_000 ? 2 : 1);
    const values = { first: seconds(this.firstMs), total: seconds(this.totalMs) };
    const measured = part("span", "");
    say(measured, "timing", values);
    this.timing.replaceChildren(measured);
    Object.assign(this.timing.dataset, {
      cache: this.cache,
      firstMs: Math.round(this.firstMs),
      totalMs: Math.round(this.totalMs),
    });
    const source = { hit: "fromCache", stale: "fromCache", joined: "joined" }[this.cache];
    if (source) {
      const badge = part("span", "source");
      say(badge, source);
      this.timing.append(badge);
    }
    this.timing.hidden = false;
  }
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
