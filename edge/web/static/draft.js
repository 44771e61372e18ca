// What is being edited: shapes and rules of one camera, with every step undoable. Knows no server and no picture.

import { place } from "./geometry.js";

export const KINDS = ["zone", "line", "mask"];
const BLOCK = { zone: "zones", line: "lines", mask: "masks" };
const MOST_STEPS = 200;

export const leastPoints = (kind) => (kind === "line" ? 2 : 3);

/** Shapes and rules; dispatches `change` after each step. */
export class Draft extends EventTarget {
  #steps = [];
  #undone = [];
  #nextId = 1;

  constructor(content) {
    super();
    this.base = structuredClone(content);
    this.#take(content);
  }

  #take(content) {
    this.shapes = KINDS.flatMap((kind) =>
      Object.entries(content[BLOCK[kind]] || {}).map(([name, points]) => ({ id: this.#nextId++, kind, name, points: structuredClone(points) })));
    this.rules = (content.rules || []).map((options) => ({ id: this.#nextId++, options: structuredClone(options) }));
  }

  /** Make one step. `what` gets this draft; steps with the same `together` in a row are undone as one. */
  change(what, together = null) {
    const before = { shapes: structuredClone(this.shapes), rules: structuredClone(this.rules), together };
    what(this);
    const previous = this.#steps.at(-1);
    if (!together || !previous || previous.together !== together) this.#steps.push(before);
    if (this.#steps.length > MOST_STEPS) this.#steps.shift();
    this.#undone = [];
    this.#changed();
  }

  /** The last step of the kind `together` is complete: the next begins a new one. */
  settle() {
    if (this.#steps.length) this.#steps.at(-1).together = null;
  }

  undo() {
    this.#swap(this.#steps, this.#undone);
  }

  redo() {
    this.#swap(this.#undone, this.#steps);
  }

  #swap(from, onto) {
    const step = from.pop();
    if (!step) return;
    onto.push({ shapes: this.shapes, rules: this.rules, together: null });
    [this.shapes, this.rules] = [step.shapes, step.rules];
    this.#changed();
  }

  get canUndo() {
    return this.#steps.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  /** Start anew from what the box has; steps before it are forgotten. */
  reset(content) {
    this.base = structuredClone(content);
    this.#steps = [];
    this.#undone = [];
    this.#take(content);
    this.#changed();
  }

  /** Take the box's content as the new base, and other content as what is drawn on it. */
  rebase(base, content) {
    this.reset(content);
    this.base = structuredClone(base);
    this.#changed();
  }

  get isChanged() {
    return !same(this.content(), contentOf(this.base));
  }

  /** As the box takes it. */
  content() {
    const content = { zones: {}, lines: {}, masks: {}, rules: this.rules.map((rule) => structuredClone(rule.options)) };
    for (const shape of this.shapes) content[BLOCK[shape.kind]][shape.name] = structuredClone(shape.points);
    return content;
  }

  shape(id) {
    return this.shapes.find((shape) => shape.id === id);
  }

  ofKind(kind) {
    return this.shapes.filter((shape) => shape.kind === kind);
  }

  /** A name that no shape of the kind has yet. */
  freeName(kind) {
    const taken = new Set(this.ofKind(kind).map((shape) => shape.name));
    for (let n = 1; ; n += 1) if (!taken.has(`${kind}-${n}`)) return `${kind}-${n}`;
  }

  addShape(kind, points) {
    const shape = { id: this.#nextId++, kind, name: this.freeName(kind), points: points.map(place) };
    this.change(() => this.shapes.push(shape));
    return shape.id;
  }

  removeShape(id) {
    this.change(() => {
      this.shapes = this.shapes.filter((shape) => shape.id !== id);
    });
  }

  movePoint(id, index, point, together = null) {
    this.change(() => {
      this.shape(id).points[index] = place(point);
    }, together);
  }

  moveShape(id, points, together = null) {
    this.change(() => {
      this.shape(id).points = points.map(place);
    }, together);
  }

  insertPoint(id, index, point, together = null) {
    this.change(() => this.shape(id).points.splice(index, 0, place(point)), together);
  }

  /** Whether the point is gone; a shape keeps as many as its kind needs. */
  removePoint(id, index) {
    const shape = this.shape(id);
    if (shape.points.length <= leastPoints(shape.kind)) return false;
    this.change(() => shape.points.splice(index, 1));
    return true;
  }

  reverse(id) {
    this.change(() => this.shape(id).points.reverse());
  }

  /** Rename a shape and the rules that name it; an error in words where the name cannot be. */
  rename(id, name) {
    const shape = this.shape(id);
    if (name === shape.name) return "";
    if (!/^[a-z0-9-]{1,32}$/.test(name)) return "A name is made of a-z, 0-9 and -, at most 32 of them.";
    if (this.ofKind(shape.kind).some((other) => other.name === name)) return `Another ${shape.kind} is called ${name}.`;
    this.change(() => {
      for (const rule of this.rules) if (rule.options[shape.kind] === shape.name) rule.options[shape.kind] = name;
      this.shape(id).name = name;
    });
    return "";
  }

  addRule(options) {
    const rule = { id: this.#nextId++, options };
    this.change(() => this.rules.push(rule));
    return rule.id;
  }

  removeRule(id) {
    this.change(() => {
      this.rules = this.rules.filter((rule) => rule.id !== id);
    });
  }

  /** Set an option of a rule; undefined takes it out. */
  setOption(id, key, value) {
    this.change(() => {
      const rule = this.rules.find((one) => one.id === id);
      if (value === undefined) delete rule.options[key];
      else rule.options[key] = value;
    }, `${id} ${key}`);
  }

  usedBy(shape) {
    return this.rules.filter((rule) => rule.options[shape.kind] === shape.name);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** The editable part of what the box says of a camera. */
export function contentOf(camera) {
  return { zones: camera.zones || {}, lines: camera.lines || {}, masks: camera.masks || {}, rules: camera.rules || [] };
}

/** Equal as JSON, whatever the order of keys. */
export function same(a, b) {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [keysA, keysB] = [Object.keys(a), Object.keys(b)];
  return keysA.length === keysB.length && keysA.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]));
}
