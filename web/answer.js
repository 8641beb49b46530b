// What the API answers to a question, as events, and why there is none. It comes with the first one.

import { AskFailure } from "./api.js";

// Errors whose message is meant for a shopper, and says what to do. Others are about the request,
// which the page has made: it says so in words of its own.
const FOR_SHOPPERS = new Set(`content_blocked context_length_exceeded deadline_exceeded no_replica
  image_dimensions image_too_complex image_too_many_pixels image_undecodable moderation_unavailable
  overloaded quota_exceeded rate_limited replica_failed request_timeout unsupported_image_type
`.split(/\s+/));
const WORDS = { 401: "closed", 413: "tooLarge", 429: "tooMany" };

/** A refusal → AskFailure. `body` is its text, `retryAfter` the header. */
export function failureOf(status, body, retryAfter) {
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
 * Yields what api.js's `ask` promises of a response that has begun; `signal` is the shopper's who
 * stops.
 */
export async function* parts(response, signal) {
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
