// Elements in one call, and words for people who do not see the page.

const SVG = "http://www.w3.org/2000/svg";

function dress(node, props) {
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked" || key === "disabled" || key === "selected") node[key] = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  return node;
}

/** An HTML element; `on…` are listeners, false and null attributes are left out, children may be nested lists. */
export function el(tag, props = {}, ...children) {
  const node = dress(document.createElement(tag), props);
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** An SVG element. */
export function svg(tag, props = {}, ...children) {
  const node = dress(document.createElementNS(SVG, tag), props);
  node.append(...children);
  return node;
}

/** Put these children, and only these, into a node. */
export function fill(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Tell a screen reader. Said twice, the same words are heard twice. */
export function say(words, { now = false } = {}) {
  const region = document.getElementById(now ? "assertive" : "polite");
  fill(region, el("p", {}, words));
}

let last = 0;

/** An id nobody else on the page has. */
export function newId(prefix) {
  last += 1;
  return `${prefix}-${last}`;
}

/** A control with its label, and a hint it is described by. */
export function field(label, control, hint = "") {
  const id = control.id || newId("field");
  control.id = id;
  const parts = [el("label", { for: id }, label), control];
  if (hint) {
    control.setAttribute("aria-describedby", `${id}-hint`);
    parts.push(el("p", { class: "hint", id: `${id}-hint` }, hint));
  }
  return el("div", { class: "field" }, parts);
}

/** A button of words. */
export function button(words, onclick, props = {}) {
  return el("button", { type: "button", onclick, ...props }, words);
}

/** A state as a sign and a word: never colour alone. */
export function state(level, words) {
  const sign = { good: "●", fair: "▲", bad: "■", off: "○" }[level];
  return el("span", { class: `state ${level}` }, el("span", { "aria-hidden": "true", class: "sign" }, sign), words);
}

/** Keep `work` from running more often than every `ms`; the last call is never lost. */
export function settled(ms, work) {
  let timer = 0;
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(work, ms);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}
