// Photos: where they come from; a shopper's file, made upright, JPEG, PNG or WebP and as small as the connection needs it
// (one that is no photo is refused without a request), and samples for who has none at hand.

import { readJson } from "./api.js";
import { at, language, load, pressed, whenSpoken } from "./language.js";

/** Whether there is a mouse, and so a keyboard that covers nothing. */
export const desk = matchMedia("(hover: hover) and (pointer: fine)");

// What goes up in this time, in seconds, is small enough.
const UPLOAD_S = 1.2;
// Less than that shows too little of a product, in bytes.
const LEAST_BYTES = 60_000;
// Up to this size the shopper's own bytes are sent, so that equal files meet in the answer cache.
const SENT_AS_IS_BYTES = 1.5 * 1024 * 1024;
// Where the browser does not know how fast it is: bytes by how long the page's files took to come.
const SLOW_ANSWER_MS = 300;
const UNKNOWN_BYTES = 400_000;
// The model sees about one megapixel: 1600 px leaves it some room.
const LONG_SIDE = 1600;
const SHORT_ENOUGH = 320;
const JPEG_QUALITY = 0.85;
const TIGHT_QUALITY = 0.75;
// Bytes a pixel that such a JPEG has, as a first guess.
const TIGHT_DENSITY = 0.15;
const TRIES = 4;
// The API's own bounds (contract/images.py): beyond them a request would be refused.
const MIN_SIDE = 32;
const MAX_ASPECT = 100;
const MAX_PIXELS = 60_000_000;
const MAX_WEBP_PIXELS = 30_000_000;

/** Why a file is not taken: an error whose `word` is a key of words/. */
const unfit = (word) => Object.assign(new Error(word), { word });

/**
 * `source()`, a File or Blob or a promise of one → `{preview, ready}`, as soon as it can be seen: an address
 * to show, and a promise of `{blob}` to send, with its true type. Both raise what is `unfit`. A photo that
 * is `shared` with others goes up as it is, since their answers are in the cache.
 */
export async function prepare(source, { shared = false } = {}) {
  const file = await source();
  const gone = () => { throw unfit("photoGone"); }; // moved, or only in a cloud
  const bytes = new Uint8Array(await file.arrayBuffer().catch(gone));
  const element = await show(file, bytes);
  const { naturalWidth: width, naturalHeight: height } = element;
  const short = Math.min(width, height);
  if (short < MIN_SIDE || Math.max(width, height) > MAX_ASPECT * short) {
    URL.revokeObjectURL(element.src);
    throw unfit("photoTooSmall");
  }
  const ready = made(bytes, element, shared ? SENT_AS_IS_BYTES : affordable());
  ready.catch(() => {}); // whoever sends it sees the problem
  return { preview: element.src, ready };
}

async function show(file, bytes) {
  if (await isCut(bytes)) throw unfit("photoCut"); // browsers show what there is of it
  const element = new Image();
  element.src = URL.createObjectURL(file);
  try {
    await element.decode();
    if (element.naturalWidth) return element;
  } catch {
    // No photo, or of a kind that this browser does not know.
  }
  URL.revokeObjectURL(element.src);
  throw unfit(isHeic(bytes) ? "photoHeic" : "photoUnreadable");
}

async function made(bytes, element, most) {
  const { naturalWidth: width, naturalHeight: height } = element;
  const type = plainType(bytes);
  const pixels = type === "image/webp" ? MAX_WEBP_PIXELS : MAX_PIXELS;
  // Whether one without an end is whole the API sees best in the file itself.
  if (type && ((bytes.length <= most && width * height <= pixels) || lacksEnd(bytes))) {
    // Of the bytes: the file itself may be gone when the second question is asked.
    return { blob: new Blob([bytes], { type }) };
  }
  return { blob: await smaller(element, most) };
}

/** How many bytes a photo may have, by how fast the connection is. */
function affordable() {
  const { downlink } = navigator.connection ?? {}; // Mbit/s, where the browser knows
  if (downlink) return clamp(downlink * 125_000 * UPLOAD_S, LEAST_BYTES, SENT_AS_IS_BYTES);
  const waits = performance.getEntriesByType("resource")
    .map(({ requestStart, responseStart }) => responseStart - requestStart)
    .filter((ms) => ms > 0)
    .sort((a, b) => a - b);
  const median = waits[Math.floor(waits.length / 2)] ?? 0;
  return median >= SLOW_ANSWER_MS ? LEAST_BYTES : UNKNOWN_BYTES;
}

const clamp = (value, least, most) => Math.min(most, Math.max(least, value));

/** The picture as a JPEG of at most `most` bytes, or nearly: as large as it then can be. */
async function smaller(element, most) {
  const { naturalWidth: width, naturalHeight: height } = element;
  const roomy = most >= UNKNOWN_BYTES;
  const quality = roomy ? JPEG_QUALITY : TIGHT_QUALITY;
  let scale = Math.min(1, LONG_SIDE / Math.max(width, height));
  if (!roomy) scale = Math.min(scale, Math.sqrt(most / TIGHT_DENSITY / (width * height)));
  let best = null;
  for (let tries = 0; tries < TRIES; tries++) {
    const blob = await drawn(element, scale, quality);
    if (blob.size <= most) return blob;
    best = blob;
    if (Math.max(width, height) * scale <= SHORT_ENOUGH) break;
    scale *= Math.sqrt(most / blob.size) * 0.95;
  }
  return best;
}

async function drawn(element, scale, quality) {
  const { naturalWidth: width, naturalHeight: height } = element;
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(MIN_SIDE, Math.round(width * scale));
  canvas.height = Math.max(MIN_SIDE, Math.round(height * scale));
  const context = canvas.getContext("2d");
  if (!context) throw unfit("photoUnreadable"); // no memory for it
  context.fillStyle = "#fff"; // JPEG has no alpha; the API flattens on white too
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(element, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", quality));
  if (!blob) throw unfit("photoUnreadable");
  return blob;
}

/**
 * The type by the bytes themselves (a name or a declared type may lie), or null for what the API
 * does not take as it is: other types, animations.
 */
function plainType(bytes) {
  if (isJpeg(bytes)) return "image/jpeg";
  if (isPng(bytes)) return isAnimatedPng(bytes) ? null : "image/png";
  if (!isWebp(bytes)) return null;
  const animated = text(bytes, 12, 16) === "VP8X" && (bytes[20] & 0b10) !== 0;
  return animated ? null : "image/webp";
}

const text = (bytes, from, to) => String.fromCharCode(...bytes.subarray(from, to));
const isJpeg = (bytes) => bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
const isPng = (bytes) => text(bytes, 0, 8) === "\x89PNG\r\n\x1a\n";
const isWebp = (bytes) => text(bytes, 0, 4) === "RIFF" && text(bytes, 8, 12) === "WEBP";
const isHeic = (bytes) => /^ftyp(hei|hev|mif1|msf1)/.test(text(bytes, 4, 12));

/** Whether a part is missing, as after a download that broke. */
async function isCut(bytes) {
  if (isPng(bytes)) {
    const [name, end] = chunks(bytes).at(-1) ?? [];
    return name !== "IEND" && !(end <= bytes.length); // the API needs no IEND
  }
  if (isWebp(bytes)) return new DataView(bytes.buffer).getUint32(4, true) + 8 > bytes.length;
  // What cannot be seen here the API sees.
  return lacksEnd(bytes) && load("./cut.js").then((cut) => cut.isCut(bytes)).catch(() => false);
}

/** Whether it is a JPEG without an end mark. */
function lacksEnd(bytes) {
  if (!isJpeg(bytes)) return false;
  const view = new DataView(bytes.buffer);
  // Past the segments, whose thumbnails have an end of their own, to where the scan begins.
  let at = 2;
  while (at + 4 < bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda) {
    at += bytes[at + 1] === 0xff ? 1 : 2 + view.getUint16(at + 2);
  }
  let end = bytes.length;
  while ((end = bytes.lastIndexOf(0xd9, end - 1)) > at && bytes[end - 1] !== 0xff);
  return end <= at;
}

function isAnimatedPng(bytes) {
  return chunks(bytes).find(([name]) => name === "acTL" || name === "IDAT")?.[0] === "acTL";
}

/** What a PNG consists of: names, and where each chunk ends. */
function chunks(bytes) {
  const view = new DataView(bytes.buffer);
  const all = [];
  for (let at = 8; at + 8 <= bytes.length && all.at(-1)?.[0] !== "IEND";) {
    const name = text(bytes, at + 4, at + 8);
    at += 12 + view.getUint32(at);
    all.push([name, at]);
  }
  return all;
}

/**
 * The camera, the files, a part of the photo on the screen, what is dropped or pasted: `take(file)`,
 * and `refuse()` for what is no file.
 */
export function watchSources({ take, refuse }) {
  for (const [button, input] of [["take", "camera-file"], ["choose", "photo-file"]]) {
    at(button).addEventListener("click", () => at(input).click());
    at(input).addEventListener("change", () => {
      const [file] = at(input).files;
      at(input).value = ""; // the same file may be chosen again
      if (file) take(file);
    });
  }
  at("crop").addEventListener("click", () =>
    pressed("./crop.js", ({ takePart }) => takePart(at("photo"), at("crop"), take)));
  if (!desk.matches) return;
  load("./drop.js").then(({ watchDrops }) => {
    watchDrops(at("tag"), at("question"), { take, refuse });
  }, () => {}); // there are buttons
}

/** What a sample shows and what one may ask about it, in the page's language. */
export const nameOf = (sample) => sample[`alt_${language()}`] ?? "";
export const askOf = (sample) => [sample[`ask_${language()}`]].flat().filter(Boolean);

/**
 * Fill the section of samples once it is on the screen and the page is idle: a shopper with a photo
 * of her own does not wait for them. `choose(sample, photo)` is called on a tap: `photo()` fetches it.
 */
export function showSamples(section, choose) {
  const idle = window.requestIdleCallback ?? setTimeout;
  const seen = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    seen.disconnect();
    idle(async () => {
      const samples = await readJson("samples/strip.json").catch(() => []);
      section.querySelector("ul").append(...samples.map((sample) => entry(sample, choose)));
      section.hidden = samples.length === 0;
      delete section.dataset.empty;
    });
  });
  seen.observe(section);
}

function entry(sample, choose) {
  const picture = Object.assign(new Image(160, 160), { decoding: "async", src: sample.thumbnail });
  whenSpoken(() => {
    picture.alt = nameOf(sample);
  });
  const button = Object.assign(document.createElement("button"), { type: "button", className: "sample" });
  button.dataset.file = sample.file;
  button.append(picture);
  button.addEventListener("click", () => choose(sample, async () => {
    const response = await fetch(`samples/${encodeURIComponent(sample.file)}`).catch(() => null);
    const photo = response?.ok && await response.blob().catch(() => null);
    return photo || Promise.reject(unfit("sampleMissing"));
  }));
  const item = document.createElement("li");
  item.append(button);
  return item;
}
