// A second photo beside the first, in one conversation: questions are then about both.

import { Photo } from "./api.js";
import { at, pressed, say, word, wordButton } from "./language.js";
import { style } from "./style.js";

style("compare.css");
const figure = at("photo").closest("figure");
const frame = Object.assign(document.createElement("div"), { className: "frame-of-photo" });
const picture = Object.assign(new Image(), { id: "photo-2", alt: "" });
let page = null;
let shown = null; // the conversation on the screen
const crop = wordButton("quiet-button", "cropSecond", () =>
  pressed("./crop.js", ({ takePart }) => takePart(picture, crop, page.takeFile)));
const remove = wordButton("quiet-button", "removeSecond", () => {
  part(shown);
  shown.keep();
  follow(shown, page); // at once: a button that is hidden takes no focus
  at("compare").focus({ preventScroll: true });
});
frame.append(picture);

/** Adds `photo`, or that of another conversation; `problem(word, message)` if it cannot be used. */
export function pair(conversation, photo, problem) {
  const refused = ({ word, message }) => {
    part(conversation);
    problem(word ?? "", message);
  };
  const { changed } = conversation;
  const second = photo instanceof Photo ? photo : new Photo(photo, { changed, refused });
  conversation.photos = [conversation.photos[0], second];
  second.begin();
}

function part(conversation) {
  conversation.photos = [conversation.photos[0]];
  page?.describe();
}

export function follow(conversation, hooks) {
  page = hooks;
  shown = conversation;
  const second = conversation?.photos[1];
  figure.classList.toggle("two", Boolean(second));
  at("compare").hidden = Boolean(second);
  say(at("crop"), second ? "cropFirst" : "crop");
  at("question").placeholder = word(second ? "pairHint" : "questionHint");
  at("question").dataset.wordPlaceholder = second ? "pairHint" : "questionHint";
  if (!second) {
    for (const each of [frame, crop, remove]) each.remove();
    return;
  }
  if (picture.src !== second.preview) picture.src = second.preview;
  picture.alt = page.named(second);
  if (frame.isConnected) return;
  at("photo").parentElement.after(frame);
  at("crop").after(crop, remove);
  for (const each of [crop, remove]) say(each, each.dataset.word);
}
