// The photos of this visit beside the one on the screen, once there are several.

/** Fill the shelf; `show(conversation)` is called on a tap. */
export function showShelf(conversations, current, show) {
  document.getElementById("shelf-list").replaceChildren(...conversations.map((conversation) => {
    const picture = Object.assign(new Image(56, 56), { src: conversation.preview, alt: "" });
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-current", String(conversation === current));
    button.setAttribute("aria-label", conversation.name());
    button.append(picture);
    button.addEventListener("click", () => show(conversation));
    const item = document.createElement("li");
    item.append(button);
    return item;
  }));
}
