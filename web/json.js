// Reading what the page needs at its start; not asking, which has its own failures (ask.js).

// How long a phone takes to move from one network to another, about; ms.
const SECOND_TRY_AFTER = 1000;

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
