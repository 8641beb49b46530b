// The photos of this visit and of those before, to go back to, or to compare with.

import { at } from "./language.js";

export function follow(current, { all, choose, named }) {
  const photos = all().map(({ photos: [photo] }) => photo);
  at("shelf").hidden = photos.length < (current ? 2 : 1);
  at("shelf-list").replaceChildren(...photos.map((photo) => {
    const picture = Object.assign(new Image(56, 56), { src: photo.preview, alt: "" });
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-current", String(photo === current?.photos[0]));
    button.setAttribute("aria-label", named(photo));
    button.append(picture);
    button.addEventListener("click", () => choose(photo));
    const item = document.createElement("li");
    item.append(button);
    return item;
  }));
}
