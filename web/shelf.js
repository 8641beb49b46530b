// The photos of this visit beside the one on the screen, once there are several.

/** Fill `list`; `show(conversation)` is called on a tap. */
export function showShelf(list, conversations, current, show) {
  list.replaceChildren(...conversations.map((conversation) => {
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
