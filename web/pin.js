// The photo as a thumbnail in a bar at the top, while the conversation has scrolled it away.

import { label } from "./language.js";
import { style } from "./style.js";

await style("pin.css");
const photo = document.getElementById("photo");
const picture = Object.assign(new Image(48, 48), { alt: "" });
const name = document.createElement("span");
const button = Object.assign(document.createElement("button"), { type: "button", hidden: true });
button.className = "pinned";
label(button, "toPhoto");
button.append(picture, name);
button.addEventListener("click", () => {
  window.scrollTo({ top: 0 });
  document.getElementById("photo-name").focus({ preventScroll: true });
});
document.getElementById("threads").before(button);
new IntersectionObserver(([{ isIntersecting }]) => {
  picture.src = photo.src;
  name.textContent = photo.alt;
  button.hidden = isIntersecting || document.body.dataset.view !== "ask";
}).observe(photo);
