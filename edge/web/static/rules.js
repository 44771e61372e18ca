// The rules of a camera, as a form. What the form does not know is kept as it is written.

import { button, el, field, say } from "./dom.js";
import { COMMON, KINDS, PRIORITIES } from "./kinds.js";
import { Panel, put } from "./panel.js";

/**
 * @param kinds Rule kinds the box knows.
 * @param seen `seen(rule)` gives what happens now, in words, or "".
 * @param arming `arming(rule, node)` asks about keeping its events back; null where nobody may.
 */
export function rulesPanel(node, draft, { kinds, may, seen, arming }) {
  const panel = new Panel(el("div", {}));
  const open = new Set();
  const add = el("select", { "data-key": "new kind" }, kinds.map((kind) => el("option", { value: kind }, KINDS[kind]?.words || kind)));
  const adder = el("div", { class: "adder" }, field("New rule", add), button("Add rule", () => addRule(add.value), { class: "primary" }));
  node.append(panel.node, may ? adder : "");

  const names = (kind) => draft.ofKind(kind).map((shape) => shape.name);

  function addRule(kind) {
    const options = { name: freeName(kind), kind };
    for (const shape of KINDS[kind]?.shapes || ["zone"]) {
      if (!names(shape).length) {
        say(`Draw a ${shape} first: this rule needs one.`, { now: true });
        adder.querySelector("select").setCustomValidity(`Draw a ${shape} first.`);
        adder.querySelector("select").reportValidity();
        adder.querySelector("select").setCustomValidity("");
        return;
      }
      options[shape] = names(shape).at(-1);
    }
    for (const [key, , , standard] of KINDS[kind]?.options || []) if (standard === null) options[key] = { limit_kmh: 32.2, people: 12, limit: 5, seconds: 30 }[key] ?? 1;
    const id = draft.addRule(options);
    panel.node.querySelector(`[data-rule="${id}"]`).open = true;
    panel.node.querySelector(`[data-key="name ${id}"]`).focus();
  }

  function freeName(kind) {
    const taken = new Set(draft.rules.map((rule) => rule.options.name));
    const stem = kind.replaceAll("_", "-").slice(0, 28);
    for (let n = 1; ; n += 1) if (!taken.has(n === 1 ? stem : `${stem}-${n}`)) return n === 1 ? stem : `${stem}-${n}`;
  }

  const show = () => {
    const signature = JSON.stringify([draft.rules.map((rule) => [rule.id, rule.options.kind]), names("zone"), names("line")]);
    panel.show(signature, (sync) => draft.rules.length ? draft.rules.map((rule) => one(rule.id, sync)) : el("p", { class: "quiet" }, "No rules: nothing is reported from this camera."));
  };

  const find = (id) => draft.rules.find((rule) => rule.id === id);

  function one(id, sync) {
    const title = el("strong", {});
    const about = el("span", { class: "quiet" });
    const now = el("span", { class: "now" });
    sync(() => {
      const rule = find(id);
      if (!rule) return;
      const { name, kind, zone, line } = rule.options;
      title.textContent = name || "(no name)";
      about.textContent = `${KINDS[kind]?.words || kind} · ${[zone, line].filter(Boolean).join(", ")}`;
      now.textContent = seen(rule);
      now.hidden = !now.textContent;
    });
    const form = el("div", { class: "rule-form" });
    const details = el("details", { class: "rule", open: open.has(id), "data-rule": id },
      el("summary", { "data-key": `rule ${id}` }, title, about, now), form);
    details.addEventListener("toggle", () => (details.open ? open.add(id) : open.delete(id)));
    form.append(el("fieldset", { class: "plain", disabled: !may }, el("legend", { class: "unseen" }, "Options of this rule"), fields(id, sync)));
    if (arming) form.append(arming(find(id)));
    return details;
  }

  function fields(id, sync) {
    const rule = find(id);
    const kind = KINDS[rule.options.kind] || { shapes: [], options: [] };
    const known = new Set([...COMMON, ...kind.shapes, ...kind.options.map(([key]) => key)]);
    const rest = Object.entries(rule.options).filter(([key]) => !known.has(key));
    return [
      field("Name", text(id, "name", sync, { maxlength: 32, spellcheck: "false", autocapitalize: "none" })),
      field("Kind", select(id, "kind", kinds.map((value) => [value, KINDS[value]?.words || value]), sync, changeKind)),
      kind.shapes.map((shape) => field(shape === "zone" ? "Zone" : "Line", select(id, shape, shapeChoices(rule, shape), sync))),
      kind.options.map(([key, words, unit, standard]) => Array.isArray(unit)
        ? field(words, select(id, key, unit.map((value) => [value, value]), sync, undefined, standard))
        : field(`${words} (${unit})`, number(id, key, standard, sync))),
      field("Classes", list(id, "classes", sync), "Words the model knows, with commas: person, car. Empty: what the kind takes by itself, or everything."),
      field("Priority", select(id, "priority", PRIORITIES.map((value) => [value, value]), sync, undefined, "review")),
      field("Purpose", text(id, "purpose", sync, { maxlength: 200 }), "What it is for. Whoever reads the alerts is told."),
      rest.length > 0 && el("div", { class: "kept" }, el("p", {}, "Also in the file, and kept as it is:"),
        el("pre", {}, rest.map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join("\n"))),
      may && el("div", { class: "buttons" }, button("Remove rule", () => draft.removeRule(id), { class: "dangerous", "data-key": `drop ${id}` })),
    ];
  }

  const shapeChoices = (rule, shape) => [...new Set([...names(shape), rule.options[shape]].filter(Boolean))].map((name) => [name, names(shape).includes(name) ? name : `${name} (is not drawn)`]);

  function changeKind(id, kind) {
    draft.change(() => {
      const { options } = find(id);
      const was = KINDS[options.kind] || { shapes: [], options: [] };
      const is = KINDS[kind] || { shapes: [], options: [] };
      for (const key of [...was.shapes, ...was.options.map(([name]) => name)]) if (![...is.shapes, ...is.options.map(([name]) => name)].includes(key)) delete options[key];
      options.kind = kind;
      for (const shape of is.shapes) if (!options[shape] && names(shape).length) options[shape] = names(shape)[0];
    });
  }

  function control(node_, id, key, sync, read, show_) {
    node_.dataset.key = `${key} ${id}`;
    node_.addEventListener("change", () => read(node_.value));
    sync(() => find(id) && put(node_, show_(find(id).options[key])));
    return node_;
  }

  const text = (id, key, sync, props) => control(el("input", { type: "text", ...props }), id, key, sync,
    (value) => draft.setOption(id, key, value.trim() || undefined), (value) => value ?? "");

  const list = (id, key, sync) => control(el("input", { type: "text", spellcheck: "false", autocapitalize: "none" }), id, key, sync, (value) => {
    const words = value.split(",").map((word) => word.trim()).filter(Boolean);
    draft.setOption(id, key, words.length ? words : undefined);
  }, (value) => (value || []).join(", "));

  const number = (id, key, standard, sync) => control(el("input", { type: "number", step: "any", min: 0, inputmode: "decimal", placeholder: standard ?? "", required: standard === null }), id, key, sync,
    (value) => draft.setOption(id, key, value === "" ? undefined : Number(value)), (value) => value ?? "");

  function select(id, key, choices, sync, changed, standard) {
    const node_ = el("select", {}, choices.map(([value, words]) => el("option", { value }, words)));
    return control(node_, id, key, sync, (value) => (changed ? changed(id, value) : draft.setOption(id, key, value)), (value) => value ?? standard ?? "");
  }

  draft.addEventListener("change", show);
  show();
  return { show };
}
