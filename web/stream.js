// Server-sent events out of a response's bytes, however they are cut on the way.

/** Yields the data of each whole event. An event that the stream's end cuts off is dropped. */
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
