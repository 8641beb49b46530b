// A question with what was said before it, in the form of OpenAI's clients: only this form takes
// earlier turns.

// The API's own bounds (contract/turns.py), less some room for the question.
const MOST_EXCHANGES = 10;
const MOST_CHARS = 10_000;

/** The latest whole exchanges of `exchanges` before `last` that fit, the oldest first. */
export function earlierThan(last, exchanges) {
  const whole = exchanges.slice(0, exchanges.indexOf(last)).filter(({ outcome, text, compared }) =>
    (outcome?.end === "stop" || outcome?.end === "length") && text.textContent
      && (!compared || compared === last.compared)); // not about a photo that is gone
  const fitting = [];
  let chars = last.question.length;
  for (const { question, text, compared } of whole.reverse()) {
    chars += question.length + text.textContent.length;
    if (chars > MOST_CHARS || fitting.length === MOST_EXCHANGES) break;
    fitting.unshift({ question, answer: text.textContent, compared });
  }
  return fitting;
}

/**
 * The form of a question (api.js) with turns before it → the request to send instead. The first
 * photo stands in the first turn, a second one in the first turn that is about both.
 */
export async function withEarlier(form, earlier) {
  const files = [...form].filter(([name]) => name === "image_id" || name === "photo");
  const photos = files.map(([, value]) => (typeof value === "string" ? value : dataUri(value)));
  const [first, second] = await Promise.all(photos);
  const asked = [...earlier, { question: form.get("question"), compared: true }];
  const contents = asked.map(({ question }) => [{ type: "text", text: question }]);
  if (second) contents[asked.findIndex(({ compared }) => compared)].unshift(shown(second));
  contents[0].unshift(shown(first));
  const messages = asked.flatMap(({ answer }, place) => [
    { role: "user", content: contents[place] },
    ...(answer ? [{ role: "assistant", content: answer }] : []),
  ]);
  const body = JSON.stringify({ messages, stream: true });
  return { url: "v1/chat/completions", body, type: "application/json" };
}

const shown = (photo) => ({ type: "image_url", image_url: { url: photo } });

function dataUri(blob) {
  return new Promise((done, fail) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => fail(reader.error);
    reader.readAsDataURL(blob);
  });
}
