// Calibration: click places on the ground, say where they are in metres, and see how good it is before it is saved.

import { ApiError, camera, post } from "./api.js";
import { button, el, fill, say, settled, svg } from "./dom.js";
import { place } from "./geometry.js";
import { label, write } from "./outline.js";
import { failure } from "./problems.js";
import { Keyed } from "./stage.js";
import { figure } from "./words.js";

const LEAST = 4;
const STEP = 0.002;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** @param result Saves it along with the shapes. */
export class Calibrate {
  #stage;
  #id;
  #size;
  #result;
  #points = [];
  #marks;
  #on = false;
  #drag = null;
  #grid = [];
  #rows = el("tbody", {});
  #found = el("div", { class: "outcome" });
  #turn = 0;
  #later = settled(500, () => this.#check());

  constructor(node, stage, { id, size, calibration, result, may }) {
    this.#stage = stage;
    this.#id = id;
    this.#size = size;
    this.#result = result;
    this.#marks = new Keyed(stage.layers.marks);
    this.may = may;
    const other = calibration && !Object.keys(calibration.ground || {}).length;
    this.#take(calibration);
    node.append(
      el("p", { class: "quiet" }, "Click places on the ground that you have measured: the corners of a large rectangle are best, near and far. Four are needed; a fifth shows the error."),
      other ? el("p", { class: "notice fair" }, "▲ This camera is calibrated by distances or heights in its file. Points set here would take their place.") : "",
      may ? button("Add a point in the middle", () => this.#add([0.5, 0.6])) : "",
      el("table", { class: "points" }, el("thead", {}, el("tr", {}, ["Point", "Right, m", "Ahead, m"].map((words) => el("th", { scope: "col" }, words)), el("th", { scope: "col" }, el("span", { class: "unseen" }, "Change")))), this.#rows),
      this.#found);
    stage.svg.addEventListener("pointerdown", (event) => this.#down(event));
    stage.svg.addEventListener("pointermove", (event) => this.#move(event));
    for (const kind of ["pointerup", "pointercancel"]) stage.svg.addEventListener(kind, () => (this.#drag = null));
    stage.layers.marks.addEventListener("keydown", (event) => this.#key(event));
    stage.onResize(() => this.#draw());
  }

  #take(calibration) {
    this.#points = Object.entries(calibration?.ground || {}).map(([name, metres]) => ({ name, at: calibration.points[name] || [0.5, 0.5], metres: [...metres] }));
  }

  set on(value) {
    this.#on = value;
    this.#draw();
    if (value) {
      this.#list();
      this.#check();
    }
  }

  #add(at) {
    const taken = new Set(this.#points.map((one) => one.name));
    let n = this.#points.length + 1;
    while (taken.has(`p${n}`)) n += 1;
    this.#points.push({ name: `p${n}`, at: place(at), metres: [null, null] });
    say(`Point p${n} added. Say where it is in metres.`);
    this.#changed();
    this.#list();
    this.#rows.querySelector("tr:last-child input")?.focus({ preventScroll: true });
  }

  #down(event) {
    if (!this.#on || !this.may || event.button !== 0) return;
    const at = this.#stage.place(event);
    const near = event.pointerType === "touch" ? 28 : 14;
    const hit = this.#points.findIndex((one) => {
      const [p, q] = [this.#stage.px(one.at), this.#stage.px(at)];
      return Math.hypot(p[0] - q[0], p[1] - q[1]) < near;
    });
    event.preventDefault();
    if (hit < 0) return this.#add(at);
    this.#stage.svg.setPointerCapture(event.pointerId);
    this.#drag = hit;
  }

  #move(event) {
    if (this.#drag === null || !this.#on) return;
    this.#points[this.#drag].at = place(this.#stage.place(event));
    this.#changed();
  }

  #key(event) {
    const arrow = ARROWS[event.key];
    const index = Number(event.target.dataset?.index);
    if (!arrow || !this.may || !Number.isInteger(index)) return;
    event.preventDefault();
    const step = event.shiftKey ? STEP * 10 : STEP;
    const [x, y] = this.#points[index].at;
    this.#points[index].at = place([x + arrow[0] * step, y + arrow[1] * step]);
    this.#changed();
  }

  #changed() {
    this.#draw();
    this.#later();
  }

  #draw() {
    const size = [this.#stage.width, this.#stage.height];
    const known = (this.#on ? this.#grid : []).filter((cell) => cell.px_per_m !== null).map((cell) => [
      `grid ${cell.at}`, () => svg("text", { class: "side", "text-anchor": "middle", "aria-hidden": "true" }), (node) => {
        const [x, y] = this.#stage.px(cell.at);
        node.setAttribute("x", x);
        node.setAttribute("y", y);
        node.textContent = Math.round(cell.px_per_m);
      }]);
    const points = (this.#on ? this.#points : []).map((one, index) => [
      one.name,
      () => svg("g", { class: "mark", role: "button", tabindex: 0 }, svg("circle", { class: "casing", r: 9 }), svg("circle", { class: "stroke", r: 7 }), svg("circle", { class: "dot", r: 2 }), label()),
      (node) => {
        const at = this.#stage.px(one.at);
        node.dataset.index = index;
        node.setAttribute("aria-label", `Ground point ${one.name}; arrow keys move it`);
        for (const circle of [...node.children].slice(0, 3)) {
          circle.setAttribute("cx", at[0]);
          circle.setAttribute("cy", at[1]);
        }
        const isKnown = one.metres.every((value) => value !== null);
        write(node.children[3], isKnown ? `${one.name} (${one.metres.join(", ")} m)` : one.name, [at[0], at[1] - 6], size);
      },
    ]);
    this.#marks.show([...known, ...points]);
  }

  #list() {
    fill(this.#rows, this.#points.map((one, index) => el("tr", {},
      el("th", { scope: "row" }, one.name),
      [0, 1].map((axis) => {
        const input = el("input", { type: "number", step: 0.01, inputmode: "decimal", disabled: !this.may, "aria-label": `${one.name}: metres ${axis ? "ahead" : "to the right"}`, value: one.metres[axis] ?? "" });
        input.addEventListener("change", () => {
          one.metres[axis] = input.value === "" ? null : Number(input.value);
          this.#changed();
        });
        return el("td", {}, input);
      }),
      el("td", {}, this.may ? el("button", { type: "button", class: "small", "aria-label": `Remove point ${one.name}`, onclick: () => {
        this.#points.splice(index, 1);
        this.#changed();
        this.#list();
      } }, "−") : ""))));
  }

  /** As the file has it; null while too little is known. */
  #block() {
    const known = this.#points.filter((one) => one.metres.every((value) => value !== null));
    if (known.length < LEAST) return null;
    return { size: this.#size, points: Object.fromEntries(known.map((one) => [one.name, one.at])), ground: Object.fromEntries(known.map((one) => [one.name, one.metres])) };
  }

  async #check() {
    const turn = (this.#turn += 1);
    const block = this.#block();
    if (!block) {
      this.#grid = [];
      this.#draw();
      const n = this.#points.filter((one) => one.metres.every((value) => value !== null)).length;
      return fill(this.#found, el("p", { class: "quiet" }, `${n} of ${LEAST} points are measured.`));
    }
    try {
      const answer = await post(camera(this.#id, "/calibration/preview"), { calibration: block });
      if (turn === this.#turn) this.#show(answer, block);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (turn !== this.#turn) return;
      this.#grid = [];
      this.#draw();
      fill(this.#found, failure(error));
    }
  }

  #show(answer, block) {
    this.#grid = answer.px_per_m;
    this.#draw();
    fill(this.#found,
      el("h3", {}, "What it gives"),
      el("p", {}, answer.error_m !== null ? `The points are off by ${figure(answer.error_m * 100)} cm on average (root mean square).` : "Four points always fit; a fifth would show the error."),
      grid(answer),
      this.may ? button("Use this calibration", () => {
        this.#result.calibration = block;
        this.#result.changed();
        say("The calibration is part of what will be written. Save it below.");
      }, { class: "primary" }) : "");
  }
}

/** Pixels a metre has, and what they are good for, over the picture. */
function grid(answer) {
  const cells = answer.px_per_m;
  const rows = new Map();
  const columnsOf = [...new Set(cells.map((cell) => cell.at[0]))].filter((_, index) => index % 2 === 1);
  for (const cell of cells) {
    if (!columnsOf.includes(cell.at[0])) continue;
    const y = cell.at[1];
    rows.set(y, [...(rows.get(y) || []), cell]);
  }
  const words = (cell) => (cell.px_per_m === null ? "–" : `${Math.round(cell.px_per_m)} ${cell.classes[0] || ""}`);
  const columns = [...rows.values()][0];
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Pixels for a metre" }, el("table", { class: "list grid" }, el("caption", {}, "Pixels for a metre, as on the picture, and the class of detail they reach (IEC 62676-4:2015); – is no ground"),
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Down"), columns.map((cell) => el("th", { scope: "col" }, `${Math.round(cell.at[0] * 100)} %`)))),
    el("tbody", {}, [...rows].map(([y, row]) => el("tr", {}, el("th", { scope: "row" }, `${Math.round(y * 100)} %`), row.map((cell) => el("td", {}, words(cell))))))));
}
