// A mini-program, played by Node: no cookies, no library, forms as wx.uploadFile sends them, and a
// storage that holds one text.
import { request } from "node:http";
import { QUESTION, dataUri, photo, run, schema, url } from "./asks.mjs";

const storage = new Map();

// As wx.request: one answer, whole, with its headers.
function wxRequest(path, { method = "POST", data, header = {} } = {}) {
  const session = storage.has("session") ? { "x-shopsight-session": storage.get("session") } : {};
  const headers = { "content-type": "application/json", ...session, ...header };
  return new Promise((resolve, reject) => {
    const sent = request(url + path, { method, headers }, (answer) => {
      const pieces = [];
      answer.on("data", (piece) => pieces.push(piece));
      answer.on("end", () => {
        const text = Buffer.concat(pieces).toString();
        resolve({ statusCode: answer.statusCode, header: answer.headers, text });
      });
    });
    sent.on("error", reject);
    sent.end(Buffer.isBuffer(data) || data === undefined ? data : JSON.stringify(data));
  });
}

// As wx.uploadFile: shows the page no headers, so the token is in the body.
async function wxUploadFile(path, file, formData = {}) {
  const fields = Object.entries(formData).map(
    ([name, value]) =>
      `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const head = 'Content-Disposition: form-data; name="photo"; filename="photo.jpg"\r\n';
  const data = Buffer.concat([
    Buffer.from(`${fields.join("")}--b\r\n${head}Content-Type: image/jpeg\r\n\r\n`),
    file,
    Buffer.from("\r\n--b--\r\n"),
  ]);
  const header = { "content-type": "multipart/form-data; boundary=b" };
  const answer = JSON.parse((await wxRequest(path, { data, header })).text);
  if (answer.session) storage.set("session", answer.session);
  return answer;
}

const ask = async (data) => {
  const answer = await wxRequest("/v1/chat/completions", { data });
  if (answer.header["x-shopsight-session"]) {
    storage.set("session", answer.header["x-shopsight-session"]);
  }
  return JSON.parse(answer.text);
};
const turn = (text, ...urls) => ({
  role: "user",
  content: [
    ...urls.map((url) => ({ type: "image_url", image_url: { url } })),
    { type: "text", text },
  ],
});
const spoken = (answer) => ({ text: answer.choices[0].message.content });

await run({
  photo: async () => wxUploadFile("/v1/ask", await photo(), { question: QUESTION }),
  stream: async () => {
    const data = { image: await dataUri(), prompt: QUESTION, stream: true };
    const { text } = await wxRequest("/v1/chat/completions", { data });
    const events = text.split("\n\n").filter((event) => event && event !== "data: [DONE]");
    const deltas = events.map((event) => JSON.parse(event.slice(6)).choices[0].delta);
    return { text: deltas.map((delta) => delta.content ?? "").join("") };
  },
  schema: async () => {
    const response_format = { type: "json_schema", json_schema: { name: "card", schema } };
    const messages = [turn(QUESTION, await dataUri())];
    return { value: JSON.parse(spoken(await ask({ messages, response_format })).text) };
  },
  conversation: async () => {
    const messages = [turn("what?", await dataUri())];
    messages.push((await ask({ messages })).choices[0].message, turn(QUESTION));
    return spoken(await ask({ messages }));
  },
  photos: async () =>
    spoken(await ask({ messages: [turn(QUESTION, await dataUri(0), await dataUri(1))] })),
  "by id": async () => {
    const { id } = await wxUploadFile("/v1/images", await photo());
    return ask({ image_id: id, prompt: QUESTION });
  },
  vote: async () => {
    const answer = await wxUploadFile("/v1/ask", await photo(), { question: QUESTION });
    const data = { interaction_id: answer.id, vote: "up" };
    return JSON.parse((await wxRequest("/v1/feedback", { data })).text);
  },
  erase: async () => {
    await wxUploadFile("/v1/images", await photo());
    return JSON.parse((await wxRequest("/v1/users/me/data", { method: "DELETE" })).text);
  },
  error: async () => {
    const data = { image: await dataUri(), prompt: QUESTION, model: "none" };
    const { statusCode, text } = await wxRequest("/v1/chat/completions", { data });
    return { status: statusCode, code: JSON.parse(text).error.code };
  },
});
