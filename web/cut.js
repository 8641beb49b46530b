// A JPEG without its end mark: some phones and tools leave it out, and downloads that break off.

// Small enough to be quick, and a few missing pixels still show. The API has the last word.
const WIDTH = 256;

/**
 * Whether pixels are missing: then what stands behind the last byte is shown as pixels
 * (contract/pixels/truncated.py).
 */
export async function isCut(bytes) {
  let end = bytes.length;
  while (bytes[end - 1] === 0xff) end--; // the first half of the mark
  const data = bytes.subarray(0, end);
  const [one, other] = await Promise.all([0x00, 0xaa].map((filling) => pixels(data, filling)));
  return one.some((value, place) => value !== other[place]);
}

async function pixels(data, filling) {
  const behind = new Uint8Array(data.length).fill(filling);
  const file = new Blob([data, behind, new Uint8Array([0xff, 0xd9])], { type: "image/jpeg" });
  const picture = await createImageBitmap(file, { resizeWidth: WIDTH });
  const { width, height } = picture;
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0);
  return context.getImageData(0, 0, width, height).data;
}
