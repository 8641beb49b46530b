// Vercel's AI SDK, by its provider for servers that speak as OpenAI's does.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, Output, generateText, streamText } from "ai";
import { z } from "zod";
import { QUESTION, photo, run, url, vote } from "./asks.mjs";

const shop = createOpenAICompatible({
  name: "shopsight",
  baseURL: `${url}/v1`,
  supportsStructuredOutputs: true,
});
const turn = (text, ...photos) => ({
  role: "user",
  content: [...photos.map((image) => ({ type: "image", image })), { type: "text", text }],
});
const ask = (messages, more = {}) =>
  generateText({ model: shop("shopsight"), maxRetries: 0, messages, ...more });
const text = ({ text }) => ({ text });

await run({
  photo: async () => text(await ask([turn(QUESTION, await photo())])),
  stream: async () => {
    const messages = [turn(QUESTION, await photo())];
    const { textStream } = streamText({ model: shop("shopsight"), maxRetries: 0, messages });
    let text = "";
    for await (const piece of textStream) text += piece;
    return { text };
  },
  schema: async () => {
    const output = Output.object({ schema: z.object({ kind: z.string() }) });
    return { value: (await ask([turn(QUESTION, await photo())], { output })).output };
  },
  conversation: async () => {
    const messages = [turn("what?", await photo())];
    const first = await ask(messages);
    return text(await ask([...messages, ...first.response.messages, turn(QUESTION)]));
  },
  photos: async () => text(await ask([turn(QUESTION, await photo(0), await photo(1))])),
  vote: async () => {
    const { response } = await ask([turn(QUESTION, await photo())]);
    const token = { "x-shopsight-session": response.headers["x-shopsight-session"] };
    return (await vote(response.id, token)).body;
  },
  error: async () => {
    try {
      await ask([turn(QUESTION, await photo())], { model: shop("none") });
    } catch (error) {
      return {
        status: error.statusCode,
        code: JSON.parse(error.responseBody).error.code,
        kind: APICallError.isInstance(error) ? "APICallError" : error.name,
      };
    }
  },
});
