// The photos as thumbnails in a bar at the top, while the conversation has scrolled them away.

import { at, label } from "./language.js";
import { style } from "./style.js";

await style("pin.css");
const pictures = [0, 1].map(() => Object.assign(new Image(48, 48), { alt: "" }));
const name = document.createElement("span");
const button = Object.assign(document.createElement("button"), { type: "button", hidden: true });
button.className = "pinned";
label(button, "toPhoto");
button.append(...pictures, name);
button.addEventListener("click", () => {
  window.scrollTo({ top: 0 });
  at("photo-name").focus({ preventScroll: true });
});
at("threads").before(button);
let seen = true; // a part of the tag: the bar would stand over the first question
new IntersectionObserver(([{ isIntersecting }]) => {
  seen = isIntersecting;
  show();
}).observe(at("tag"));

function show() {
  button.hidden = seen || document.body.dataset.view !== "ask";
}

export function follow(current) {
  pictures.forEach((picture, place) => {
    const photo = current?.photos[place];
    picture.hidden = !photo;
    if (photo && picture.src !== photo.preview) picture.src = photo.preview;
  });
  name.textContent = at("photo-name").textContent;
  show();
}
