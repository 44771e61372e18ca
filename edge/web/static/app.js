// The page: who is here, which view they look at, and what must be seen on every view.

import * as alerts from "./alerts.js";
import { ApiError, logOut, session, whoAmI } from "./api.js";
import { stopWatching, watchBox } from "./box.js";
import * as cameras from "./cameras.js";
import { button, el, fill, say } from "./dom.js";
import { askLogin } from "./login.js";
import { failure, problems } from "./problems.js";
import { themeButton } from "./theme.js";
import { clock } from "./words.js";

const heard = new alerts.Heard();
const main = document.getElementById("main");
let view = { end() {}, isChanged: () => false };
let shown = "";
let turn = 0;

async function route() {
  const path = location.hash.replace(/^#\/?/, "") || "cameras";
  if (path === shown) return;
  if (view.isChanged() && !window.confirm("What you have drawn is not saved and would be lost. Leave all the same?")) {
    history.replaceState(null, "", `#/${shown}`);
    return;
  }
  view.end();
  view = { end() {}, isChanged: () => false };
  shown = path;
  const mine = (turn += 1);
  markNavigation(path);
  const [name, id] = path.split("/").map(decodeURIComponent);
  const next = await shownBy(name, id);
  if (mine !== turn) return next.end();
  view = next;
  const title = main.querySelector("h1")?.textContent || "Edge";
  document.title = `${title} · ${session.who?.node || "Edge"}`;
  main.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

/** The first view waits for no module but its own; the others come behind it. */
async function shownBy(name, id) {
  if (name === "alerts") return alerts.show(main, heard);
  if (name === "health") return (await import("./health.js")).show(main);
  return id ? (await import("./camera.js")).show(main, id) : cameras.show(main);
}

const LINKS = [["cameras", "Cameras"], ["alerts", "Alerts"], ["health", "Health"]];

function header() {
  const { user, role, site, node } = session.who;
  const count = el("span", { class: "count", hidden: true });
  fill(document.getElementById("top"),
    el("p", { class: "brand" }, el("strong", {}, node), el("span", { class: "quiet" }, site)),
    el("nav", { "aria-label": "Views" }, el("ul", {}, LINKS.map(([path, words]) => el("li", {}, el("a", { href: `#/${path}`, "data-path": path }, words, path === "alerts" ? count : ""))))),
    el("div", { class: "who" }, themeButton(), el("span", { class: "quiet" }, `${user} · ${role}`),
      user === "local" ? "" : button("Log out", async () => {
        if (view.isChanged() && !window.confirm("What you have drawn is not saved and would be lost. Log out all the same?")) return;
        await logOut().catch(() => {});
        location.reload();
      })));
  heard.addEventListener("count", () => {
    count.hidden = heard.unseen === 0;
    fill(count, String(heard.unseen), el("span", { class: "unseen" }, " new"));
  });
}

function markNavigation(path) {
  for (const link of document.querySelectorAll("[data-path]")) {
    if (path.split("/")[0] === link.dataset.path) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** What nobody may miss, on every view: a box that is silent, files with errors. */
function banners(box) {
  const place = document.getElementById("banners");
  const refused = box.config.state === "refused";
  const key = JSON.stringify([box.silentSince, refused && box.config.problems]);
  if (place.dataset.key === key) return;
  place.dataset.key = key;
  fill(place,
    box.silentSince && el("div", { class: "banner bad", role: "alert" }, `■ The box has not answered since ${clock(new Date(box.silentSince).toISOString())}. What is shown is from before.`),
    refused && el("div", { class: "banner fair", role: "alert" }, el("details", { open: true }, el("summary", {}, `▲ The configuration files have ${box.config.problems.length === 1 ? "an error" : `${box.config.problems.length} errors`}. The last good configuration stays in force.`), problems(box.config.problems))));
}

let asking = false;

async function signedOut() {
  if (asking) return;
  asking = true;
  stopWatching();
  heard.end();
  await askLogin("Your session has ended. What you have drawn is still here.");
  asking = false;
  begin();
}

function begin() {
  header();
  markNavigation(shown);
  heard.begin();
  watchBox(banners);
}

async function start() {
  document.getElementById("skip").addEventListener("click", () => main.focus());
  try {
    if (!(await whoAmI())) {
      asking = true;
      await askLogin();
      asking = false;
    }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    fill(main, failure(error), button("Try again", () => location.reload()));
    return;
  }
  begin();
  session.addEventListener("signed-out", signedOut);
  window.addEventListener("hashchange", route);
  window.addEventListener("beforeunload", (event) => {
    if (view.isChanged()) event.preventDefault();
  });
  await route();
  say(`${document.title} is ready.`);
}

start();
