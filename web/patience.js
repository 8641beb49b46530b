// After a silence the shopper is told, and may go on waiting or stop.

import { hide, word, wordButton } from "./language.js";

// After this long without a word, in ms.
const SILENCE = 5000;

export class Patience {
  #timer = 0;

  /**
   * Stands after `note`, which says what is being done: `remark(key)` changes it. `grow(lengthen)`
   * does what makes the page longer. `other` gets the focus of what goes.
   */
  constructor(note, { remark, announce, grow, stop, other }) {
    Object.assign(this, { remark, announce, grow, other });
    this.line = Object.assign(document.createElement("p"), { className: "patience", hidden: true });
    for (const [key, act] of [["goOnWaiting", () => this.listen()], ["cancel", stop]]) {
      this.line.append(wordButton("quiet-button", key, act));
    }
    note.after(this.line);
  }

  /** Something was heard, or the shopper goes on waiting: from now on silence counts anew. */
  listen() {
    clearTimeout(this.#timer);
    if (!this.line.hidden) this.remark("looking");
    hide(this.line, this.other);
    this.#timer = setTimeout(() => this.grow(() => {
      this.remark("stillLooking");
      this.line.hidden = false;
      this.announce(word("stillLooking"));
    }), SILENCE);
  }

  end() {
    clearTimeout(this.#timer);
    hide(this.line, this.other);
  }
}
