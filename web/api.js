// The API as the page speaks to it: a photo that goes up, a question about it, its answer as events,
// and why there is none.

import { acceptLanguage, stored } from "./language.js";

// How long a phone takes to move from one network to another, about; ms.
const SECOND_TRY_AFTER = 1000;
// Errors whose message is meant for a shopper, and says what to do. Others are about the request,
// which the page has made: it says so in words of its own.
const FOR_SHOPPERS = new Set(`content_blocked context_length_exceeded deadline_exceeded no_replica
  image_dimensions image_too_complex image_too_many_pixels image_undecodable moderation_unavailable
  overloaded quota_exceeded rate_limited replica_failed request_timeout unsupported_image_type
`.split(/\s+/));
const FILE_NAMES = { "image/png": "photo.png", "image/webp": "photo.webp" };
// What these say is about the photo itself: sent again it would be refused again.
const ABOUT_THE_PHOTO = new Set([413, 415, 422]);

const WORDS = { 401: "closed", 413: "tooLarge", 429: "tooMany" };
const TOO_LONG = "context_length_exceeded"; // the conversation, for the model

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

/** A refusal → AskFailure. `body` is its text, `retryAfter` the header. */
function failureOf(status, body, retryAfter) {
  let error = null;
  try {
    ({ error } = JSON.parse(body));
  } catch {
    // A proxy's own page.
  }
  return named(error, {
    status,
    retryable: status >= 500 || status === 429 || status === 408,
    retryAfter: Math.max(0, Number(retryAfter)) || 0,
  });
}

/** In the server's words where these are for shoppers, else in the page's. */
function named(error, { status = 500, ...facts } = {}) {
  const { code = `http_${status}`, message } = error ?? {};
  if (message && FOR_SHOPPERS.has(code)) return new AskFailure({ ...facts, code, message });
  const word = WORDS[status] ?? (status < 500 ? "refused" : "unavailable");
  return new AskFailure({ ...facts, code, word });
}

/**
 * A photo on its way to the API while its shopper still types: it goes up once, and every question
 * about it names it by its id.
 */
export class Photo {
  #refusal = null;
  #settled = null;
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

  /** The API has forgotten the photo: true when it was told by its id and can be sent again. */
  again() {
    const known = this.id !== null;
    if (known) this.id = this.#settled = null;
    return known;
  }

  async #send() {
    const arrive = (share) => {
      this.arrived = share;
      this.#called.changed();
    };
    arrive(0);
    try {
      const { blob } = await this.ready;
      const { status, body, retryAfter } = await send(blob, arrive);
      if (status === 201) this.id = JSON.parse(body).id;
      else if (ABOUT_THE_PHOTO.has(status)) this.#refusal = failureOf(status, body, retryAfter);
    } catch (error) {
      // Offline, perhaps: the question will bring the photo along, and say so if it cannot.
      if (error.word) this.#refusal = new AskFailure({ code: "photo", word: error.word });
    } finally {
      arrive(1);
    }
    if (this.#refusal) this.#called.refused(this.#refusal);
  }
}

/** Not by `fetch`, which does not tell how far it has come. */
function send(photo, progress) {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    request.open("POST", stored("shopsight.consent") ? "v1/images?consent=improve" : "v1/images");
    request.setRequestHeader("content-type", photo.type);
    request.setRequestHeader("accept-language", acceptLanguage());
    request.upload.onprogress = ({ loaded, total }) => progress(total ? loaded / total : 0);
    request.onload = () => done({
      status: request.status,
      body: request.responseText,
      retryAfter: request.getResponseHeader("retry-after"),
    });
    request.onerror = request.onabort = () => fail(new Error("the upload has not arrived"));
    request.send(photo);
  });
}

/**
 * Asks about `photos` with the turns `earlier`, or fewer where they are too long for the model.
 * `suggested`: nobody typed it.
 * Yields `{head: {cache, revision, interaction}}`, then `{text}` pieces, then `{end: reason}`.
 * Raises AskFailure, or the signal's AbortError. Returning without an `end` does not happen.
 */
export async function* ask(photos, question, { earlier, suggested, signal }) {
  let response;
  for (;;) {
    response = await post(photos, question, { earlier, suggested, signal });
    if (response.ok) break;
    if (response.status === 404 && photos.filter((photo) => photo.again()).length) continue;
    const body = await response.text().catch(() => "");
    const failure = failureOf(response.status, body, response.headers.get("retry-after"));
    if (failure.code !== TOO_LONG || !earlier.length) throw failure;
    earlier = earlier.slice(1);
  }
  const of = (name) => response.headers.get(name) ?? "";
  const [cache, revision] = [of("x-cache"), of("x-model-revision")];
  yield { head: { cache, revision, interaction: of("x-interaction-id") } };
  let reason = null;
  try {
    for await (const data of events(response.body)) {
      if (data === "[DONE]") {
        yield { end: reason ?? "stop" };
        return;
      }
      const chunk = JSON.parse(data);
      if (chunk.error) throw named(chunk.error);
      const choice = chunk.choices?.[0];
      reason = choice?.finish_reason ?? reason;
      if (choice?.delta?.content) yield { text: choice.delta.content };
    }
  } catch (error) {
    if (signal.aborted || error instanceof AskFailure) throw error;
    // A reset connection or a damaged event: the same to the shopper as a stream cut short.
  }
  throw new AskFailure({ code: "incomplete", word: "incomplete" });
}

async function post(photos, question, { earlier, suggested, signal }) {
  const { url, body, type } = await unlessAborted(requestOf(photos, question, earlier), signal);
  const source = suggested ? "suggested" : "typed"; // for the shop's statistics
  const headers = { "accept-language": acceptLanguage(), "x-question-source": source };
  if (type) headers["content-type"] = type;
  try {
    return await fetch(url, { method: "POST", body, headers, signal });
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
  return (await import("./turns.js")).withEarlier(form, earlier);
}

/** What `work` promises; the signal's AbortError as soon as the shopper stops waiting for it. */
function unlessAborted(work, signal) {
  return new Promise((done, fail) => {
    signal.throwIfAborted();
    signal.addEventListener("abort", () => fail(signal.reason), { once: true });
    work.then(done, fail);
  });
}

/** Server-sent events, however they are cut on the way; one that the end cuts off is dropped. */
export async function* events(body) {
  const reader = body.getReader(); // Safari cannot iterate over a stream itself
  const decoder = new TextDecoder();
  let rest = "";
  let data = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop();
      for (const raw of lines) {
        const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
        if (line.startsWith("data:")) {
          data.push(line.slice(line[5] === " " ? 6 : 5));
        } else if (line === "" && data.length) {
          yield data.join("\n");
          data = [];
        }
      }
    }
  } finally {
    reader.cancel().catch(() => {}); // whoever stops listening also frees the connection
  }
}
