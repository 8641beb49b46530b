// Photos that are dropped on the page or pasted into it.

/** `take(file)` gets what is a file, `refuse()` is called for what is none. */
export function watchDrops(tag, question, { take, refuse }) {
  document.addEventListener("dragover", (event) => {
    if (isText(event)) return; // text may be dropped into the question
    event.preventDefault();
    tag.classList.add("wanted");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) tag.classList.remove("wanted");
  });
  document.addEventListener("drop", (event) => {
    tag.classList.remove("wanted");
    if (isText(event)) return;
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (file) take(file);
    else refuse();
  });
  document.addEventListener("paste", (event) => {
    const [file] = event.clipboardData.files;
    const text = event.clipboardData.getData("text/plain");
    if (event.target === question && text) return;
    if (file) take(file);
    else if (event.target !== question && !event.target.matches?.("input")) refuse();
  });

  function isText({ target, dataTransfer }) {
    return target === question && !dataTransfer.types.includes("Files");
  }
}
