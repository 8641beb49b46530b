// The service worker: the page without a network, and photos that other apps share with it. The API is
// none of its business.

const SHELL = "shopsight-shell";
const SHARES = "shopsight-shared";
const SHARED = "shared-photo"; // its name in installed.js

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== self.location.origin || pathname.includes("/v1/")) return;
  if (request.method === "POST" && pathname.endsWith("/share")) event.respondWith(share(request));
  else if (request.method === "GET") event.respondWith(fetched(request));
});

/** From the network, so that an old page never meets a newer server; without one, as it was. */
async function fetched(request) {
  const cache = await caches.open(SHELL);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const before = await cache.match(request, { ignoreSearch: true });
    if (before) return before;
    throw error;
  }
}

async function share(request) {
  const photo = (await request.formData()).get("photo");
  const cache = await caches.open(SHARES);
  if (photo) await cache.put(SHARED, new Response(photo));
  return Response.redirect("./?shared", 303);
}
