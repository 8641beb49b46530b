// OpenAI's library for Node.
import OpenAI from "openai";
import { QUESTION, dataUri, photo, run, schema, upload, url } from "./asks.mjs";

const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "unused", maxRetries: 0 });
const turn = (text, ...urls) => ({
  role: "user",
  content: [
    ...urls.map((url) => ({ type: "image_url", image_url: { url } })),
    { type: "text", text },
  ],
});
const ask = (messages, more = {}, options = {}) =>
  client.chat.completions.create({ model: "shopsight", messages, ...more }, options);
const text = (answer) => ({ text: answer.choices[0].message.content });

await run({
  photo: async () => text(await ask([turn(QUESTION, await dataUri())])),
  stream: async () => {
    let text = "";
    for await (const chunk of await ask([turn(QUESTION, await dataUri())], { stream: true })) {
      text += chunk.choices[0]?.delta?.content ?? "";
    }
    return { text };
  },
  schema: async () => {
    const response_format = { type: "json_schema", json_schema: { name: "card", schema } };
    const answer = await ask([turn(QUESTION, await dataUri())], { response_format });
    return { value: JSON.parse(answer.choices[0].message.content) };
  },
  conversation: async () => {
    const messages = [turn("what?", await dataUri())];
    messages.push((await ask(messages)).choices[0].message, turn(QUESTION));
    return text(await ask(messages));
  },
  photos: async () => text(await ask([turn(QUESTION, await dataUri(0), await dataUri(1))])),
  "by id": async () => {
    const { id, headers } = await upload();
    return text(await ask([turn(QUESTION, id)], {}, { headers }));
  },
  vote: async () => {
    const { data, response } = await ask([turn(QUESTION, await dataUri())]).withResponse();
    const headers = { "x-shopsight-session": response.headers.get("x-shopsight-session") };
    const body = { interaction_id: data.id, vote: "up" };
    return client.post("/feedback", { body, headers });
  },
  erase: async () => {
    const { headers } = await upload();
    return client.delete("/users/me/data", { headers });
  },
  error: async () => {
    try {
      await ask([turn(QUESTION, await dataUri())], { model: "none" });
    } catch (error) {
      return { status: error.status, code: error.code, kind: error.constructor.name };
    }
  },
});
