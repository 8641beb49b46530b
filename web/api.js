// The API as the page speaks to it: a photo that goes up, a question about it, its answer as events,
// and why there is none.

import { acceptLanguage } from "./language.js";

// How long a phone takes to move from one network to another, about; ms.
const SECOND_TRY_AFTER = 1000;
// A Retry-After beyond this is not counted down on screen, in seconds.
const LONGEST_COUNTDOWN = 60;
const FILE_NAMES = { "image/png": "photo.png", "image/webp": "photo.webp" };
// What these say is about the photo itself: sent again it would be refused again.
const ABOUT_THE_PHOTO = new Set([413, 415, 422]);

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

/** A refusal → AskFailure, in the server's words where it has some. `body` is the text of it. */
function failureOf(status, body, retryAfter) {
  const wait = Number(retryAfter);
  const facts = {
    code: `http_${status}`,
    retryable: status >= 500 || status === 429 || status === 408,
    retryAfter: wait > 0 && wait <= LONGEST_COUNTDOWN ? wait : 0,
  };
  const error = errorIn(body);
  if (error?.message) return new AskFailure({ ...facts, ...pick(error) });
  return new AskFailure({ ...facts, word: wordFor(status) }); // a proxy's own page
}

const pick = ({ message, code }) => ({ message, code });

function errorIn(body) {
  try {
    return JSON.parse(body).error;
  } catch {
    return null;
  }
}

function wordFor(status) {
  if (status === 413) return "tooLarge";
  if (status === 429) return "tooMany";
  return status < 500 ? "refused" : "unavailable";
}

/**
 * A photo on its way to the API while its shopper still types: it goes up once, and every question
 * about it names it by its id.
 */
export class Upload {
  #id = null; // known once the API keeps the photo
  #refusal = null;
  #photo;
  #settled;
  #told;

  /**
   * `photo` promises what photo.js prepares. `progress(share)` is told from 0 to 1, and
   * `refused(failure)` as soon as the photo cannot be used.
   */
  constructor(photo, { progress, refused }) {
    this.#photo = photo;
    this.#told = progress;
    this.#settled = this.#begin().then(() => this.#refusal && refused(this.#refusal));
  }

  /**
   * Adds the photo to a question's form: its id, or itself where uploads are not kept. Raises
   * AskFailure where it cannot be used.
   */
  async fill(form) {
    await this.#settled;
    if (this.#refusal) throw this.#refusal;
    const { blob } = await this.#photo;
    if (this.#id) form.append("image_id", this.#id);
    else form.append("photo", blob, FILE_NAMES[blob.type] ?? "photo.jpg"); // not its own name
  }

  /** The API has forgotten the photo: true when it was told by its id and can be sent again. */
  again() {
    if (!this.#id) return false;
    this.#id = null;
    this.#settled = this.#begin();
    return true;
  }

  async #begin() {
    try {
      const { blob } = await this.#photo;
      const { status, body, retryAfter } = await send(blob, this.#told);
      if (status === 201) this.#id = JSON.parse(body).id;
      else if (ABOUT_THE_PHOTO.has(status)) this.#refusal = failureOf(status, body, retryAfter);
    } catch (error) {
      // Offline, perhaps: the question will bring the photo along, and say so if it cannot.
      if (error.word) this.#refusal = new AskFailure({ code: "photo", word: error.word });
    } finally {
      this.#told(1);
    }
  }
}

/** Not by `fetch`, which does not tell how far it has come. */
function send(photo, progress) {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    request.open("POST", "v1/images");
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
 * Yields `{head: {cache, revision, interaction}}`, then `{text}` pieces, then `{end: reason}`.
 * Raises AskFailure, or the signal's AbortError. Returning without an `end` does not happen.
 */
export async function* ask(upload, question, signal) {
  let response = await post(upload, question, signal);
  if (response.status === 404 && upload.again()) response = await post(upload, question, signal);
  if (!response.ok) {
    const retryAfter = response.headers.get("retry-after");
    throw failureOf(response.status, await response.text().catch(() => ""), retryAfter);
  }
  yield {
    head: {
      cache: response.headers.get("x-cache") ?? "",
      revision: response.headers.get("x-model-revision") ?? "",
      interaction: response.headers.get("x-interaction-id") ?? "",
    },
  };
  let reason = null;
  try {
    for await (const data of events(response.body)) {
      if (data === "[DONE]") {
        yield { end: reason ?? "stop" };
        return;
      }
      const chunk = JSON.parse(data);
      if (chunk.error) throw new AskFailure(chunk.error);
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

async function post(upload, question, signal) {
  const form = new FormData();
  await unlessAborted(upload.fill(form), signal);
  form.append("question", question);
  form.append("stream", "true");
  const headers = { "accept-language": acceptLanguage() };
  try {
    return await fetch("v1/ask", { method: "POST", body: form, headers, signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new AskFailure({ code: "offline", word: "offline" });
  }
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
async function* events(body) {
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
