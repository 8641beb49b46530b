// One question about one photo over the API: the request, its answer as events, its failures named.

import { AskFailure, failureOf } from "./failure.js";
import { acceptLanguage } from "./language.js";
import { events } from "./stream.js";

/**
 * Yields `{head: {cache, revision, interaction}}`, then `{text}` pieces, then `{end: reason}`.
 * Raises AskFailure, or the signal's AbortError. Returning without an `end` does not happen.
 */
export async function* ask(upload, question, signal) {
  let response = await send(upload, question, signal);
  if (response.status === 404 && upload.again()) response = await send(upload, question, signal);
  if (!response.ok) throw await failureOf(response);
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

async function send(upload, question, signal) {
  const form = new FormData();
  await upload.fill(form);
  signal.throwIfAborted();
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
