// What stands under a whole answer: how long it took, and two thumbs.

import { say } from "./language.js";
import { Thumbs } from "./thumbs.js";

export class Below {
  /** Puts itself at the end of `exchange`. */
  constructor(exchange, { grow, announce }) {
    this.line = Object.assign(document.createElement("div"), { className: "below" });
    this.timing = Object.assign(document.createElement("p"), { className: "timing" });
    this.thumbs = new Thumbs({ grow, announce });
    const { buttons, reason, status } = this.thumbs;
    this.line.append(this.timing, buttons);
    exchange.append(this.line, reason, status);
  }

  show({ firstMs, totalMs, cache, interaction }) {
    say(this.timing, "timing", { total: (totalMs / 1000).toFixed(totalMs < 10_000 ? 1 : 0) });
    Object.assign(this.timing.dataset, {
      cache,
      firstMs: Math.round(firstMs),
      totalMs: Math.round(totalMs),
    });
    this.line.hidden = false;
    this.thumbs.offer(interaction);
  }

  withdraw() {
    this.line.hidden = true;
    this.thumbs.withdraw();
  }
}
