// A file of the shopper → a photo that the API takes: small, upright, JPEG, PNG or WebP.
// Decoding here also means that a file which is no photo is refused without a request.

// Up to this size the shopper's own bytes are sent, so that equal files meet in the answer cache.
const SENT_AS_IS_BYTES = 1.5 * 1024 * 1024;
// The model sees about one megapixel: 1600 px leaves it some room, at 200-400 KB a photo.
const LONG_SIDE = 1600;
const JPEG_QUALITY = 0.85;
// The API's own bounds (contract/images.py): beyond them a request would be refused.
const MIN_SIDE = 32;
const MAX_ASPECT = 100;
const MAX_PIXELS = 60_000_000;

/** Why a file is not taken: `word` is a key of words.js. */
export class PhotoProblem extends Error {
  constructor(word) {
    super(word);
    this.word = word;
  }
}

/** File or Blob → `{blob, width, height}` with the blob's true type; raises PhotoProblem. */
export async function prepare(file) {
  const picture = await decode(file);
  try {
    const { width, height } = picture;
    const short = Math.min(width, height);
    if (short < MIN_SIDE || Math.max(width, height) > MAX_ASPECT * short) {
      throw new PhotoProblem("photoTooSmall");
    }
    if (file.size <= SENT_AS_IS_BYTES && width * height <= MAX_PIXELS) {
      const bytes = new Uint8Array(await file.arrayBuffer());
      const type = plainType(bytes);
      // A copy: the file itself may be gone when the second question is asked.
      if (type) return { blob: new Blob([bytes], { type }), width, height };
    }
    return await redraw(picture);
  } finally {
    picture.close?.();
  }
}

async function decode(file) {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return decodeAsElement(file); // older Safari knows neither the option nor, so, its HEIC
  }
}

async function decodeAsElement(file) {
  const element = new Image();
  const url = URL.createObjectURL(file);
  try {
    element.src = url;
    await element.decode();
    if (!element.naturalWidth) throw new Error("no size of its own");
    element.width = element.naturalWidth;
    element.height = element.naturalHeight;
    return element;
  } catch {
    throw new PhotoProblem("photoUnreadable");
  } finally {
    URL.revokeObjectURL(url);
  }
}

async function redraw(picture) {
  const scale = Math.min(1, LONG_SIDE / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(MIN_SIDE, Math.round(picture.width * scale));
  canvas.height = Math.max(MIN_SIDE, Math.round(picture.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // JPEG has no alpha; the API flattens on white too
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", JPEG_QUALITY));
  if (!blob) throw new PhotoProblem("photoUnreadable");
  return { blob, width: canvas.width, height: canvas.height };
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
