// The service worker that isolates the page: what its server sends goes through, with the two headers that threads take. Other
// pages of the folder stay as they are, nothing is kept, and the worker goes once its server does not have it any more.

const ISOLATED = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
const folder = new URL("./", self.location).href;

/** Whether the server still has this worker: another site may have come to stand at its address. */
async function isCurrent() {
  const own = await fetch(self.location.href, { cache: "no-store" });
  return own.ok && own.headers.get("content-type")?.includes("javascript");
}

/** What the server answers, with the headers. */
async function isolated(request) {
  const [response, stays] = await Promise.all([fetch(request), request.mode !== "navigate" || isCurrent()]);
  if (!stays) await self.registration.unregister();
  // What may not be looked into goes through as it is.
  if (!stays || response.status === 0) return response;
  const { status, statusText, body } = response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(ISOLATED)) headers.set(name, value);
  return new Response(body, { status, statusText, headers });
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("fetch", (event) => {
  const { cache, mode, url } = event.request;
  const isPage = ["", "index.html"].some((name) => url.replace(/[?#].*/, "") === folder + name);
  if (mode === "navigate" ? isPage : cache !== "only-if-cached" || mode === "same-origin") event.respondWith(isolated(event.request));
});
