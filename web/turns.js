// A question with what was said before it, in the form of OpenAI's clients: only this form takes
// earlier turns.

// The API's own bounds (contract/turns.py), less some room for the question.
const MOST_EXCHANGES = 10;
const MOST_CHARS = 10_000;

/** The latest whole exchanges of `exchanges` before `last` that fit, the oldest first. */
export function earlierThan(last, exchanges) {
  const whole = exchanges.slice(0, exchanges.indexOf(last)).filter(({ outcome, text }) =>
    (outcome?.end === "stop" || outcome?.end === "length") && text.textContent);
  const fitting = [];
  let chars = last.question.length;
  for (const { question, text } of whole.reverse()) {
    chars += question.length + text.textContent.length;
    if (chars > MOST_CHARS || fitting.length === MOST_EXCHANGES) break;
    fitting.unshift({ question, answer: text.textContent });
  }
  return fitting;
}

/** The form of a question (api.js) with turns before it → the request to send instead. */
export async function withEarlier(form, earlier) {
  const photo = form.get("image_id") ?? await dataUri(form.get("photo"));
  const turns = [...earlier, { question: form.get("question") }].flatMap(({ question, answer }) => [
    { role: "user", content: [{ type: "text", text: question }] },
    ...(answer ? [{ role: "assistant", content: answer }] : []),
  ]);
  turns[0].content.unshift({ type: "image_url", image_url: { url: photo } });
  const body = JSON.stringify({ messages: turns, stream: true });
  return { url: "v1/chat/completions", body, type: "application/json" };
}

function dataUri(blob) {
  return new Promise((done, fail) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => fail(reader.error);
    reader.readAsDataURL(blob);
  });
}
