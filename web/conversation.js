// The questions and answers about one photo, as they stand on the screen.

import { AskFailure, Upload, ask } from "./api.js";
import { say, tagOf, word } from "./language.js";

// Within this distance of the page's end, in pixels, the page follows an answer as it grows.
const FOLLOWS_WITHIN = 120;
// How a wait is told, in seconds.
const UNITS = [["retryInHours", 3600], ["retryInMinutes", 60], ["retryIn", 1]];

export class Conversation {
  #answering = null; // the AbortController of the answer under way

  /**
   * A photo as photo.js prepares it, perhaps with the `id` of an upload of before, and `facts`:
   * `key`, `number`, `sample`, `name()`, `suggestions()`, `announce(text)`, and what is called:
   * `changed()` when answering begins or ends and when the photo is further on its way, `keep()`
   * when there is something to remember, `answered(revision)`, and `refused()` when the photo
   * cannot be used.
   */
  constructor({ preview, ready, id = null }, facts) {
    const { refused } = facts;
    Object.assign(this, { preview, photo: ready, draft: "", exchanges: [], gone: false }, facts);
    this.uploaded = 1; // from 0 to 1
    this.upload = new Upload(ready, id, {
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
    return this.exchanges.length === 0;
  }

  /** `suggested`: the question stands for itself, so that its answer may be a cached one. */
  ask(question, { suggested = false } = {}) {
    return this.#answer(this.add(question, { suggested }));
  }

  /** An exchange that is not answered yet. */
  add(question, { suggested }) {
    const exchange = new Exchange(question, suggested, {
      retry: () => this.#answer(exchange),
      stop: () => this.stop(),
      announce: this.announce,
      voted: this.keep,
    });
    this.exchanges.push(exchange);
    this.element.append(exchange.element);
    return exchange;
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
      const earlier = await this.#earlierThan(exchange);
      const how = { earlier, suggested: exchange.suggested, signal };
      for await (const part of ask(this.upload, exchange.question, how)) {
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
      this.keep();
      this.announce(exchange.spoken);
    }
  }

  async #earlierThan(exchange) {
    if (exchange.suggested || this.exchanges[0] === exchange) return [];
    const { earlierThan } = await import("./turns.js");
    return earlierThan(exchange, this.exchanges);
  }
}

/** One question with its answer, and a note on what went wrong. */
class Exchange {
  #patience = null; // what is offered after a silence
  #below = null; // what stands under a whole answer

  constructor(question, suggested, { retry, stop, announce, voted }) {
    Object.assign(this, { question, suggested, announce, voted });
    this.vote = null;
    this.element = part("article", "exchange");
    this.text = part("p", "answer");
    this.note = part("p", "note");
    this.retry = part("button", "quiet-button retry");
    this.retry.type = "button";
    this.retry.addEventListener("click", () => {
      if (this.retry.getAttribute("aria-disabled") !== "true") retry();
    });
    this.stop = stop;
    const asked = part("h2", "question");
    asked.textContent = question;
    asked.lang = tagOf(question);
    asked.dir = this.text.dir = "auto"; // by the first letter, whatever the page's direction
    this.element.append(asked, this.text, this.note, this.retry);
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
    this.head({ cache: "", revision: "", interaction: "" });
    this.outcome = null;
    this.retry.hidden = true;
    this.#below?.withdraw();
    this.element.dataset.state = "answering";
    this.text.textContent = "";
    this.#remark("looking");
    this.#listen();
  }

  async #listen() {
    const { Patience } = await import("./patience.js").catch(() => ({})); // offline, perhaps
    if (!Patience) return;
    this.#patience ??= new Patience(this.note, {
      remark: (key) => this.#remark(key),
      announce: this.announce,
      grow: following,
      stop: this.stop,
    });
    if (this.element.dataset.state === "answering") this.#patience.listen();
  }

  head({ cache, revision, interaction }) {
    Object.assign(this, { cache, revision, interaction });
    Object.assign(this.element.dataset, { cache, revision, interaction });
  }

  add(text) {
    this.firstMs ??= performance.now() - this.startedAt;
    this.#patience?.listen();
    this.note.hidden = true;
    this.text.append(text); // a text node: never markup
    this.text.lang = tagOf(this.text.textContent);
  }

  /** `times` are of an answer of before. */
  finish(reason, times = {}) {
    this.#end("done", { end: reason });
    Object.assign(this, times);
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
      this.#below ??= new Below(this, { grow: following });
      this.#below.show();
    });
  }

  stopped() {
    this.#end("stopped", { stopped: true });
    this.#remark("stopped");
    this.#offerRetry(0);
  }

  fail(failure) {
    const { code, word, message, retryable } = failure;
    this.#end("failed", { failure: { code, word, message, retryable } });
    this.element.dataset.code = failure.code ?? "";
    const silent = failure.word === "incomplete" && !this.text.textContent;
    if (failure.word) this.#remark(silent ? "incompleteSilent" : failure.word);
    else this.#quote(failure.message);
    if (failure.retryable) this.#offerRetry(failure.retryAfter);
  }

  #end(state, outcome) {
    this.outcome = outcome;
    this.#patience?.end();
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

  /** At once or after some seconds, which are counted down; minutes and hours are only told. */
  #offerRetry(seconds) {
    this.retry.hidden = false;
    this.retry.setAttribute("aria-disabled", String(seconds > 0));
    if (seconds <= 0) return say(this.retry, "retry");
    const [key, unit] = UNITS.find(([, unit]) => seconds > unit) ?? UNITS.at(-1);
    say(this.retry, key, { n: Math.ceil(seconds / unit) });
    setTimeout(() => this.#offerRetry(seconds - unit), 1000 * Math.min(seconds, unit));
  }
}

const part = (tag, className) => Object.assign(document.createElement(tag), { className });

/** Do something that may lengthen the page; who reads its end keeps seeing the end. */
function following(lengthen) {
  const page = document.documentElement;
  const before = page.scrollHeight - window.innerHeight - window.scrollY;
  lengthen();
  if (before < FOLLOWS_WITHIN) window.scrollTo({ top: page.scrollHeight });
}
