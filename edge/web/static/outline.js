// How a shape looks on the picture: in a dark casing, with its name, and with the arrow of a line's side.

import { crest, middle } from "./geometry.js";
import { svg } from "./dom.js";

const ARROW_PX = 26;

const list = (points) => points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");

/** An empty group for a shape. */
export function outline(kind) {
  const closed = kind !== "line";
  const tag = closed ? "polygon" : "polyline";
  return svg("g", { class: `shape ${kind}` },
    svg(tag, { class: "casing" }), svg(tag, { class: "stroke" }), svg("g", { class: "arrows" }), label());
}

/** A name on a dark ground. */
export function label() {
  return svg("g", { class: "label" }, svg("rect", { rx: 4 }), svg("text", {}));
}

/** Write a label above a place, inside a picture of this size. */
export function write(node, words, [x, y], [width, height]) {
  const [box, text] = node.children;
  text.textContent = words;
  const wide = words.length * 7.4 + 14;
  const left = Math.min(Math.max(x - 6, 2), Math.max(2, width - wide - 2));
  const top = Math.min(Math.max(y - 30, 2), height - 24);
  for (const [key, value] of Object.entries({ x: left, y: top, width: wide, height: 22 })) box.setAttribute(key, value);
  text.setAttribute("x", left + 7);
  text.setAttribute("y", top + 16);
}

/** Put a shape where its points are, in pixels. @param sides Sides its rules report: any of `left`, `right`. */
export function place(node, shape, points, size, { chosen, sides }) {
  node.classList.toggle("chosen", chosen);
  for (const child of [node.children[0], node.children[1]]) child.setAttribute("points", list(points));
  node.children[2].replaceChildren(...(shape.kind === "line" ? arrows(points, sides) : []));
  write(node.children[3], shape.name, crest(points), size);
}

function arrows(points, sides) {
  const nodes = [];
  const { at, along } = middle(points);
  // Walking along the line, y down: the right hand points to (-dy, dx).
  const right = [-along[1], along[0]];
  for (const side of sides) {
    const sign = side === "right" ? 1 : -1;
    const tip = [at[0] + right[0] * sign * ARROW_PX, at[1] + right[1] * sign * ARROW_PX];
    nodes.push(...arrow(at, tip));
    const word = svg("text", { class: "side", x: tip[0] + right[0] * sign * 26, y: tip[1] + right[1] * sign * 14 + 4, "text-anchor": "middle" });
    word.textContent = side;
    nodes.push(word);
  }
  const [last, before] = [points.at(-1), points.at(-2)];
  nodes.push(...head(before, last, 13));
  nodes.push(svg("circle", { class: "start", cx: points[0][0], cy: points[0][1], r: 6 }));
  return nodes;
}

function arrow(from, to) {
  const shaft = { x1: from[0], y1: from[1], x2: to[0], y2: to[1] };
  return [svg("line", { class: "casing", ...shaft }), svg("line", { class: "stroke", ...shaft }), ...head(from, to, 10)];
}

function head(from, to, size) {
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]) || 1;
  const [ux, uy] = [(to[0] - from[0]) / length, (to[1] - from[1]) / length];
  const back = [to[0] - ux * size, to[1] - uy * size];
  const corners = [to, [back[0] - uy * size * 0.6, back[1] + ux * size * 0.6], [back[0] + uy * size * 0.6, back[1] - ux * size * 0.6]];
  return [svg("polygon", { class: "head", points: list(corners) })];
}
