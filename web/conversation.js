// The questions and answers about one photo, as they stand on the screen.

import { AskFailure, Photo, ask } from "./api.js";
import { following, hide, load, say, sayRetry, scrollToEnd, tagOf, tell, word } from "./language.js";
import { askOf } from "./photo.js";

export class Conversation {
  #answering = null; // the AbortController of the answer under way

  /**
   * About a photo as api.js takes it, with `facts`: `announce(text)`, and what is
   * called: `changed()` when answering begins or ends and when a photo is further on its way,
   * `keep()` when there is something to remember, `answered(revision)`, and `refused()` when the
   * photo cannot be used. A second photo to compare with may join it (compare.js).
   */
  constructor(photo, facts) {
    const { changed, refused } = facts;
    Object.assign(this, { draft: "", keptDraft: "", exchanges: [], hints: null, gone: false }, facts);
    this.photos = [new Photo(photo, { changed, refused: (failure) => refused(this, failure) })];
    this.element = document.createElement("div");
    this.element.className = "conversation";
  }

  get answering() {
    return this.#answering !== null;
  }

  get key() {
    return this.photos[0].key; // what identifies the photo's source
  }

  /** Questions to tap: the card's once it is there (card.js), and none that was asked. */
  get suggestions() {
    const [{ sample }, second] = this.photos;
    const keys = second ? ["pair1", "pair2", "pair3"] : ["chip1", "chip2", "chip3", "chip4"];
    const general = (!second && this.hints) || keys.map((key) => word(key));
    const asked = new Set(this.exchanges.map(({ question }) => question));
    const all = new Set([...(sample && !second ? askOf(sample) : []), ...general]);
    return [...all].filter((question) => !asked.has(question));
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
    exchange.compared = this.photos[1]?.key ?? null;
    this.changed(); // a card makes way
    this.keep(); // the page may be closed before the answer has come
    if (exchange === this.exchanges.at(-1)) scrollToEnd();
    else exchange.element.scrollIntoView({ block: "nearest" }); // an older one, tried again
    this.announce(word("looking"));
    try {
      const earlier = await this.#earlierThan(exchange);
      const how = { earlier, suggested: exchange.suggested, signal };
      for await (const part of ask(this.photos, exchange.question, how)) {
        if (part.head) exchange.head(part.head);
        if (part.text) following(() => exchange.add(part.text));
        if (part.end) following(() => exchange.finish(part.end));
      }
      this.answered(exchange.revision);
    } catch (error) {
      if (signal.aborted) {
        exchange.stopped();
        if (!this.gone) for (const photo of this.photos) photo.stop(); // it may hang
      } else {
        following(() => exchange.fail(told(error)));
      }
    } finally {
      this.#answering = null;
      this.changed();
      this.keep();
      this.announce(exchange.spoken);
    }
  }

  async #earlierThan(exchange) {
    if (exchange.suggested || this.exchanges[0] === exchange) return [];
    const { earlierThan } = await load("./turns.js");
    return earlierThan(exchange, this.exchanges);
  }
}

/** One question with its answer, and a note on what went wrong. */
class Exchange {
  #patience = null; // what is offered after a silence
  #below = null; // what stands under a whole answer

  constructor(question, suggested, { retry, stop, announce, voted }) {
    Object.assign(this, { question, suggested, announce, voted, at: Date.now() });
    this.vote = this.compared = null; // compared: the key of the second photo
    this.element = part("article", "exchange");
    this.text = part("p", "answer");
    this.note = part("p", "note");
    this.retry = part("button", "quiet-button retry");
    this.retry.type = "button";
    this.retry.addEventListener("click", () => {
      if (this.retry.getAttribute("aria-disabled") !== "true") retry();
    });
    this.stop = stop;
    this.asked = Object.assign(part("h2", "question"), { textContent: question, tabIndex: -1 });
    this.asked.lang = tagOf(question);
    this.asked.dir = this.text.dir = "auto"; // by the first letter, whatever the page's direction
    this.element.append(this.asked, this.text, this.note, this.retry);
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
    hide(this.retry, this.asked);
    this.#below?.withdraw();
    this.element.dataset.state = "answering";
    this.text.textContent = "";
    this.#remark("looking");
    this.#listen();
  }

  async #listen() {
    const { Patience } = await load("./patience.js").catch(() => ({})); // offline, perhaps
    if (!Patience) return;
    this.#patience ??= new Patience(this.note, {
      remark: (key) => this.#remark(key),
      announce: this.announce,
      grow: following,
      stop: this.stop,
      other: this.asked,
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
    const { Below } = await load("./below.js").catch(() => ({})); // offline, perhaps
    if (!Below || this.element.dataset.state !== "done") return;
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
    tell(this.note, silent ? "incompleteSilent" : failure.word, failure.message);
    this.note.hidden = false;
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

  #offerRetry(seconds) {
    this.retry.hidden = false;
    sayRetry(this.retry, seconds);
  }
}

/** A part of the page that is lost on the way is the network's fault; all else shows in the console. */
function told(error) {
  if (error instanceof AskFailure) return error;
  console.error(error);
  return new AskFailure({ code: "offline", word: "offline" });
}

const part = (tag, className) => Object.assign(document.createElement(tag), { className });
