// What is kept of a shopper, here and at the server, and how to delete it.

import { hasSession, withSession } from "./api.js";
import { forgetAll } from "./kept.js";
import { say, stored } from "./language.js";
import { style } from "./style.js";

const CONSENT = "shopsight.consent";
const FORGET = "shopsight.forget"; // its name in app.js
const DOUBLE_TAP = 500; // ms: a press so soon after the first one is not a second thought
const MARKUP = `
  <h2 id="privacy-title" data-word="privacyTitle"></h2>
  <p data-word="privacyHere"></p>
  <p data-word="privacyThere"></p>
  <label><input type="checkbox"><span data-word="privacyConsent"></span></label>
  <div class="acts">
    <button class="big-button" type="button" data-act="history" data-word="deleteHistory"></button>
    <button class="big-button danger" type="button" data-act="all" data-word="deleteAll"></button>
    <button class="big-button" type="button" data-act="close" data-word="close"></button>
  </div>
  <p class="told" role="status"></p>`;

let dialog = null;

/** `forget()` empties the page of what it shows. */
export async function show(forget) {
  await style("privacy.css");
  dialog ??= build(() => {
    tellOthers();
    return forget();
  });
  dialog.querySelector(".told").textContent = "";
  dialog.querySelector("input").checked = stored(CONSENT) !== null;
  for (const button of dialog.querySelectorAll("button")) withdraw(button);
  dialog.showModal();
}

function build(forget) {
  const element = document.createElement("dialog");
  element.className = "privacy";
  element.setAttribute("aria-labelledby", "privacy-title");
  element.innerHTML = MARKUP; // our own words come by data-word
  for (const each of element.querySelectorAll("[data-word]")) say(each, each.dataset.word);
  const acts = {
    history: () => deleteHere(forget),
    all: () => deleteEverywhere(forget),
  };
  for (const button of element.querySelectorAll("button")) {
    const act = acts[button.dataset.act];
    button.addEventListener("click", () => (act ? twice(button, act) : element.close()));
  }
  element.querySelector("input").addEventListener("change", ({ target }) => {
    try {
      if (target.checked) localStorage.setItem(CONSENT, "1");
      else localStorage.removeItem(CONSENT);
    } catch {
      target.checked = false; // storage is blocked: nothing is agreed to
    }
  });
  document.body.append(element);
  return element;
}

/** What cannot be taken back needs a second press. */
async function twice(button, act) {
  if (button.getAttribute("aria-disabled") === "true") return;
  const wait = (yes) => button.setAttribute("aria-disabled", String(yes));
  wait(true);
  if (!button.dataset.sure) {
    button.dataset.sure = "yes";
    setTimeout(wait, DOUBLE_TAP, false);
    return say(button, "deleteSure");
  }
  withdraw(button);
  const key = await act().catch(() => "deleteHereFailed");
  wait(false);
  say(dialog.querySelector(".told"), key);
}

function withdraw(button) {
  const words = { history: "deleteHistory", all: "deleteAll", close: "close" };
  delete button.dataset.sure;
  say(button, words[button.dataset.act]);
}

/** Other pages of this browser forget, too: they would keep again, or send up, what they show. */
function tellOthers() {
  try {
    localStorage.setItem(FORGET, "now"); // an event for each of them
    localStorage.removeItem(FORGET);
  } catch {
    // Storage is blocked: nothing is kept.
  }
}

/** → the word for what has been done. */
async function deleteHere(forget) {
  await forget();
  await forgetAll();
  return "deletedHere";
}

/** First nothing more goes up: what arrived after its erasure would stay. */
async function deleteEverywhere(forget) {
  await forget();
  const headers = withSession({});
  const response = await fetch("v1/users/me/data", { method: "DELETE", headers }).catch(() => null);
  await forgetAll();
  if (response?.status === 200) return "deletedAll";
  // Without a session there is nothing of this browser at the server, or nobody knows what.
  if (response?.status === 401) return hasSession() ? "deletedUnknown" : "deletedAll";
  return response?.status === 202 ? "deletedLater" : "deleteFailed";
}
