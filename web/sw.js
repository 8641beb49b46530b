// The service worker: the page without a network, and photos that other apps share with it. The API is
// none of its business.

const SHELL = "shopsight-shell"; // its name in installed.js
const SHARES = "shopsight-shared";
const SHARED = "shared-photo"; // its name in installed.js

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== self.location.origin || pathname.includes("/v1/")) return;
  if (request.method === "POST" && pathname.endsWith("/share")) event.respondWith(share(request));
  else if (request.method === "GET") event.respondWith(fetched(event));
});

/** From the network, so that an old page never meets a newer server; without one, as it was. */
async function fetched(event) {
  const { request } = event;
  let response;
  try {
    response = await fetch(request);
  } catch (error) {
    const before = await kept(request).catch(() => null);
    if (before) return before;
    throw error;
  }
  // Whole files only. What has come counts, whether or not there is room to keep it.
  if (response.status === 200) event.waitUntil(keep(request, response.clone()).catch(() => {}));
  return response;
}

const kept = async (request) =>
  (await caches.open(SHELL)).match(request, { ignoreSearch: true });
const leave = async (photo) => (await caches.open(SHARES)).put(SHARED, photo);
const keep = async (request, response) => (await caches.open(SHELL)).put(request, response);

async function share(request) {
  const photo = (await request.formData()).get("photo");
  if (photo) await leave(new Response(photo)).catch(() => {}); // the page says that there is none
  return Response.redirect("./?shared", 303);
}
