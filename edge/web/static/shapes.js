// The list of zones, lines and masks: choose, rename, points as figures, remove.

import { button, el, field, say } from "./dom.js";
import { KINDS, leastPoints } from "./draft.js";
import { crossedSides } from "./geometry.js";
import { Panel, put } from "./panel.js";

const TITLES = { zone: "Zones", line: "Lines", mask: "Privacy masks" };
const NONE = { zone: "No zones yet.", line: "No lines yet.", mask: "No masks: all of the picture is seen." };

/** @param may Whether the person may change anything. */
export function shapesPanel(node, draft, editor, may) {
  const panel = new Panel(node);
  const show = () => {
    const shapes = draft.shapes.map((one) => [one.id, one.name, one.points.length]);
    panel.show(JSON.stringify([shapes, editor.chosen]), (sync) => KINDS.map((kind) => section(kind, sync)));
  };

  function section(kind, sync) {
    const shapes = draft.ofKind(kind);
    return el("section", { class: "group" },
      el("h3", {}, TITLES[kind]),
      shapes.length ? el("ul", { class: "rows" }, shapes.map((shape) => row(shape, sync))) : el("p", { class: "quiet" }, NONE[kind]));
  }

  function row(shape, sync) {
    const chosen = shape.id === editor.chosen;
    const uses = el("span", { class: "quiet" });
    const problem = el("p", { class: "warn-text", hidden: true });
    sync(() => {
      const one = draft.shape(shape.id);
      if (!one) return;
      const rules = draft.usedBy(one).map((rule) => rule.options.name);
      uses.textContent = shape.kind === "mask" ? "black for everything" : rules.length ? `used by ${rules.join(", ")}` : "no rule uses it";
      const crossed = shape.kind !== "line" && crossedSides(one.points);
      problem.hidden = !crossed;
      if (crossed) problem.textContent = `▲ It crosses itself: side ${crossed[0] + 1} meets side ${crossed[1] + 1}. List the points in order around it.`;
    });
    return el("li", { class: chosen ? "chosen" : "" },
      el("button", {
        type: "button", class: "row-button", "aria-expanded": String(chosen), "data-key": `shape ${shape.id}`,
        onclick: () => editor.choose(chosen ? null : shape.id),
      }, el("span", { class: `swatch ${shape.kind}`, "aria-hidden": "true" }), el("strong", {}, shape.name), uses),
      problem, chosen && details(shape, sync));
  }

  function details(shape, sync) {
    const name = el("input", { type: "text", value: shape.name, maxlength: 32, autocapitalize: "none", spellcheck: "false", "data-key": `name ${shape.id}` });
    name.addEventListener("change", () => {
      const problem = draft.rename(shape.id, name.value.trim());
      if (problem) {
        say(problem, { now: true });
        name.setCustomValidity(problem);
        name.reportValidity();
      } else name.setCustomValidity("");
    });
    const buttons = [
      button("Points on the picture", () => editor.focusPoint(0), { "data-key": `points ${shape.id}` }),
      shape.kind === "line" && button("Swap left and right", () => draft.reverse(shape.id), { "data-key": `swap ${shape.id}` }),
      button("Remove", () => remove(shape), { class: "dangerous", "data-key": `remove ${shape.id}` }),
    ];
    return el("fieldset", { class: "plain", disabled: !may },
      el("legend", { class: "unseen" }, `${shape.kind} ${shape.name}`),
      field("Name", name), pointTable(shape, sync), el("div", { class: "buttons" }, buttons));
  }

  function remove(shape) {
    const rules = draft.usedBy(shape);
    draft.removeShape(shape.id);
    say(rules.length ? `${shape.name} is removed; ${rules.length} rules still name it.` : `${shape.name} is removed.`);
  }

  function pointTable(shape, sync) {
    const rows = shape.points.map((_, index) => {
      const inputs = [0, 1].map((axis) => {
        const input = el("input", { type: "number", min: 0, max: 100, step: 0.1, inputmode: "decimal", "data-key": `xy ${shape.id} ${index} ${axis}`,
          "aria-label": `Point ${index + 1}, ${axis ? "down" : "across"}, in percent of the picture` });
        input.addEventListener("change", () => {
          const value = Number(input.value);
          if (input.value === "" || !Number.isFinite(value)) return;
          const point = [...draft.shape(shape.id).points[index]];
          point[axis] = value / 100;
          draft.movePoint(shape.id, index, point);
        });
        sync(() => draft.shape(shape.id)?.points[index] && put(input, Number((draft.shape(shape.id).points[index][axis] * 100).toFixed(2))));
        return el("td", {}, input);
      });
      return el("tr", {}, el("th", { scope: "row" }, String(index + 1)), inputs,
        el("td", { class: "buttons tight" },
          el("button", { type: "button", class: "small", "aria-label": `Add a point after point ${index + 1}`, "data-key": `add ${shape.id} ${index}`, onclick: () => editor.addPoint(index) }, "+"),
          el("button", { type: "button", class: "small", "aria-label": `Remove point ${index + 1}`, disabled: shape.points.length <= leastPoints(shape.kind), "data-key": `cut ${shape.id} ${index}`, onclick: () => editor.removePoint(index) }, "−")));
    });
    return el("table", { class: "points" }, el("thead", {}, el("tr", {},
      ["Point", "Across %", "Down %"].map((words) => el("th", { scope: "col" }, words)), el("th", { scope: "col" }, el("span", { class: "unseen" }, "Change")))), el("tbody", {}, rows));
  }

  draft.addEventListener("change", show);
  editor.addEventListener("choose", show);
  show();
}
