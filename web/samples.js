// The strip of sample photos for who has none at hand; it stays away when there is no list.

import { readJson } from "./json.js";
import { language, whenSpoken } from "./language.js";

/** Fill `list` with buttons; `choose(sample, url)` is called on a tap. True if there are any. */
export async function showSamples(list, choose) {
  const samples = await readJson("samples/samples.json").catch(() => []);
  for (const sample of samples) list.append(entry(sample, choose));
  return samples.length > 0;
}

/** What a sample shows and what one may ask about it, in the page's language. */
export const nameOf = (sample) => sample[`alt_${language()}`] ?? "";
export const askOf = (sample) => [sample[`ask_${language()}`]].flat().filter(Boolean);

function entry(sample, choose) {
  const url = `samples/${encodeURIComponent(sample.file)}`;
  const picture = new Image(160, 160);
  picture.loading = "lazy";
  picture.decoding = "async";
  picture.src = url;
  whenSpoken(() => {
    picture.alt = nameOf(sample);
  });
  const button = document.createElement("button");
  button.type = "button";
  button.className = "sample";
  button.dataset.file = sample.file;
  button.append(picture);
  button.addEventListener("click", () => choose(sample, url));
  const item = document.createElement("li");
  item.append(button);
  return item;
}
