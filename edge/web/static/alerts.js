// What the box reports, as it happens, with its picture: the one kept as evidence where there is one, else what the camera saw when
// it was heard. It is heard on every view, so that none is missed.

import { camera, listen } from "./api.js";
import { el, fill, say } from "./dom.js";
import { clock, eventWords, moment } from "./words.js";

const MOST = 200;
const MOST_PICTURES = 40;
const FRESH_MS = 15000;

/** All that was heard, the newest first; `change` is dispatched with each, `count` when more or fewer are unseen. */
export class Heard extends EventTarget {
  #end = null;
  #ids = new Set();
  messages = [];
  isOpen = false;
  unseen = 0;

  begin() {
    this.end();
    this.#end = listen("/api/events", (message) => this.#take(message), (open) => {
      this.isOpen = open;
      this.dispatchEvent(new Event("change"));
    });
  }

  end() {
    this.#end?.();
    this.#end = null;
  }

  #take(message) {
    if (!message.id || this.#ids.has(message.id)) return; // after a loss the last hundred come again
    this.#ids.add(message.id);
    if (this.#complete(message)) return;
    const isNew = Date.now() - Date.parse(message.at) < FRESH_MS;
    const entry = { message, isNew, picture: null, kept: shownOf(message) };
    this.messages.unshift(entry);
    for (const old of this.messages.splice(MOST)) this.#drop(old);
    for (const old of this.messages.slice(MOST_PICTURES)) this.#drop(old, true);
    if (isNew && message.phase !== "end") {
      this.unseen += 1;
      this.dispatchEvent(new Event("count"));
      this.#photograph(entry);
    }
    if (isNew && message.priority === "alert") say(`Alert from ${message.camera}: ${eventWords(message)}`, { now: true });
    this.dispatchEvent(new CustomEvent("change", { detail: entry }));
  }

  /** Evidence follows its event in an update that says nothing else: it belongs to the event's own entry. */
  #complete(message) {
    if (message.phase !== "update" || !message.evidence?.length) return false;
    const entry = this.messages.find((one) => message.evidence.every(({ ref }) => ref.startsWith(one.message.id)));
    if (!entry) return false;
    entry.kept ||= shownOf(message);
    this.dispatchEvent(new CustomEvent("change", { detail: entry }));
    return true;
  }

  /** Somebody looks at them. */
  see() {
    this.unseen = 0;
    this.dispatchEvent(new Event("count"));
  }

  #drop(entry, keep = false) {
    if (entry.picture) URL.revokeObjectURL(entry.picture.url);
    entry.picture = null;
    if (!keep) this.#ids.delete(entry.message.id);
  }

  /** What the camera sees just after it was heard. */
  async #photograph(entry) {
    if (!entry.message.camera) return;
    const response = await fetch(camera(entry.message.camera, "/picture")).catch(() => null);
    if (!response?.ok) return;
    entry.picture = { url: URL.createObjectURL(await response.blob()), takenAt: new Date().toISOString() };
    this.dispatchEvent(new CustomEvent("change", { detail: entry }));
  }
}

/** Where the picture is that is kept of a message's event and everybody may see; empty where none is named. */
function shownOf({ evidence = [] }) {
  const found = evidence.find(({ ref }) => /^[0-9a-f-]{36}\.jpg$/.test(ref));
  return found ? `/api/events/${found.ref.slice(0, -4)}/picture` : "";
}

export async function show(main, heard) {
  const state = el("p", { class: "quiet" });
  const list = el("ol", { class: "alerts", "aria-label": "Events, the newest first" });
  const filters = ["all", "alert", "review", "info"].map((value) => el("button", { type: "button", "aria-pressed": String(value === "all"), onclick: () => choose(value) }, value === "all" ? "All" : value));
  let wanted = "all";
  fill(main, el("div", { class: "title" }, el("h1", {}, "Alerts"), state), el("div", { class: "tools", role: "group", "aria-label": "Which priority" }, filters), list);

  function choose(value) {
    wanted = value;
    for (const one of filters) one.setAttribute("aria-pressed", String(one.textContent === (value === "all" ? "All" : value)));
    draw();
  }

  const cards = new Map();
  function draw() {
    heard.see();
    state.textContent = heard.isOpen ? "Listening. What happens appears here at once." : "Not connected to the box: nothing new can appear.";
    state.classList.toggle("warn-text", !heard.isOpen);
    const shown = heard.messages.filter(({ message }) => wanted === "all" || message.priority === wanted);
    const nodes = shown.map((entry) => {
      const key = entry.message.id;
      const made = cards.get(key);
      const url = entry.kept || entry.picture?.url || null;
      if (made && made.url === url) return made.node;
      const node = card(entry);
      cards.set(key, { node, url });
      return node;
    });
    fill(list, nodes.length ? nodes : el("li", { class: "empty" }, "Nothing was reported yet. Events of the rules and troubles of the box appear here."));
  }

  heard.addEventListener("change", draw);
  draw();
  return { end: () => heard.removeEventListener("change", draw), isChanged: () => false };
}

function card({ message, picture, kept }) {
  const level = { alert: "bad", review: "fair" }[message.priority] || "off";
  return el("li", { class: `alert card ${level}` },
    kept ? evidence(kept, message) : picture ? figure(picture.url, picture.takenAt, message, `Taken at ${clock(picture.takenAt)}, when it was heard`) : el("div", { class: "no-picture", "aria-hidden": "true" }, "no picture"),
    el("div", { class: "alert-words" },
      el("p", { class: "alert-head" }, el("span", { class: `tag ${level}` }, message.priority || "info"), el("time", { datetime: message.at, title: moment(message.at) }, clock(message.at)), el("span", { class: "quiet" }, `no. ${message.seq}`)),
      el("h2", {}, eventWords(message)),
      el("p", {}, el("a", { href: `#/cameras/${encodeURIComponent(message.camera)}` }, message.camera), message.rule ? ` · rule ${message.rule}` : ""),
      el("details", {}, el("summary", {}, "The message as sent"), el("pre", { tabindex: 0 }, JSON.stringify(message, null, 2)))));
}

function figure(src, at, message, caption) {
  return el("figure", {}, el("img", { src, loading: "lazy", alt: `${message.camera} at ${clock(at)}: ${eventWords(message)}` }), el("figcaption", {}, caption));
}

/** The picture the rule decided on; evidence does not live for ever. */
function evidence(src, message) {
  const found = figure(src, message.at, message, `Evidence: the picture of ${clock(message.at)}`);
  found.querySelector("img").addEventListener("error", () => found.replaceWith(el("div", { class: "no-picture" }, "picture no longer kept")));
  return found;
}
