// What this browser remembers: conversations with their photos, in IndexedDB, the latest few.
// Where it is forbidden or full, the page goes on without a memory.

import { AskFailure } from "./api.js";
import { load } from "./language.js";

// Set in localStorage once there is something: who has nothing kept does not load this module.
const MARK = "shopsight.kept";
const DATABASE = "shopsight";
const STORE = "conversations";
const MOST = 20;
const MOST_BYTES = 20_000_000;
// So long after its first question all of a conversation goes, as in the server's own log
// (docs/privacy.md).
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
  const done = last.then(change);
  last = done.catch(() => {});
  return done;
}

/** All that is kept, the latest first. */
async function all() {
  const records = await within("readonly", (store) => store.getAll());
  return records.sort((one, other) => other.at - one.at);
}

const isOld = ({ at, begun = at }) => Date.now() - begun >= LONGEST_MS;

/** Deletes what is too old, and the oldest of what is too much. → what stays, the latest first. */
async function prune() {
  const records = await all();
  const young = records.filter((record) => !isOld(record));
  const bytes = (count) => young.slice(0, count + 1).reduce(largeness, 0);
  const stay = young.filter((_, place) => place < MOST && bytes(place) <= MOST_BYTES);
  const go = records.filter((record) => !stay.includes(record));
  if (go.length) {
    await within("readwrite", (store) => go.forEach(({ key }) => store.delete(key)));
  }
  if (!stay.length) localStorage.removeItem(MARK);
  return stay;
}

/** Keep a conversation as it is now, and let the oldest go. */
export function keep(conversation) {
  return inTurn(async () => {
    const record = await recordOf(conversation);
    if (conversation.gone) return;
    conversation.keptDraft = record.draft;
    await within("readwrite", (store) => {
      store.get(record.key).onsuccess = ({ target }) => store.put(joined(record, target.result));
    });
    localStorage.setItem(MARK, "1");
    await prune();
  });
}

const largeness = (sum, { blob, second }) => sum + blob.size + (second?.blob.size ?? 0);

export function forgetAll() {
  return inTurn(async () => {
    if (!(await database().catch(() => null))) return; // forbidden: nothing is kept
    await within("readwrite", (store) => store.clear());
    localStorage.removeItem(MARK);
  });
}

/** `record` with what another page has asked about the photo, or sooner had an answer to: `before`. */
function joined(record, before) {
  if (!before) return record;
  const all = new Map(record.exchanges.map((each) => [each.at, each]));
  before.exchanges.forEach((each, place) => {
    const { at = place, outcome } = each; // some of before have none
    const mine = all.get(at);
    if (!mine || (outcome?.end && !mine.outcome?.end)) all.set(at, { ...each, at });
    else mine.vote ??= each.vote;
  });
  const exchanges = [...all.values()].sort((one, other) => one.at - other.at);
  const begun = Math.min(record.begun, before.begun ?? before.at);
  return { ...record, begun, exchanges };
}

async function recordOf(conversation) {
  const { photos, draft, exchanges } = conversation;
  const [first, second] = await Promise.all(photos.map(photoOf));
  const at = Date.now();
  const begun = (conversation.begun ??= at);
  return { ...first, second, draft, at, begun, exchanges: exchanges.map(exchangeOf) };
}

async function photoOf({ key, sample, number, ready, id, cards }) {
  const { blob } = await ready;
  return { key, sample, number, blob, id, cards };
}

function exchangeOf({ at, question, suggested, compared, text, outcome, vote, ...exchange }) {
  const { cache, revision, interaction, firstMs, totalMs } = exchange;
  return {
    at, question, suggested, compared, vote, outcome,
    text: text.textContent,
    head: { cache, revision, interaction },
    times: { firstMs, totalMs },
  };
}

/** What was kept, shown as if it had just been answered. `converse(photo)` makes room. */
export async function restore(converse) {
  const records = await inTurn(prune);
  for (const { second, draft, exchanges, at, begun = at, ...first } of records.reverse()) {
    // Lost on the way: the pair stays kept, and is not shown this time.
    const { pair } = (second && (await load("./compare.js").catch(() => null))) ?? {};
    if (second && !pair) continue;
    const conversation = converse(ready(first));
    if (second) pair(conversation, ready(second));
    Object.assign(conversation, { draft, keptDraft: draft, begun });
    exchanges.forEach((exchange, place) => refill(conversation, { at: place, ...exchange }));
  }
}

const ready = ({ blob, ...photo }) =>
  ({ ...photo, preview: URL.createObjectURL(blob), ready: Promise.resolve({ blob }) });

function refill(conversation, { at, question, suggested, compared, vote, outcome, text, head, times }) {
  const exchange = conversation.add(question, { suggested });
  exchange.begin();
  exchange.head(head);
  if (text) exchange.add(text);
  Object.assign(exchange, { at, vote, compared });
  if (outcome?.failure) exchange.fail(new AskFailure(outcome.failure));
  else if (outcome?.end) exchange.finish(outcome.end, times);
  else exchange.stopped(); // the page was closed while it was answered
}
