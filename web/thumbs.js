// Two thumbs under an answer, and after a thumb down a line to say why.

import { withSession } from "./api.js";
import { label, say, word } from "./language.js";
import { style } from "./style.js";

// The API's own bound of a reason.
const MOST_CHARS = 500;
const template = document.getElementById("thumbs");
await style("thumbs.css");

export class Thumbs {
  #interaction = "";
  #vote = null; // "up" or "down", as it is shown
  #taken = null; // the vote that the API has taken
  #sending = Promise.resolve(); // one after the other

  /**
   * `grow(lengthen)` does what makes the page longer; `announce(text)` tells a screen reader;
   * `voted(vote)` is told what the API has taken.
   */
  constructor({ grow, announce, voted }) {
    Object.assign(this, { grow, announce, voted });
    const parts = template.content.cloneNode(true);
    this.buttons = parts.querySelector(".thumbs");
    this.reason = parts.querySelector(".reason");
    this.status = parts.querySelector(".thanks");
    this.field = this.reason.querySelector("input");
    for (const button of this.buttons.children) {
      label(button, button.dataset.vote === "up" ? "thumbUp" : "thumbDown");
      button.addEventListener("click", () => this.#press(button.dataset.vote));
    }
    label(this.field, "reason");
    this.field.dataset.wordPlaceholder = "reasonHint";
    this.field.placeholder = word("reasonHint");
    say(this.reason.querySelector("button"), "reasonSend");
    this.reason.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.field.value.trim();
      if (text.length > MOST_CHARS) this.#below({ line: true, said: "reasonTooLong" });
      else if (text) this.#send("down", text);
      else this.field.focus();
    });
  }

  /** Hidden until there is a whole answer: `interaction` names it, `vote` was cast before. */
  offer(interaction, vote = null) {
    this.#interaction = interaction;
    this.#taken = vote;
    this.#show(vote);
    this.buttons.hidden = !interaction;
  }

  withdraw() {
    this.#show(null);
    this.buttons.hidden = this.reason.hidden = this.status.hidden = true;
    this.field.value = "";
  }

  async #press(vote) {
    if (vote !== this.#vote) await this.#send(vote);
  }

  /** All that moves does so at once, under the shopper's finger, and not when the API answers. */
  async #send(vote, reason) {
    this.#show(vote);
    this.#below({ line: vote === "down" && reason === undefined, said: reason && "thanks" });
    const body = { interaction_id: this.#interaction, vote, reason };
    const sent = this.#sending = this.#sending.then(() => cast(body));
    const taken = await sent;
    if (taken) {
      this.#taken = vote;
      this.voted(vote);
    }
    if (sent !== this.#sending) return; // what was sent after it is the shopper's word
    if (!taken) {
      this.#show(this.#taken);
      this.#below({ line: this.#taken === "down", said: "voteLost" });
    } else if (reason !== undefined) {
      this.field.value = "";
    }
    if (!this.status.hidden) this.announce(this.status.textContent);
  }

  #below({ line, said }) {
    const typing = this.reason.contains(document.activeElement);
    this.grow(() => {
      this.reason.hidden = !line;
      this.status.hidden = !said;
      if (said) say(this.status, said);
    });
    if (typing && !line) this.buttons.querySelector('[aria-pressed="true"]').focus();
  }

  #show(vote) {
    this.#vote = vote;
    for (const button of this.buttons.children) {
      button.setAttribute("aria-pressed", String(button.dataset.vote === vote));
    }
  }
}

async function cast(vote) {
  const headers = withSession({ "content-type": "application/json" });
  try {
    const body = JSON.stringify(vote);
    return (await fetch("v1/feedback", { method: "POST", body, headers })).ok;
  } catch {
    return false; // offline; nothing is lost but a thumb, which can be pressed again
  }
}
