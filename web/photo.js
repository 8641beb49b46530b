// Photos: a shopper's file, made upright, JPEG, PNG or WebP and as small as the connection needs it
// (one that is no photo is refused without a request), and samples for who has none at hand.

import { readJson } from "./api.js";
import { language, whenSpoken } from "./language.js";

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

/** Why a file is not taken: `word` is a key of words/. */
export class PhotoProblem extends Error {
  constructor(word) {
    super(word);
    this.word = word;
  }
}

/**
 * File or Blob → `{preview, ready}`, as soon as it can be seen: an address to show, and a promise of
 * `{blob}` to send, with its true type. Both raise PhotoProblem.
 */
export async function prepare(file) {
  const element = await show(file);
  const { naturalWidth: width, naturalHeight: height } = element;
  const short = Math.min(width, height);
  if (short < MIN_SIDE || Math.max(width, height) > MAX_ASPECT * short) {
    URL.revokeObjectURL(element.src);
    throw new PhotoProblem("photoTooSmall");
  }
  const ready = made(file, element);
  ready.catch(() => {}); // whoever sends it sees the problem
  return { preview: element.src, ready };
}

async function show(file) {
  const element = new Image();
  element.src = URL.createObjectURL(file);
  try {
    await element.decode();
    if (element.naturalWidth) return element;
  } catch {
    // No photo, or of a kind that this browser does not know.
  }
  URL.revokeObjectURL(element.src);
  throw new PhotoProblem("photoUnreadable");
}

async function made(file, element) {
  const { naturalWidth: width, naturalHeight: height } = element;
  const most = affordable();
  if (file.size <= most && width * height <= MAX_PIXELS) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const type = plainType(bytes);
    // A copy: the file itself may be gone when the second question is asked.
    if (type) return { blob: new Blob([bytes], { type }) };
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
  if (!context) throw new PhotoProblem("photoUnreadable"); // no memory for it
  context.fillStyle = "#fff"; // JPEG has no alpha; the API flattens on white too
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(element, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", quality));
  if (!blob) throw new PhotoProblem("photoUnreadable");
  return blob;
}

/**
 * The type by the bytes themselves (a name or a declared type may lie), or null for what the API
 * does not take as it is: other types, animations.
 */
function plainType(bytes) {
  const text = (from, to) => String.fromCharCode(...bytes.subarray(from, to));
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return "image/jpeg";
  if (text(0, 8) === "\x89PNG\r\n\x1a\n") return isAnimatedPng(bytes, text) ? null : "image/png";
  if (text(0, 4) === "RIFF" && text(8, 12) === "WEBP") {
    const animated = text(12, 16) === "VP8X" && (bytes[20] & 0b10) !== 0;
    return animated ? null : "image/webp";
  }
  return null;
}

function isAnimatedPng(bytes, text) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let at = 8; at + 8 < bytes.length; at += 12 + view.getUint32(at)) {
    const chunk = text(at + 4, at + 8);
    if (chunk === "acTL") return true;
    if (chunk === "IDAT") return false;
  }
  return false;
}

/** What a sample shows and what one may ask about it, in the page's language. */
export const nameOf = (sample) => sample[`alt_${language()}`] ?? "";
export const askOf = (sample) => [sample[`ask_${language()}`]].flat().filter(Boolean);

/** Fill `list` with sample photos; `choose(sample, url)` is called on a tap. True if there are any. */
export async function showSamples(list, choose) {
  const samples = await readJson("samples/strip.json").catch(() => []);
  for (const sample of samples) list.append(entry(sample, choose));
  return samples.length > 0;
}

function entry(sample, choose) {
  const picture = Object.assign(new Image(160, 160), { decoding: "async", src: sample.thumbnail });
  whenSpoken(() => {
    picture.alt = nameOf(sample);
  });
  const button = document.createElement("button");
  button.type = "button";
  button.className = "sample";
  button.dataset.file = sample.file;
  button.append(picture);
  const url = `samples/${encodeURIComponent(sample.file)}`;
  button.addEventListener("click", () => choose(sample, url));
  const item = document.createElement("li");
  item.append(button);
  return item;
}
