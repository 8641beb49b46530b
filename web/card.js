// The product card: what the model makes out on the photo, field by field, in words for shoppers, and
// what no photo shows. Questions go first: a card under way is given up for them, and asked for again.

import { events } from "./answer.js";
import { withSession } from "./api.js";
import { acceptLanguage, at, following, language, say, word } from "./language.js";
import { style } from "./style.js";

// Fields by the words for them; the API's names.
const FIELDS = {
  category: "cardCategory",
  materials: "cardMaterials",
  style: "cardStyle",
  audience: "cardAudience",
  colours: "cardColours",
  occasions: "cardOccasions",
};
const HIDDEN = {
  price: "hiddenPrice",
  stock: "hiddenStock",
  authenticity: "hiddenAuthenticity",
  fibre: "hiddenFibre",
  size: "hiddenSize",
  brand: "hiddenBrand",
};
// What no photo shows, whatever a model says of it (contract/products/card.py).
const ALWAYS_HIDDEN = ["price", "stock", "authenticity", "fibre"];
// A field is told as such from this confidence on, and as "maybe" from that on.
const SURE = 0.8;
const LIKELY = 0.5;
// Without a calibration probabilities tend to be too high: "maybe" at most, from this on.
const BARE = 0.95;

await style("card.css");
const box = Object.assign(document.createElement("section"), { className: "product", hidden: true });
box.setAttribute("aria-labelledby", "product-heading");
at("photo").closest("figure").after(box);
let shown = null; // the conversation on the screen
let underWay = null; // {photo, tongue, abort()}
const failed = new Set(); // uploads and languages for which there is no card
let page = null;

/** Shows the cards of the conversation on the screen, and asks for what is missing. */
export function follow(conversation, hooks) {
  page = hooks;
  shown = conversation;
  show();
  const tongue = language();
  const free = conversation?.answering === false;
  const next = free ? conversation.photos.find((photo) => isWanted(photo, tongue)) : null;
  if (next && underWay?.photo === next && underWay.tongue === tongue) return;
  underWay?.abort();
  underWay = null;
  if (next) read(next, tongue);
}

const nameOf = ({ id }, tongue) => `${id} ${tongue}`;
const isWanted = (photo, tongue) =>
  photo.id && !photo.cards[tongue]?.done && !failed.has(nameOf(photo, tongue));

async function read(photo, tongue) {
  const controller = new AbortController();
  const own = { photo, tongue, abort: () => controller.abort() };
  underWay = own;
  const card = (photo.cards[tongue] ??= { fields: {}, done: false });
  const name = nameOf(photo, tongue);
  try {
    for await (const event of answered(photo.id, tongue, controller.signal)) {
      if (event.object === "product.card.field") {
        const { field, value, confidence, calibrated } = event;
        card.fields[field] = { value, confidence, calibrated };
        show();
      } else {
        card.fields = fieldsOf(event);
      }
    }
    card.done = true;
  } catch (error) {
    if (!controller.signal.aborted) failed.add(name); // a page without a card is whole
  }
  if (underWay !== own) return;
  underWay = null;
  page.describe();
  if (!card.done || !shown) return;
  if (!shown.empty) shown.keep();
  if (!box.hidden) shown.announce(box.innerText.replaceAll("\n\n", "\n"));
}

/** All fields of a whole card; of one whose text was blocked none. */
function fieldsOf({ card, calibrated }) {
  const { confidence, ...values } = card ?? {};
  const told = Object.entries(values);
  return Object.fromEntries(told.map(([field, value]) =>
    [field, { value, confidence: confidence[field], calibrated }]));
}

/** The events of a card, of which the last is the whole. */
async function* answered(id, tongue, signal) {
  const body = new FormData();
  for (const [name, value] of Object.entries({ image_id: id, language: tongue, stream: "true" })) {
    body.append(name, value);
  }
  const headers = withSession({ "accept-language": acceptLanguage() });
  const response = await fetch("v1/products/card", { method: "POST", body, headers, signal });
  if (!response.ok) throw new Error(`card: ${response.status}`);
  for await (const data of events(response.body)) {
    if (data === "[DONE]") return;
    const event = JSON.parse(data);
    if (event.error) throw new Error(event.error.code);
    yield event;
  }
  throw new Error("the card has no end");
}

// --- what is shown -----------------------------------------------------------------------------

function show() {
  if (!shown) return fill([], [], []);
  const cards = shown.photos.map(({ cards }) => cards[language()]);
  const told = cards.map(tellable);
  const [first] = cards;
  const hints = first?.done && told[0].length ? hintsOf(first, told[0]) : null;
  const others = String(hints) !== String(shown.hints);
  shown.hints = hints;
  if (others) page.describe(); // which follows once more, with nothing to change
  const some = told.some(({ length }) => length);
  const hidden = some && cards.some((card) => card?.done) ? hiddenOn(cards) : [];
  const names = told.length > 1 ? shown.photos.map((each, n) => `${n + 1} ${page.named(each)}`) : [];
  const grow = () => fill(some ? told : [], hidden, names);
  // Who has scrolled down to an answer in the same column keeps seeing it.
  const below = window.scrollY > 0 && getComputedStyle(at("threads").parentElement).display === "contents";
  if (below) following(grow);
  else grow();
}

/** What may be told of a card: `[field, text]`; nothing of a photo that shows no known product. */
function tellable(card) {
  const { category, ...others } = card?.fields ?? {};
  if (category?.value === null && likely(category) === "sure") return [];
  return Object.keys(FIELDS).flatMap((field) => {
    const told = { category, ...others }[field];
    const text = [told?.value ?? []].flat().join(word("listComma"));
    const sure = text && likely(told);
    if (!sure) return [];
    return [[field, sure === "sure" ? text : word("maybe", { text })]];
  });
}

/** "sure", "maybe", or "" where a field is not to be told. */
function likely({ confidence, calibrated }) {
  if (!calibrated) return confidence >= BARE ? "maybe" : "";
  if (confidence >= SURE) return "sure";
  return confidence >= LIKELY ? "maybe" : "";
}

function hiddenOn(cards) {
  const names = new Set(ALWAYS_HIDDEN);
  for (const card of cards) {
    const told = card?.fields.not_visible;
    if (told && likely(told) === "sure") told.value.forEach((name) => names.add(name));
  }
  return [...names].filter((name) => name in HIDDEN);
}

/** Questions that fit the product. */
function hintsOf({ fields }, told) {
  const known = new Set(told.map(([field]) => field));
  const first = (field) => (known.has(field) ? [fields[field].value].flat()[0] : null);
  const leather = known.has("materials") && /皮|leather/i.test(fields.materials.value.join());
  const who = first("audience");
  const what = first("occasions");
  const branded = fields.visible_text?.value.length && likely(fields.visible_text) === "sure";
  return [
    word("chip1"),
    leather && word("askLeather"),
    who && word("askAudience", { who }),
    what && word("askOccasion", { what }),
    !known.has("materials") && word("chip2"),
    !known.has("occasions") && word("chip3"),
    branded && word("chip4"),
  ].filter(Boolean);
}

/** A list of fields for each photo, named where there are two, and below what no photo shows. */
function fill(lists, hidden, names) {
  const wanted = JSON.stringify([language(), lists, hidden, names]);
  if (box.dataset.shown === wanted) return;
  box.dataset.shown = wanted;
  box.hidden = !lists.length;
  const heading = Object.assign(document.createElement("h2"), { id: "product-heading" });
  heading.className = "unseen"; // the tag says it to the eye
  say(heading, "card");
  const fields = Object.assign(document.createElement("div"), { className: "fields" });
  const rows = Object.keys(FIELDS).filter((name) => lists.some((told) => told.some(([field]) => field === name)));
  fields.classList.toggle("two", lists.length > 1);
  fields.style.setProperty("--rows", rows.length + 1); // with the names of the photos
  fields.append(...lists.map((told, place) => listOf(told, names[place], rows)));
  box.replaceChildren(heading, fields);
  if (!hidden.length) return;
  const list = hidden.map((name) => word(HIDDEN[name])).join(word("listComma"));
  const line = document.createElement("p");
  line.textContent = word("cardHidden", { list });
  box.append(line);
}

/** With a name it is one of two: each field then stands in the row that it has in both. */
function listOf(told, name, rows) {
  const part = document.createElement("div");
  if (name) part.append(Object.assign(document.createElement("h3"), { textContent: name }));
  const list = document.createElement("dl");
  for (const [field, text] of told) {
    const pair = document.createElement("div");
    const term = document.createElement("dt");
    const value = Object.assign(document.createElement("dd"), { dir: "auto", textContent: text });
    term.textContent = word(FIELDS[field]);
    pair.append(term, value);
    if (name) pair.style.gridRow = rows.indexOf(field) + 1;
    list.append(pair);
  }
  if (told.length) part.append(list);
  return part;
}
