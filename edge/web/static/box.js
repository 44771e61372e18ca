// How the box is, asked every two seconds while somebody looks.

import { get } from "./api.js";

const EVERY_MS = 2000;

const watchers = new Set();
let timer = 0;
let last = null;
// Asked beside the session, not after it; index.html has the answer on its way. Nothing where nobody is logged in yet.
let early = get("/api/box").catch(() => null);

/** Called with what the box says; `box.silentSince` is set while it does not answer. */
export function watchBox(told) {
  watchers.add(told);
  if (last) told(last);
  if (!timer) ask();
  return () => watchers.delete(told);
}

export function stopWatching() {
  clearTimeout(timer);
  timer = 0;
  last = null;
}

async function ask() {
  timer = setTimeout(ask, EVERY_MS);
  if (document.visibilityState !== "visible" && last) return;
  try {
    const box = (await early) || (await get("/api/box"));
    early = null;
    last = { ...box, heardAt: Date.now(), silentSince: null };
  } catch (error) {
    if (error.status === 401) return stopWatching();
    if (last && !last.silentSince) last = { ...last, silentSince: last.heardAt };
    if (!last) return;
  }
  for (const told of watchers) told(last);
}
