// The API as the page speaks to it: whose session it is, a photo that goes up, a question about it.

import { acceptLanguage, load, stored } from "./language.js";

// How long a phone takes to move from one network to another, about; ms.
const SECOND_TRY_AFTER = 1000;
// An upload of which nothing has moved for so long does not arrive any more; ms.
const UPLOAD_SILENCE = 20_000;
const FILE_NAMES = { "image/png": "photo.png", "image/webp": "photo.webp" };
// What these say is about the photo itself: sent again it would be refused again.
const ABOUT_THE_PHOTO = new Set([413, 415, 422]);
const TOO_LONG = "context_length_exceeded"; // the conversation, for the model
const SESSION = "x-shopsight-session"; // the API's header
const NO_COOKIES = "no-cookies"; // in it: this browser does not give ours back

/**
 * The JSON at `url`; a connection that breaks, as on a change of network, is tried once more.
 * An error has the response's `status`.
 */
export async function readJson(url) {
  const response = await fetch(url).catch(async () => {
    await new Promise((done) => setTimeout(done, SECOND_TRY_AFTER));
    return fetch(url);
  });
  const { ok, status } = response;
  if (!ok) throw Object.assign(new Error(`${url}: ${status}`), { status });
  return response.json();
}

/**
 * Why there is no (whole) answer: `message` is the server's own words, or `word` a key of words/.
 * `retryAfter` is in seconds.
 */
export class AskFailure extends Error {
  constructor({ code, word = null, message = "", retryable = true, retryAfter = 0 }) {
    super(message);
    Object.assign(this, { code, word, retryable, retryAfter });
  }
}

// The session is a cookie, which no script reads. Only where it does not come back the API gives its
// text to the page, which keeps it for as long as it is open.
let token = navigator.cookieEnabled ? null : NO_COOKIES;
let began = false; // there has been an answer, and so there is a session
let beginning = null; // the request that may begin one

/** `headers` with the session, where the cookie does not tell it. */
export const withSession = (headers) => (token ? { ...headers, [SESSION]: token } : headers);

/**
 * `send()` → what the API answers, with its `status` and its token as `headers.get()` tells it. Two
 * first requests at once would begin two sessions, of which the page could erase one: the others
 * wait for the first.
 */
async function inSession(send) {
  while (!began && beginning) await beginning;
  const request = send();
  if (!began) beginning = request.catch(() => {}).finally(() => { beginning = null; });
  const response = await request;
  began ||= response.status < 400;
  if (token) token = response.headers.get(SESSION) ?? token;
  return response;
}

/** Whether the API has answered this page, and so keeps something of its shopper. */
export const hasSession = () => began;

const sending = new Set(); // photos

/** Gives up all uploads but those that are whole at the API: they end with its answer. */
export const stopUploads = () => Promise.all([...sending].map((photo) => photo.giveUp()));

/**
 * A photo on its way to the API while its shopper still types: it goes up once, and every question
 * about it names it by its id.
 */
export class Photo {
  #refusal = null;
  #settled = null;
  #upload = null; // the AbortController of the upload under way
  #called;

  /**
   * As photo.js prepares it, perhaps with the `id` of an upload of before and its `cards` by
   * language. Called are `changed()` on its way, and `refused(failure)` if it cannot be used.
   */
  constructor({ preview, ready, id = null, key, sample, number, cards = {} }, called) {
    Object.assign(this, { preview, ready, id, key, sample, number, cards });
    this.arrived = 1; // from 0 to 1
    this.#called = called;
  }

  /** It begins by itself with the first question, if not before. */
  begin() {
    this.#settled ??= this.id ? Promise.resolve() : this.#send();
    return this.#settled;
  }

  /** Ends an upload under way; the next question begins it anew. */
  stop() {
    this.#upload?.abort();
  }

  giveUp() {
    const settled = this.#settled;
    if (this.arrived < 1) this.stop();
    return settled;
  }

  /**
   * Adds the photo to a question's form: its id, or itself where uploads are not kept. Raises
   * AskFailure where it cannot be used.
   */
  async fill(form) {
    await this.begin();
    if (this.#refusal) throw this.#refusal;
    const { blob } = await this.ready;
    if (this.id) form.append("image_id", this.id);
    else form.append("photo", blob, FILE_NAMES[blob.type] ?? "photo.jpg"); // not its own name
  }

  /**
   * The API does not know its id. True where it had one, and so goes up once more, or `itself` with
   * the question.
   */
  lost(itself) {
    if (!this.id) return false;
    this.id = null;
    this.#settled = itself ? Promise.resolve() : null;
    return true;
  }

  async #send() {
    const { signal } = this.#upload = new AbortController();
    sending.add(this);
    const arrive = (share) => {
      this.arrived = share;
      this.#called.changed();
    };
    arrive(0);
    try {
      const { blob } = await this.ready.catch(unusable);
      const work = inSession(() => send(blob, arrive, signal));
      const { status, body, headers } = await unlessAborted(work, signal);
      if (status === 201) this.id = JSON.parse(body).id;
      else if (ABOUT_THE_PHOTO.has(status)) {
        const { failureOf } = await load("./answer.js");
        this.#refusal = failureOf(status, body, headers.get("retry-after"));
      }
    } catch (error) {
      if (error instanceof AskFailure) this.#refusal = error;
      // Offline, perhaps: the question brings the photo along, the next one sends it up once more.
      else this.#settled = null;
    } finally {
      this.#upload = null;
      sending.delete(this);
      arrive(1);
    }
    if (this.#refusal) this.#called.refused(this.#refusal);
  }
}

function unusable({ word = "photoUnreadable" }) {
  throw new AskFailure({ code: "photo", word });
}

/** Not by `fetch`, which does not tell how far it has come. */
function send(photo, progress, signal) {
  const request = new XMLHttpRequest();
  let silence = 0;
  const moved = () => {
    clearTimeout(silence);
    silence = setTimeout(() => request.abort(), UPLOAD_SILENCE);
  };
  return new Promise((done, fail) => {
    signal.throwIfAborted();
    signal.addEventListener("abort", () => request.abort());
    request.open("POST", stored("shopsight.consent") ? "v1/images?consent=improve" : "v1/images");
    const named = withSession({ "content-type": photo.type, "accept-language": acceptLanguage() });
    for (const [name, value] of Object.entries(named)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => {
      moved();
      progress(total ? loaded / total : 0);
    };
    const headers = { get: (name) => request.getResponseHeader(name) };
    request.onload = () => done({ status: request.status, body: request.responseText, headers });
    request.onerror = request.onabort = () => fail(new Error("the upload has not arrived"));
    moved();
    request.send(photo);
  }).finally(() => clearTimeout(silence));
}

/**
 * Asks about `photos` with the turns `earlier`, or fewer where they are too long for the model.
 * `suggested`: nobody typed it.
 * Yields `{head: {cache, revision, interaction}}`, then `{text}` pieces, then `{end: reason}`.
 * Raises AskFailure, or the signal's AbortError. Returning without an `end` does not happen.
 */
export async function* ask(photos, question, { earlier, suggested, signal }) {
  let response;
  let lost = 0;
  for (;;) {
    response = await post(photos, question, { earlier, suggested, signal });
    if (response.ok) break;
    if (response.status === 404 && lost < 2) {
      token ??= NO_COOKIES; // perhaps the photo was another session's
      if (photos.filter((photo) => photo.lost(lost > 0)).length && ++lost) continue;
    }
    const body = await response.text().catch(() => "");
    const { failureOf } = await load("./answer.js");
    const failure = failureOf(response.status, body, response.headers.get("retry-after"));
    if (failure.code !== TOO_LONG || !earlier.length) throw failure;
    earlier = earlier.slice(1);
  }
  yield* (await load("./answer.js")).parts(response, signal);
}

async function post(photos, question, { earlier, suggested, signal }) {
  const { url, body, type } = await unlessAborted(requestOf(photos, question, earlier), signal);
  const source = suggested ? "suggested" : "typed"; // for the shop's statistics
  const headers = { "accept-language": acceptLanguage(), "x-question-source": source };
  if (type) headers["content-type"] = type;
  const asked = () => fetch(url, { method: "POST", body, headers: withSession(headers), signal });
  try {
    load("./answer.js").catch(() => {}); // it comes while the model reads
    return await unlessAborted(inSession(asked), signal);
  } catch (error) {
    if (signal.aborted) throw error;
    throw new AskFailure({ code: "offline", word: "offline" });
  }
}

/** A question by itself goes as a form, so that equal ones meet in the answer cache. */
async function requestOf(photos, question, earlier) {
  const form = new FormData();
  for (const photo of photos) await photo.fill(form);
  form.append("question", question);
  form.append("stream", "true");
  if (!earlier.length && photos.length === 1) return { url: "v1/ask", body: form };
  return (await load("./turns.js")).withEarlier(form, earlier);
}

/** What `work` promises; the signal's AbortError as soon as the shopper stops waiting for it. */
function unlessAborted(work, signal) {
  return new Promise((done, fail) => {
    work.then(done, fail);
    if (signal.aborted) fail(signal.reason);
    signal.addEventListener("abort", () => fail(signal.reason), { once: true });
  });
}
