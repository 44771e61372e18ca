// Drawing on the picture with mouse, finger or keyboard. Changes the draft; knows no server.

import { leastPoints } from "./draft.js";
import { say, svg } from "./dom.js";
import { isInside, place, toSegment } from "./geometry.js";
import { outline, place as put } from "./outline.js";
import { Keyed } from "./stage.js";
import { percent } from "./words.js";

const NEAR_PX = { mouse: 12, pen: 16, touch: 26 };
const STEP = 0.005;
const BIG_STEP = 0.05;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const where = ([x, y]) => `${percent(x)} across, ${percent(y)} down`;

/** Dispatches `choose` when another shape is chosen and `mode` when drawing begins or ends. */
export class Editor extends EventTarget {
  #stage;
  #draft;
  #shapes;
  #handles;
  #drag = null;
  #on = true;

  constructor(stage, draft) {
    super();
    this.#stage = stage;
    this.#draft = draft;
    this.chosen = null;
    this.drawing = null;
    this.#shapes = new Keyed(stage.layers.shapes);
    this.#handles = new Keyed(stage.layers.handles);
    const board = stage.svg;
    board.setAttribute("role", "application");
    board.setAttribute("aria-label", "Drawing on the picture");
    board.setAttribute("aria-describedby", "drawing-keys");
    board.addEventListener("pointerdown", (event) => this.#down(event));
    board.addEventListener("pointermove", (event) => this.#move(event));
    board.addEventListener("pointerup", (event) => this.#up(event));
    board.addEventListener("pointercancel", (event) => this.#up(event));
    board.addEventListener("keydown", (event) => this.#key(event));
    draft.addEventListener("change", () => {
      if (this.chosen && !draft.shape(this.chosen)) this.choose(null);
      else this.draw();
    });
    stage.onResize(() => this.draw());
  }

  /** Whether shapes can be changed now; otherwise they are only shown. */
  set on(value) {
    this.#on = value;
    if (!value) {
      this.cancel();
      this.choose(null);
    }
  }

  choose(id, { focus = false } = {}) {
    const changed = this.chosen !== id;
    this.chosen = id;
    this.draw();
    if (changed) this.dispatchEvent(new Event("choose"));
    if (focus && id) this.#handles.get("point 0")?.focus();
  }

  /** Bring the keyboard to a point of the chosen shape. */
  focusPoint(index) {
    this.#handles.get(`point ${index}`)?.focus();
  }

  /** Begin to draw a zone, line or mask. */
  begin(kind) {
    this.choose(null);
    this.drawing = { kind, points: [], cursor: [0.5, 0.5], loose: false };
    this.#stage.svg.setAttribute("tabindex", "0");
    this.#stage.svg.focus({ preventScroll: true });
    say(`Drawing a ${kind}. Arrow keys move the cross, Space sets a point, Enter finishes, Escape gives up.`);
    this.#modeChanged();
  }

  /** End the drawing with what is there; an error in words where it is not enough. */
  finish() {
    const { kind, points } = this.drawing;
    if (points.length < leastPoints(kind)) return say(`A ${kind} has at least ${leastPoints(kind)} points; there ${points.length === 1 ? "is" : "are"} ${points.length}.`, { now: true });
    this.drawing = null;
    const id = this.#draft.addShape(kind, points);
    this.#modeChanged();
    this.choose(id, { focus: true });
    say(`${kind} ${this.#draft.shape(id).name} with ${points.length} points is drawn.`);
  }

  cancel() {
    if (!this.drawing) return;
    this.drawing = null;
    this.#modeChanged();
    say("Nothing was drawn.");
  }

  back() {
    if (!this.drawing) return;
    this.drawing.points.pop();
    this.#modeChanged();
  }

  #modeChanged() {
    if (!this.drawing) this.#stage.svg.removeAttribute("tabindex");
    this.draw();
    this.dispatchEvent(new Event("mode"));
  }

  draw() {
    const size = [this.#stage.width, this.#stage.height];
    const px = (points) => points.map((point) => this.#stage.px(point));
    this.#stage.svg.classList.toggle("busy", Boolean(this.drawing || this.chosen));
    this.#stage.svg.classList.toggle("crosshair", Boolean(this.drawing));
    this.#shapes.show(this.#draft.shapes.map((shape) => [
      shape.id,
      () => outline(shape.kind),
      (node) => put(node, shape, px(shape.points), size, { chosen: shape.id === this.chosen, sides: this.#sides(shape) }),
    ]));
    this.#handles.show(this.drawing ? this.#drawn(px) : this.#grips(px));
  }

  #sides(shape) {
    const sides = new Set(this.#draft.usedBy(shape).flatMap((rule) => {
      const direction = rule.options.direction || "any";
      return rule.options.kind !== "line_crossing" ? [] : direction === "any" ? ["left", "right"] : [direction];
    }));
    return sides.size ? sides : new Set(["right"]);
  }

  #grips(px) {
    const shape = this.chosen && this.#on && this.#draft.shape(this.chosen);
    if (!shape) return [];
    const corners = px(shape.points);
    const n = corners.length;
    const entries = [["body", () => svg("circle", { class: "body", r: 9, role: "button", tabindex: 0, "data-body": "" }), (node) => {
      const middle = corners.reduce(([x, y], [a, b]) => [x + a / n, y + b / n], [0, 0]);
      at(node, middle);
      node.setAttribute("aria-label", `All of ${shape.kind} ${shape.name}; arrow keys move it`);
    }]];
    for (let i = 0; i < n; i += 1) {
      entries.push([`point ${i}`, () => svg("circle", { class: "grip", r: 8, role: "button", tabindex: 0 }), (node) => {
        at(node, corners[i]);
        node.dataset.index = i;
        node.setAttribute("aria-label", `Point ${i + 1} of ${n} of ${shape.kind} ${shape.name}: ${where(shape.points[i])}`);
      }]);
    }
    for (const i of this.#sidesOf(shape)) {
      entries.push([`between ${i}`, () => svg("circle", { class: "between", r: 5, "aria-hidden": "true" }), (node) => at(node, half(corners[i], corners[(i + 1) % n]))]);
    }
    return entries;
  }

  #sidesOf(shape) {
    return [...Array(shape.kind === "line" ? shape.points.length - 1 : shape.points.length).keys()];
  }

  #drawn(px) {
    const { kind, points, cursor } = this.drawing;
    const path = px([...points, cursor]);
    const text = path.map(([x, y]) => `${x},${y}`).join(" ");
    const trace = (name) => [name, () => svg("polyline", { class: `trace ${name} ${kind}` }), (node) => node.setAttribute("points", text)];
    const [x, y] = this.#stage.px(cursor);
    return [
      trace("casing"), trace("stroke"),
      ...px(points).map((point, i) => [`set ${i}`, () => svg("circle", { class: "grip", r: i ? 6 : 9 }), (node) => at(node, point)]),
      ["cross", () => svg("path", { class: "cross" }), (node) => node.setAttribute("d", `M${x - 14} ${y}H${x + 14}M${x} ${y - 14}V${y + 14}`)],
    ];
  }

  #down(event) {
    if (!this.#on || event.button !== 0 || this.#drag) return;
    const at = this.#stage.place(event);
    const near = NEAR_PX[event.pointerType] || NEAR_PX.mouse;
    if (this.drawing) {
      event.preventDefault();
      this.#stage.svg.focus({ preventScroll: true });
      const { kind, points } = this.drawing;
      const closing = kind === "line" ? points.at(-1) : points[0];
      if (points.length >= leastPoints(kind) && this.#distance(closing, at) < near) return this.finish();
      this.#setPoint(at);
      this.#grab(event, { kind: "set" });
      return;
    }
    const grip = this.#gripAt(at, near);
    if (grip) return this.#grab(event, grip);
    const shape = this.#shapeAt(at, near);
    if (shape && shape.id === this.chosen) this.#grab(event, { kind: "shape", from: at, points: structuredClone(shape.points) });
    this.choose(shape ? shape.id : null);
  }

  #gripAt(at, near) {
    const shape = this.chosen && this.#draft.shape(this.chosen);
    if (!shape) return null;
    const nearest = (points) => points.map((point, i) => [this.#distance(point, at), i]).sort((a, b) => a[0] - b[0])[0];
    const [toPoint, index] = nearest(shape.points);
    if (toPoint < near) return { kind: "point", index };
    const n = shape.points.length;
    const [toBetween, side] = nearest(this.#sidesOf(shape).map((i) => half(shape.points[i], shape.points[(i + 1) % n])));
    return toBetween < near ? { kind: "new", index: side + 1 } : null;
  }

  #grab(event, drag) {
    event.preventDefault();
    this.#stage.svg.setPointerCapture(event.pointerId);
    this.#drag = { ...drag, pointer: event.pointerId, together: `drag ${event.timeStamp}` };
    if (drag.kind === "point") this.#handles.get(`point ${drag.index}`)?.focus({ preventScroll: true });
  }

  #move(event) {
    const at = this.#stage.place(event);
    const drag = this.#drag;
    if (this.drawing) {
      this.drawing.cursor = at;
      if (drag?.pointer === event.pointerId && drag.kind === "set") this.drawing.points[this.drawing.points.length - 1] = place(at);
      this.draw();
      return;
    }
    if (!drag || drag.pointer !== event.pointerId) return;
    if (drag.kind === "new") {
      this.#draft.insertPoint(this.chosen, drag.index, at, drag.together);
      drag.kind = "point";
    } else if (drag.kind === "point") this.#draft.movePoint(this.chosen, drag.index, at, drag.together);
    else if (drag.kind === "shape") this.#shift(drag.points, [at[0] - drag.from[0], at[1] - drag.from[1]], drag.together);
  }

  /** Move a whole shape, but not out of the picture. */
  #shift(points, [dx, dy], together) {
    const [xs, ys] = [points.map((point) => point[0]), points.map((point) => point[1])];
    const x = Math.max(-Math.min(...xs), Math.min(1 - Math.max(...xs), dx));
    const y = Math.max(-Math.min(...ys), Math.min(1 - Math.max(...ys), dy));
    this.#draft.moveShape(this.chosen, points.map((point) => [point[0] + x, point[1] + y]), together);
  }

  #up(event) {
    if (this.#drag?.pointer !== event.pointerId) return;
    this.#drag = null;
    this.#draft.settle();
  }

  #distance(a, b) {
    const [p, q] = [this.#stage.px(a), this.#stage.px(b)];
    return Math.hypot(p[0] - q[0], p[1] - q[1]);
  }

  #shapeAt(at, near) {
    const point = this.#stage.px(at);
    const hit = this.#draft.shapes.map((shape) => {
      const corners = shape.points.map((one) => this.#stage.px(one));
      const distances = this.#sidesOf(shape).map((i) => toSegment(point, corners[i], corners[(i + 1) % corners.length]).distance);
      const edge = Math.min(...distances);
      return { shape, far: edge < near ? edge : shape.kind !== "line" && isInside(point, corners) ? near : Infinity };
    }).filter((one) => one.far < Infinity);
    return hit.sort((a, b) => a.far - b.far)[0]?.shape || null;
  }

  #setPoint(at) {
    this.drawing.points.push(place(at));
    this.drawing.cursor = at;
    say(`Point ${this.drawing.points.length}: ${where(at)}`);
    this.#modeChanged();
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const handled = this.drawing ? this.#keyWhileDrawing(event) : this.#keyOnGrip(event);
    if (!handled) return;
    event.preventDefault();
    event.stopPropagation();
  }

  #keyWhileDrawing(event) {
    const arrow = ARROWS[event.key];
    if (arrow) {
      const step = event.shiftKey ? BIG_STEP : STEP * 2;
      const [x, y] = this.drawing.cursor;
      this.drawing.cursor = place([x + arrow[0] * step, y + arrow[1] * step]);
      this.draw();
      say(where(this.drawing.cursor));
    } else if (event.key === " ") this.#setPoint(this.drawing.cursor);
    else if (event.key === "Enter") this.finish();
    else if (event.key === "Escape") this.cancel();
    else if (event.key === "Backspace" || event.key === "Delete") this.back();
    else return false;
    return true;
  }

  #keyOnGrip(event) {
    const shape = this.chosen && this.#draft.shape(this.chosen);
    if (!shape || !event.target.dataset) return false;
    const index = event.target.dataset.index === undefined ? null : Number(event.target.dataset.index);
    const arrow = ARROWS[event.key];
    const step = event.shiftKey ? BIG_STEP : STEP;
    if (arrow && index !== null) {
      const [x, y] = shape.points[index];
      this.#draft.movePoint(shape.id, index, [x + arrow[0] * step, y + arrow[1] * step], `keys ${shape.id} ${index}`);
      say(where(this.#draft.shape(shape.id).points[index]));
    } else if (arrow) this.#shift(shape.points, [arrow[0] * step, arrow[1] * step], `keys ${shape.id}`);
    else if ((event.key === "Delete" || event.key === "Backspace") && index !== null) this.removePoint(index);
    else if ((event.key === "Insert" || event.key === "+") && index !== null) this.addPoint(index);
    else if (event.key === "Escape") this.choose(null);
    else return false;
    return true;
  }

  /** A new point halfway to the next one. */
  addPoint(index) {
    const { id, points } = this.#draft.shape(this.chosen);
    this.#draft.insertPoint(id, index + 1, half(points[index], points[(index + 1) % points.length]));
    this.#handles.get(`point ${index + 1}`)?.focus();
    say(`Point ${index + 2} added.`);
  }

  removePoint(index) {
    const shape = this.#draft.shape(this.chosen);
    if (!this.#draft.removePoint(shape.id, index)) return say(`A ${shape.kind} has at least ${leastPoints(shape.kind)} points.`, { now: true });
    this.#handles.get(`point ${Math.max(0, index - 1)}`)?.focus();
    say(`Point ${index + 1} removed.`);
  }
}

const half = (a, b) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];

function at(node, [x, y]) {
  node.setAttribute("cx", x);
  node.setAttribute("cy", y);
}
