// A part of the page that is built anew only when its structure changes, and otherwise only brought up to date:
// whoever is typing in it, or pressing on it, keeps their place.

import { fill } from "./dom.js";

export class Panel {
  #signature = null;
  #syncs = [];

  constructor(node) {
    this.node = node;
  }

  /** @param signature Of the structure.  @param build Gives children; it is handed `sync(work)`, and each `work` runs on every show. */
  show(signature, build) {
    if (signature !== this.#signature) {
      this.#signature = signature;
      this.#syncs = [];
      const key = this.node.contains(document.activeElement) ? document.activeElement.dataset.key : null;
      fill(this.node, build((work) => this.#syncs.push(work)));
      if (key) this.node.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
    }
    for (const work of this.#syncs) work();
  }
}

/** Show a value in a control, unless somebody is typing in it. */
export function put(control, value) {
  if (document.activeElement !== control && control.value !== String(value)) control.value = value;
}
