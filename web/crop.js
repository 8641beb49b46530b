// A part of the photo, framed by finger, mouse or keyboard, to be asked about by itself.

import { label, say, wordButton } from "./language.js";
import { desk } from "./photo.js";
import { style } from "./style.js";

// The frame at first, as shares of the photo, and how far an arrow key moves it.
const FIRST = { x: 0.25, y: 0.25, width: 0.5, height: 0.5 };
const STEP = 0.02;
// The API's own bound of a side, in pixels.
const MIN_SIDE = 32;
const JPEG_QUALITY = 0.92;

const clamp = (value, most) => Math.min(most, Math.max(0, value));

const framed = new WeakSet(); // images of which a part is being framed

/** Hands a part of the image `photo`, which its shopper frames, to `take(file)`: once, however often
 * `button` is pressed meanwhile. */
export async function takePart(photo, button, take) {
  if (framed.has(photo)) return;
  framed.add(photo);
  const part = await crop(photo, button).finally(() => framed.delete(photo));
  if (part) take(part);
}

/** → a file, or null if she did not want it. */
async function crop(photo, button) {
  await style("crop.css");
  const cover = document.createElement("div");
  const frame = document.createElement("div");
  const acts = document.createElement("div");
  Object.assign(cover, { className: "crop" });
  Object.assign(frame, { className: "crop-frame", tabIndex: 0 });
  Object.assign(acts, { className: "crop-acts" });
  frame.setAttribute("role", "group");
  label(frame, "cropFrame");
  const hint = document.createElement("p");
  say(hint, desk.matches ? "cropHintKeys" : "cropHint");
  cover.append(frame);
  photo.parentElement.append(cover);
  photo.closest("figure").querySelector("figcaption").before(acts);

  let box = { ...FIRST };
  const show = (next) => {
    box = next;
    for (const [side, share] of Object.entries({ left: box.x, top: box.y, ...sizes(box) })) {
      frame.style[side] = `${share * 100}%`;
    }
  };
  show(box);
  drag(cover, show);
  frame.addEventListener("keydown", (event) => steer(event, box, show));
  frame.focus({ preventScroll: true });

  const wanted = await new Promise((done) => {
    acts.append(
      hint,
      wordButton("quiet-button", "cropUse", () => done(true)),
      wordButton("quiet-button", "cancel", () => done(false)),
    );
    acts.addEventListener("keydown", ({ key }) => key === "Escape" && done(false));
    frame.addEventListener("keydown", ({ key }) => {
      if (key === "Enter" || key === "Escape") done(key === "Enter");
    });
    photo.addEventListener("load", () => done(null), { once: true }); // another one is shown in it
    new ResizeObserver(() => cover.offsetWidth || done(null)).observe(cover); // nothing is any more
  });
  cover.remove();
  acts.remove();
  if (wanted !== null) button.focus({ preventScroll: true });
  return wanted ? cut(photo, box) : null;
}

const sizes = ({ width, height }) => ({ width, height });

/** A finger or the mouse draws a new frame from corner to corner. */
function drag(cover, show) {
  let start = null;
  const at = ({ clientX, clientY }) => {
    const { left, top, width, height } = cover.getBoundingClientRect();
    return { x: clamp((clientX - left) / width, 1), y: clamp((clientY - top) / height, 1) };
  };
  cover.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    cover.setPointerCapture(event.pointerId);
    start = at(event);
  });
  cover.addEventListener("pointermove", (event) => {
    if (!start) return;
    const end = at(event);
    show({
      x: Math.min(start.x, end.x),
      y: Math.min(start.y, end.y),
      width: Math.abs(start.x - end.x),
      height: Math.abs(start.y - end.y),
    });
  });
  for (const end of ["pointerup", "pointercancel"]) {
    cover.addEventListener(end, () => { start = null; });
  }
}

/** Arrows move the frame; with Shift they make it larger or smaller. */
function steer(event, box, show) {
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const [right, down] = (way[event.key] ?? []).map((steps) => steps * STEP);
  if (right === undefined) return;
  event.preventDefault();
  const { x, y, width, height } = box;
  if (event.shiftKey) {
    const wider = Math.max(STEP, clamp(width + right, 1 - x));
    show({ x, y, width: wider, height: Math.max(STEP, clamp(height + down, 1 - y)) });
  } else {
    show({ x: clamp(x + right, 1 - width), y: clamp(y + down, 1 - height), width, height });
  }
}

/** The part in the photo's own pixels. */
async function cut(photo, box) {
  const { naturalWidth, naturalHeight } = photo;
  const width = Math.max(MIN_SIDE, Math.round(box.width * naturalWidth));
  const height = Math.max(MIN_SIDE, Math.round(box.height * naturalHeight));
  const x = clamp(Math.round(box.x * naturalWidth), naturalWidth - width);
  const y = clamp(Math.round(box.y * naturalHeight), naturalHeight - height);
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").drawImage(photo, x, y, width, height, 0, 0, width, height);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", JPEG_QUALITY));
  return blob && new File([blob], `part ${x} ${y}`, { type: blob.type });
}
