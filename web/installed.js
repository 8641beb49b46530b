// What makes the page an app where the browser allows it, which needs HTTPS: it can be installed, opens
// without a network, and a photo is shared to it from the gallery.

import { problem } from "./language.js";

// Where sw.js leaves a shared photo for the page.
const SHARED = "shared-photo";
// There sw.js keeps what passes through it, and this module what the page had before, and what a visit
// without a network needs besides.
const SHELL = "shopsight-shell";
const BESIDES = ["./", "kept.js", "shelf.js", "turns.js", "compare.js", "compare.css",
  "privacy.js", "privacy.css"];

if (window.isSecureContext && "serviceWorker" in navigator) {
  const link = Object.assign(document.createElement("link"), { rel: "manifest" });
  link.href = "manifest.json";
  document.head.append(link);
  // iOS shows this one, which has no transparent edge.
  const icon = Object.assign(document.createElement("link"), { rel: "apple-touch-icon" });
  icon.href = "icon-maskable.png";
  document.head.append(icon);
  // A browser may forbid it, or have no room.
  navigator.serviceWorker.register("sw.js").then(keepPage).catch(() => {});
}

async function keepPage() {
  await navigator.serviceWorker.ready;
  const cache = await caches.open(SHELL);
  const seen = new Set(); // each is tried once: a try is a resource, too
  const keep = async (names) => {
    for (const name of names) {
      const { href, origin, pathname } = new URL(name, document.baseURI);
      if (seen.has(href) || origin !== location.origin || pathname.includes("/v1/")) continue;
      seen.add(href);
      if (await cache.match(href)) continue;
      // From the browser's own cache, where it is there.
      await cache.add(new Request(href, { cache: "force-cache" })).catch(() => {});
    }
  };
  const loaded = (list) => keep(list.getEntries().map(({ name }) => name));
  new PerformanceObserver(loaded).observe({ type: "resource", buffered: true });
  await keep(BESIDES);
}

/** Hands the photo that was shared to the page to `take(file)`. */
export async function takeShared(take) {
  history.replaceState(history.state, "", "./");
  const photo = await shared().catch(() => null);
  if (photo) take(new File([photo], "shared", { lastModified: Date.now() }));
  else problem("photoGone"); // there was no room for it
}

async function shared() {
  const cache = await caches.open("shopsight-shared");
  const response = await cache.match(SHARED);
  await cache.delete(SHARED);
  return response?.blob();
}
