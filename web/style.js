// Style sheets of what is not on the screen at first: each comes with the module that needs it.

const wanted = new Map();

/** A promise that `address` is in force; it is asked for once. A sheet that is lost costs looks only. */
export function style(address) {
  if (!wanted.has(address)) {
    wanted.set(address, new Promise((done) => {
      const link = Object.assign(document.createElement("link"), { rel: "stylesheet" });
      link.onload = link.onerror = done;
      link.href = address;
      document.head.append(link);
    }));
  }
  return wanted.get(address);
}
