// One camera: its picture, what is drawn on it, its rules, a trial, its calibration, and saving.

import { camera, get, mayChange } from "./api.js";
import { armingForm } from "./arming.js";
import { Calibrate } from "./calibrate.js";
import { button, el, fill, newId } from "./dom.js";
import { Draft, contentOf } from "./draft.js";
import { Editor } from "./editor.js";
import { failure } from "./problems.js";
import { Result } from "./result.js";
import { rulesPanel } from "./rules.js";
import { shapesPanel } from "./shapes.js";
import { Stage } from "./stage.js";
import { Tracks } from "./tracks.js";
import { trialPanel } from "./trial.js";
import { watchBox } from "./box.js";
import { statusLine } from "./status.js";
import { clock } from "./words.js";

const KEYS = "Arrow keys move, with Shift further. While drawing: Space sets a point, Enter finishes, Backspace takes the last one back, Escape gives up. On a point: Insert or + adds one after it, Delete removes it.";

/** @returns `end` stops all of it, `isChanged` whether leaving would lose something. */
export async function show(main, id) {
  let found;
  try {
    found = await get(camera(id));
  } catch (error) {
    fill(main, el("h1", {}, id), failure(error), el("p", {}, el("a", { href: "#/cameras" }, "Back to the cameras")));
    return { end() {}, isChanged: () => false };
  }
  const may = mayChange();
  const draft = new Draft(contentOf(found));
  const stage = new Stage(camera(id, "/live"), found.name || id, found.size_wh || [1280, 720]);
  const editor = new Editor(stage, draft);
  editor.on = may;
  const result = new Result(draft, { id, found, reload: () => get(camera(id)), may });
  const status = el("div", { class: "status-line" });
  const [shapes, rules, trial, calibration] = [0, 1, 2, 3].map(() => el("div", { class: "tab-body" }));

  shapesPanel(shapes, draft, editor, may);
  let tracks = null;
  let held = new Map();
  const ruleRows = rulesPanel(rules, draft, {
    kinds: found.rule_kinds, may, seen: (rule) => [keptBack(held.get(rule.options.name)), tracks ? tracks.seen(rule) : ""].filter(Boolean).join(" · "),
    arming: may && ((rule) => found.rules.some((one) => one.name === rule.options.name) ? armingForm(id, rule.options.name) : ""),
  });
  tracks = new Tracks(stage, draft, id, atMostEvery(400, () => ruleRows.show()));
  const tried = may && trialPanel(trial, id, draft, found.remembered_s || 0);
  if (!may) trial.append(el("p", { class: "quiet" }, "Trying a rule is for technicians."));
  const calibrate = new Calibrate(calibration, stage, { id, size: found.size_wh, calibration: found.calibration, result, may });

  const tabs = tabList([["Shapes", shapes], ["Rules", rules], ["Try", trial], ["Calibration", calibration]], (index) => {
    editor.on = may && index !== 3;
    calibrate.on = index === 3;
  });
  fill(main,
    el("nav", { class: "crumbs", "aria-label": "Where you are" }, el("a", { href: "#/cameras" }, "Cameras"), el("span", { "aria-hidden": "true" }, " / "), el("span", { "aria-current": "page" }, id)),
    el("div", { class: "title" }, el("h1", {}, found.name || id), status),
    el("div", { class: "workbench" },
      el("div", { class: "board" }, toolbar(editor, draft, stage, tracks, tabs, may), stage.node, el("p", { class: "unseen", id: "drawing-keys" }, KEYS), keysHelp(), result.node),
      el("div", { class: "side card" }, tabs.node)));

  const stopBox = watchBox((box) => {
    const mine = box?.cameras.find((one) => one.camera === id);
    if (!mine) return;
    fill(status, statusLine(mine));
    held = new Map((mine.rules || []).map((rule) => [rule.rule, rule]));
    ruleRows.show();
  });
  const undoKeys = (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || event.target.matches("input, textarea")) return;
    event.preventDefault();
    if (event.shiftKey) draft.redo();
    else draft.undo();
  };
  document.addEventListener("keydown", undoKeys);
  return {
    end() {
      document.removeEventListener("keydown", undoKeys);
      stopBox();
      tracks.end();
      tried?.end?.();
      stage.end();
    },
    isChanged: () => result.isChanged,
  };
}

const keptBack = (rule) => (rule?.disarmed_until ? `kept back until ${clock(rule.disarmed_until)}` : rule && !rule.armed ? "not armed now, by its schedule" : "");

function toolbar(editor, draft, stage, tracks, tabs, may) {
  const draw = (kind, words) => button(words, () => {
    tabs.choose(0);
    editor.begin(kind);
  }, { "data-draw": kind });
  const undo = button("Undo", () => draft.undo(), { disabled: true });
  const redo = button("Redo", () => draft.redo(), { disabled: true });
  const hold = el("button", { type: "button", "aria-pressed": "false", onclick: () => {
    const held = hold.getAttribute("aria-pressed") !== "true";
    hold.setAttribute("aria-pressed", String(held));
    stage.live.hold(held);
  } }, "Hold");
  const follow = el("button", { type: "button", "aria-pressed": "true", onclick: () => {
    tracks.show(!tracks.isShown);
    follow.setAttribute("aria-pressed", String(tracks.isShown));
  } }, "Tracks");
  const rest = el("div", { class: "tools" },
    may && [draw("zone", "Draw zone"), draw("line", "Draw line"), draw("mask", "Draw mask"), el("span", { class: "gap" }), undo, redo],
    el("span", { class: "gap" }), hold, follow);
  const back = button("Take last point back", () => editor.back());
  const drawing = el("div", { class: "tools drawing-tools", hidden: true }, el("strong", {}), button("Finish", () => editor.finish(), { class: "primary" }), back, button("Give up", () => editor.cancel()));
  editor.addEventListener("mode", () => {
    const now = editor.drawing;
    rest.hidden = Boolean(now);
    drawing.hidden = !now;
    if (!now) return;
    back.disabled = now.points.length === 0;
    drawing.firstChild.textContent = `Drawing a ${now.kind}: ${now.points.length} ${now.points.length === 1 ? "point" : "points"}`;
  });
  draft.addEventListener("change", () => {
    undo.disabled = !draft.canUndo;
    redo.disabled = !draft.canRedo;
  });
  return el("div", { class: "toolbar", role: "toolbar", "aria-label": "Drawing" }, rest, drawing);
}

function keysHelp() {
  return el("details", { class: "keys" }, el("summary", {}, "Mouse, finger and keys"),
    el("p", {}, "Draw: tap each corner, then the first one again, or Finish. Change: tap a shape, then drag a point; drag the small point between two to add one; drag inside to move all of it. "), el("p", {}, KEYS));
}

/** Tabs as the ARIA practices have them: arrow keys go along, one is in the order of focus. */
function tabList(entries, chosen) {
  const list = el("div", { class: "tabs", role: "tablist", "aria-label": "Parts of this camera" });
  const pairs = entries.map(([words, body], index) => {
    const [tabId, bodyId] = [newId("tab"), newId("tabpanel")];
    const tab = el("button", { type: "button", role: "tab", id: tabId, "aria-controls": bodyId, onclick: () => choose(index) }, words);
    Object.assign(body, { id: bodyId, tabIndex: 0 });
    body.setAttribute("role", "tabpanel");
    body.setAttribute("aria-labelledby", tabId);
    return { tab, body };
  });
  const choose = (index, focus = false) => {
    pairs.forEach(({ tab, body }, i) => {
      tab.setAttribute("aria-selected", String(i === index));
      tab.tabIndex = i === index ? 0 : -1;
      body.hidden = i !== index;
    });
    if (focus) pairs[index].tab.focus();
    chosen(index);
  };
  list.addEventListener("keydown", (event) => {
    const now = pairs.findIndex(({ tab }) => tab.getAttribute("aria-selected") === "true");
    const to = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: pairs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    choose((to + pairs.length) % pairs.length, true);
  });
  list.append(...pairs.map(({ tab }) => tab));
  choose(0);
  return { node: el("div", {}, list, pairs.map(({ body }) => body)), choose };
}

/** Run at once, and then at most every `ms`. */
function atMostEvery(ms, work) {
  let last = 0;
  return () => {
    if (performance.now() - last < ms) return;
    last = performance.now();
    work();
  };
}
