// What stands under a whole answer: how long it took, what can be done with it, and two thumbs.

import { aloudAndShare } from "./aloud.js";
import { say } from "./language.js";
import { Thumbs } from "./thumbs.js";

export class Below {
  /** Puts itself at the end of `exchange`; `grow(lengthen)` does what makes the page longer. */
  constructor(exchange, { grow }) {
    this.exchange = exchange;
    this.line = Object.assign(document.createElement("div"), { className: "below" });
    this.timing = Object.assign(document.createElement("p"), { className: "timing" });
    this.thumbs = new Thumbs({
      grow,
      announce: exchange.announce,
      voted: (vote) => {
        exchange.vote = vote;
        exchange.voted();
      },
    });
    const { buttons, reason, status } = this.thumbs;
    this.line.append(this.timing, ...aloudAndShare(exchange), buttons);
    exchange.element.append(this.line, reason, status);
  }

  show() {
    const { firstMs, totalMs, cache, interaction, vote } = this.exchange;
    say(this.timing, "timing", { total: (totalMs / 1000).toFixed(totalMs < 10_000 ? 1 : 0) });
    Object.assign(this.timing.dataset, {
      cache,
      firstMs: Math.round(firstMs),
      totalMs: Math.round(totalMs),
    });
    this.line.hidden = false;
    this.thumbs.offer(interaction, vote);
  }

  withdraw() {
    this.line.hidden = true;
    this.thumbs.withdraw();
  }
}
