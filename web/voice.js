// A question that is spoken, where the browser turns speech into text: on the device if it can. If
// it sends the sound to its maker, the shopper is told first. She reads the text before it is asked.

import { at, label, language, say, stored } from "./language.js";

// Set once a shopper has agreed that the browser's maker gets the sound.
const AGREED = "shopsight.voice";
const TAGS = { zh: "zh-CN", en: "en-US" };
const REASONS = {
  "not-allowed": "voiceDenied",
  "service-not-allowed": "voiceDenied",
  "audio-capture": "voiceDenied",
  "no-speech": "voiceNothing",
  aborted: null, // by the shopper
};
const Recognition = window.SpeechRecognition ?? window.webkitSpeechRecognition;

const button = at("speak");
const line = Object.assign(document.createElement("p"), { className: "hint", hidden: true });
line.setAttribute("role", "status");
button.parentElement.before(line);
let listening = null;
let told = false; // what agreeing means

/** Ends it for good: the question has been asked, or another photo is on the screen. */
export function hush() {
  if (!listening) return;
  listening.onresult = null; // some come after its end
  listening.abort();
}

/** Begins to listen, or ends it. */
export async function listen() {
  if (listening) return listening.stop();
  const lang = TAGS[language()];
  const processLocally = await isLocal(lang);
  if (listening) return; // pressed twice
  if (!processLocally && !agreed()) return note("voiceAsk");
  listening = Object.assign(new Recognition(), { lang, interimResults: true });
  if (processLocally) listening.processLocally = true;
  const box = at("question");
  const before = box.value && `${box.value.trimEnd()} `;
  let heard = box.value;
  listening.onresult = ({ results }) => {
    if (box.value !== heard) return hush(); // she types meanwhile
    box.value = heard = before + [...results].map(([{ transcript }]) => transcript).join("");
    box.dispatchEvent(new Event("input"));
  };
  let reason = null;
  listening.onerror = ({ error }) => {
    reason = error in REASONS ? REASONS[error] : "voiceLost";
  };
  listening.onend = () => {
    listening = null;
    show();
    note(reason);
  };
  show();
  note("voiceListening");
  try {
    listening.start();
  } catch {
    listening.onerror({ error: "" });
    listening.onend();
  }
}

/** Whether the device itself can understand this language, without sending the sound anywhere. */
async function isLocal(lang) {
  const request = { langs: [lang], processLocally: true };
  return (await Recognition.available?.(request).catch(() => "")) === "available";
}

/** The first press tells what agreeing means, the second one agrees. */
function agreed() {
  if (stored(AGREED) || told) {
    try {
      localStorage.setItem(AGREED, "1");
    } catch {
      // Storage is blocked: it holds as long as the page.
    }
    return true;
  }
  told = true;
  return false;
}

function show() {
  button.setAttribute("aria-pressed", String(listening !== null));
  label(button, listening ? "speakStop" : "speak");
}

function note(key) {
  line.hidden = !key;
  if (key) say(line, key);
}
