// What makes the page an app where the browser allows it, which needs HTTPS: it can be installed, opens
// without a network, and a photo is shared to it from the gallery.

// Where sw.js leaves a shared photo for the page.
const SHARED = "shared-photo";

if (window.isSecureContext && "serviceWorker" in navigator) {
  const link = Object.assign(document.createElement("link"), { rel: "manifest" });
  link.href = "manifest.json";
  document.head.append(link);
  // iOS shows this one, which has no transparent edge.
  const icon = Object.assign(document.createElement("link"), { rel: "apple-touch-icon" });
  icon.href = "icon-maskable.png";
  document.head.append(icon);
  navigator.serviceWorker.register("sw.js").catch(() => {}); // a browser may forbid it
}

/** Hands the photo that was shared to the page to `take(file)`. */
export async function takeShared(take) {
  history.replaceState(history.state, "", "./");
  const cache = await caches.open("shopsight-shared");
  const response = await cache.match(SHARED);
  await cache.delete(SHARED);
  if (response) take(new File([await response.blob()], "shared", { lastModified: Date.now() }));
}
