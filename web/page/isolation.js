// The service worker that isolates the page: what its server sends goes through, with the two headers that threads take. Other
// pages of the folder stay as they are, and nothing is kept.

const ISOLATED = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

/** Whether this is the page, or one of its parts. */
function isOwn({ mode, url }) {
  const folder = new URL("./", self.location).href;
  return mode !== "navigate" || ["", "index.html"].some((name) => url.replace(/[?#].*/, "") === folder + name);
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (!isOwn(request) || (request.cache === "only-if-cached" && request.mode !== "same-origin")) return;
  event.respondWith(
    fetch(request).then((response) => {
      // What may not be looked into goes through as it is.
      if (response.status === 0) return response;
      const { status, statusText, body } = response;
      const headers = new Headers(response.headers);
      for (const [name, value] of Object.entries(ISOLATED)) headers.set(name, value);
      return new Response(body, { status, statusText, headers });
    }),
  );
});
