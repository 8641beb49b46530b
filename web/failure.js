// Why the API has not answered, named for the shopper.

// A Retry-After beyond this is not counted down on screen, in seconds.
const LONGEST_COUNTDOWN = 60;

/**
 * Why there is no (whole) answer: `message` is the server's own words, or `word` a key of words.js.
 * `retryAfter` is in seconds.
 */
export class AskFailure extends Error {
  constructor({ code, word = null, message = "", retryable = true, retryAfter = 0 }) {
    super(message);
    Object.assign(this, { code, word, retryable, retryAfter });
  }
}

/** A response that is no success → AskFailure, in the server's words where it has some. */
export async function failureOf(response) {
  const { status } = response;
  const wait = Number(response.headers.get("retry-after"));
  const facts = {
    code: `http_${status}`,
    retryable: status >= 500 || status === 429 || status === 408,
    retryAfter: wait > 0 && wait <= LONGEST_COUNTDOWN ? wait : 0,
  };
  const error = await response.json().then((body) => body.error, () => null);
  if (error?.message) return new AskFailure({ ...facts, ...pick(error) });
  return new AskFailure({ ...facts, word: wordFor(status) }); // a proxy's own page
}

const pick = ({ message, code }) => ({ message, code });

function wordFor(status) {
  if (status === 413) return "tooLarge";
  if (status === 429) return "tooMany";
  return status < 500 ? "refused" : "unavailable";
}
