// What this browser remembers: conversations with their photos, in IndexedDB, the latest few.
// Where it is forbidden or full, the page goes on without a memory.

import { AskFailure } from "./api.js";

// Set in localStorage once there is something: who has nothing kept does not load this module.
const MARK = "shopsight.kept";
const DATABASE = "shopsight";
const STORE = "conversations";
const MOST = 20;
const MOST_BYTES = 20_000_000;
// Longer than that and what was asked goes, as the server's own log of it does (docs/privacy.md).
const LONGEST_MS = 30 * 24 * 3600 * 1000;

let opened = null;
let last = Promise.resolve(); // one change after the other

function database() {
  opened ??= new Promise((done, fail) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "key" });
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
  return opened;
}

/** `work(store)` in a transaction → the result of the request that it returns. */
async function within(mode, work) {
  const transaction = (await database()).transaction(STORE, mode);
  const request = work(transaction.objectStore(STORE));
  return new Promise((done, fail) => {
    transaction.oncomplete = () => done(request?.result);
    transaction.onerror = transaction.onabort = () => fail(transaction.error);
  });
}

function inTurn(change) {
  last = last.then(change).catch(() => {});
  return last;
}

/** All that is kept, the oldest first; nothing where nothing can be read. */
async function all() {
  const records = await within("readonly", (store) => store.getAll()).catch(() => []);
  return records
    .filter(({ at }) => Date.now() - at < LONGEST_MS)
    .sort((one, other) => one.at - other.at);
}

/** Keep a conversation as it is now, and let the oldest go. */
export function keep(conversation) {
  return inTurn(async () => {
    const record = await recordOf(conversation);
    if (conversation.gone) return;
    await within("readwrite", (store) => store.put(record));
    localStorage.setItem(MARK, "1");
    const records = (await all()).reverse();
    const bytes = (count) => records.slice(0, count + 1).reduce(largeness, 0);
    const old = records.filter((_, place) => place >= MOST || bytes(place) > MOST_BYTES);
    if (old.length) {
      await within("readwrite", (store) => old.forEach(({ key }) => store.delete(key)));
    }
  });
}

const largeness = (sum, { blob, second }) => sum + blob.size + (second?.blob.size ?? 0);

export function forget(key) {
  return inTurn(() => within("readwrite", (store) => store.delete(key)));
}

export function forgetAll() {
  return inTurn(async () => {
    localStorage.removeItem(MARK);
    await within("readwrite", (store) => store.clear());
  });
}

async function recordOf({ photos, draft, exchanges }) {
  const [first, second] = await Promise.all(photos.map(photoOf));
  return { ...first, second, draft, at: Date.now(), exchanges: exchanges.map(exchangeOf) };
}

async function photoOf({ key, sample, number, ready, id, cards }) {
  const { blob } = await ready;
  return { key, sample, number, blob, id, cards };
}

function exchangeOf({ question, suggested, compared, text, outcome, vote, ...exchange }) {
  const { cache, revision, interaction, firstMs, totalMs } = exchange;
  return {
    question, suggested, compared, vote, outcome,
    text: text.textContent,
    head: { cache, revision, interaction },
    times: { firstMs, totalMs },
  };
}

/** What was kept, shown as if it had just been answered. `converse(photo)` makes room. */
export async function restore(converse) {
  for (const { second, draft, exchanges, ...first } of await all()) {
    const conversation = converse(ready(first));
    if (second) (await import("./compare.js")).pair(conversation, ready(second));
    conversation.draft = draft;
    for (const exchange of exchanges) refill(conversation, exchange);
  }
}

const ready = ({ blob, ...photo }) =>
  ({ ...photo, preview: URL.createObjectURL(blob), ready: Promise.resolve({ blob }) });

function refill(conversation, { question, suggested, compared, vote, outcome, text, head, times }) {
  const exchange = conversation.add(question, { suggested });
  exchange.begin();
  exchange.head(head);
  if (text) exchange.add(text);
  Object.assign(exchange, { vote, compared });
  if (outcome?.failure) exchange.fail(new AskFailure(outcome.failure));
  else if (outcome?.end) exchange.finish(outcome.end, times);
  else exchange.stopped(); // the page was closed while it was answered
}
