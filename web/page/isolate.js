// Threads take a page that its server isolates by two headers. Where it does not, a service worker adds them to what the page is,
// once the page has been loaded again.

/** The session's mark of a page that was loaded again to be isolated. */
const TRIED = "isolated";

/** Most milliseconds that the page waits for its service worker. */
const PATIENCE = 1500;

/**
 * Loads the page again, isolated, if it is not, and does not come back then. Where that can't be (a page from a file or without
 * encryption, a browser without service workers), one thread trains.
 */
export async function isolate() {
  try {
    if (crossOriginIsolated || sessionStorage.getItem(TRIED)) return sessionStorage.removeItem(TRIED);
    const late = new Promise((_, reject) => setTimeout(reject, PATIENCE));
    await Promise.race([isActive(), late]);
    sessionStorage.setItem(TRIED, "1");
  } catch {
    return;
  }
  location.reload();
  await new Promise(() => {});
}

/** Installs the service worker. */
async function isActive() {
  const { installing, waiting, active } = await navigator.serviceWorker.register(new URL("./isolation.js", import.meta.url));
  const worker = active ?? waiting ?? installing;
  await new Promise((done, failed) => {
    const look = () => (worker.state === "activated" ? done() : worker.state === "redundant" && failed());
    worker.addEventListener("statechange", look);
    look();
  });
}
