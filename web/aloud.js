// An answer read aloud by the device's own voice, and given to other apps: each where a browser can.

import { label } from "./language.js";

const ICONS = {
  aloud: "M4 10v4h4l5 4V6l-5 4zM16 9a4 4 0 0 1 0 6M18.5 6.5a8 8 0 0 1 0 11",
  share: "M12 15V4M8 8l4-4 4 4M6 12H5v8h14v-8h-1",
};

/** Buttons for an exchange, perhaps none. */
export function aloudAndShare(exchange) {
  const buttons = [];
  if ("speechSynthesis" in window) {
    const button = iconButton("aloud", "readAloud");
    button.addEventListener("click", () => read(exchange, button));
    buttons.push(button);
  }
  if (navigator.share) {
    const button = iconButton("share", "shareAnswer");
    button.addEventListener("click", () => {
      const text = `${exchange.question}\n${exchange.text.textContent}`;
      navigator.share({ text }).catch(() => {}); // she thought better of it
    });
    buttons.push(button);
  }
  return buttons;
}

/** Instead of what is being read; a second press only stops it. */
function read({ text }, button) {
  const reading = speechSynthesis.speaking && "reading" in button.dataset;
  speechSynthesis.cancel();
  if (reading) return;
  const speech = new SpeechSynthesisUtterance(text.textContent);
  speech.lang = text.lang;
  speech.onend = speech.onerror = () => button.removeAttribute("data-reading");
  button.dataset.reading = "";
  speechSynthesis.speak(speech);
}

function iconButton(icon, key) {
  const button = Object.assign(document.createElement("button"), { type: "button" });
  button.className = "thumb";
  label(button, key);
  button.innerHTML = `<svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true"
    ><path d="${ICONS[icon]}"/></svg>`;
  return button;
}
