// Files that come to the page and go from it: chosen, dropped anywhere, or saved.

import { find } from "./dom.js";

/** Lets a button open the chooser of an input, and hears of the files. */
export function chooser(button, input, onFiles) {
  find(button).addEventListener("click", () => find(input).click());
  find(input).addEventListener("change", async ({ target }) => {
    const files = await contents(target.files);
    // The same file can be chosen again.
    target.value = "";
    if (files.length > 0) onFiles(files);
  });
}

/** Takes files that are dropped anywhere onto the page. */
export function dropped(onFiles) {
  const cover = find("dropping");
  const isFile = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0;
  const show = (change) => {
    depth = Math.max(0, depth + change);
    cover.hidden = depth === 0;
  };
  addEventListener("dragenter", (event) => isFile(event) && show(1));
  addEventListener("dragleave", (event) => isFile(event) && show(-1));
  addEventListener("dragover", (event) => isFile(event) && event.preventDefault());
  addEventListener("drop", async (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    show(-depth);
    onFiles(await contents(event.dataTransfer.files));
  });
}

function contents(files) {
  return Promise.all(Array.from(files, async (file) => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) })));
}

/** Hands a file to the visitor. */
export function save(name, content, type = "application/octet-stream") {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Copies text; where the browser does not let a page do it, the text is chosen for copying by hand. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
