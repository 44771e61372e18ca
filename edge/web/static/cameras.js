// All cameras: a picture of each that moves, and how it is.

import { camera } from "./api.js";
import { watchBox } from "./box.js";
import { el, fill } from "./dom.js";
import { Live, still } from "./live.js";
import { statusLine } from "./status.js";

// A browser keeps six connections to a box; each live picture takes one. With more cameras each gets a new picture in turn.
const MOST_LIVE = 3;
const TURN_MS = 500;

export async function show(main) {
  const grid = el("div", { class: "grid-cameras" });
  fill(main, el("h1", {}, "Cameras"), grid);
  const tiles = new Map();
  let turn = 0;
  let ended = false;

  const stop = watchBox((box) => {
    const now = new Set(box.cameras.map((one) => one.camera));
    if (!same(now, tiles)) build(box.cameras);
    for (const one of box.cameras) tiles.get(one.camera).update(one, box.silentSince);
  });

  function build(cameras) {
    for (const tile of tiles.values()) tile.end();
    tiles.clear();
    for (const one of cameras) tiles.set(one.camera, tile(one, cameras.length <= MOST_LIVE));
    fill(grid, cameras.length ? [...tiles.values()].map((one) => one.node) : el("p", { class: "empty" }, "No camera is configured. Put a file into the cameras folder of the configuration, then reload."));
    if (cameras.length > MOST_LIVE) takeTurns();
  }

  async function takeTurns() {
    const mine = (turn += 1);
    for (let n = 0; !ended && mine === turn; n += 1) {
      const visible = [...tiles.values()].filter((one) => one.isVisible());
      if (visible.length && document.visibilityState === "visible") await visible[n % visible.length].renew();
      await new Promise((resolve) => setTimeout(resolve, TURN_MS / Math.max(1, visible.length)));
    }
  }

  return {
    end() {
      ended = true;
      stop();
      for (const one of tiles.values()) one.end();
    },
    isChanged: () => false,
  };
}

const same = (names, tiles) => names.size === tiles.size && [...names].every((name) => tiles.has(name));

function tile(one, isLive) {
  const canvas = el("canvas", { class: "picture", role: "img", "aria-label": `Picture of ${one.name || one.camera}`, width: 640, height: 360 });
  const word = el("p", { class: "on-picture" }, "Waiting for the picture …");
  const status = el("div", {});
  const live = isLive ? new Live(canvas, camera(one.camera, "/live"), (state, words) => {
    word.hidden = state === "live";
    word.textContent = words;
  }) : null;
  const node = el("article", { class: "tile card", "data-camera": one.camera },
    el("div", { class: "stage" }, canvas, word),
    el("div", { class: "tile-body" }, el("h2", {}, el("a", { href: `#/cameras/${encodeURIComponent(one.camera)}` }, one.name || one.camera)),
      el("p", { class: "quiet id" }, one.camera), status));
  return {
    node,
    update(now, silentSince) {
      node.classList.toggle("stale", Boolean(silentSince));
      fill(status, statusLine(now));
    },
    isVisible() {
      const box = canvas.getBoundingClientRect();
      return box.bottom > 0 && box.top < window.innerHeight;
    },
    async renew() {
      const isThere = await still(canvas, camera(one.camera, "/picture"));
      word.hidden = isThere;
      word.textContent = "No picture.";
    },
    end() {
      live?.end();
    },
  };
}
