// The picture with a drawing on it: a canvas that shows, and an SVG of the same size, in CSS pixels, that is drawn on.

import { el, svg } from "./dom.js";
import { Live } from "./live.js";
import { clamp } from "./geometry.js";

export class Stage {
  #told = [];

  /** @param url Of the live picture.  @param name Of the camera, for people who do not see it.  @param size [width, height] of the picture. */
  constructor(url, name, [width, height]) {
    this.canvas = el("canvas", { class: "picture", role: "img", "aria-label": `Live picture of ${name}`, width, height });
    this.layers = { shapes: svg("g"), tracks: svg("g", { "aria-hidden": "true" }), handles: svg("g"), marks: svg("g") };
    this.svg = svg("svg", { class: "drawing" }, ...Object.values(this.layers));
    this.word = el("p", { class: "on-picture" }, "Waiting for the picture …");
    this.node = el("div", { class: "stage" }, this.canvas, this.svg, this.word);
    this.width = 1;
    this.height = 1;
    this.live = new Live(this.canvas, url, (state, words) => {
      this.word.hidden = state === "live";
      this.word.textContent = words;
    });
    this.observer = new ResizeObserver(() => this.#measure());
    this.observer.observe(this.canvas);
  }

  #measure() {
    const box = this.canvas.getBoundingClientRect();
    if (!box.width) return;
    [this.width, this.height] = [box.width, box.height];
    this.svg.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
    for (const told of this.#told) told();
  }

  /** Call when the size of the picture on the screen has changed. */
  onResize(told) {
    this.#told.push(told);
  }

  /** A pointer's place in fractions of the picture. */
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [clamp((event.clientX - box.left) / box.width), clamp((event.clientY - box.top) / box.height)];
  }

  px([x, y]) {
    return [x * this.width, y * this.height];
  }

  end() {
    this.live.end();
    this.observer.disconnect();
  }
}

/** Reuses the children of a layer by key, so that what has the focus keeps it. */
export class Keyed {
  #parent;
  #nodes = new Map();

  constructor(parent) {
    this.#parent = parent;
  }

  /** @param entries [key, make, update]: `make()` a node once, `update(node)` each time; in the order of drawing. */
  show(entries) {
    const kept = new Set(entries.map(([key]) => key));
    for (const [key, node] of this.#nodes) {
      if (kept.has(key)) continue;
      node.remove();
      this.#nodes.delete(key);
    }
    let after = null;
    for (const [key, make, update] of entries) {
      let node = this.#nodes.get(key);
      if (!node) {
        node = make();
        this.#nodes.set(key, node);
      }
      const next = after ? after.nextSibling : this.#parent.firstChild;
      if (node !== next) this.#parent.insertBefore(node, next); // moving a node would take its focus
      update(node);
      after = node;
    }
  }

  get(key) {
    return this.#nodes.get(key);
  }
}
