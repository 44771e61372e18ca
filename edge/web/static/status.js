// A camera's state in words and figures.

import { el, state } from "./dom.js";
import { ago, cameraState, drops, figure, span } from "./words.js";

/** State, since when and why, then pictures a second, delay and drops. */
export function statusLine(camera) {
  const [level, words] = cameraState(camera.state);
  const since = ago(camera.since, Date.now());
  return el("div", { class: "camera-status" },
    el("p", {}, state(level, words), since && el("span", { class: "quiet" }, ` for ${since}`)),
    camera.why && el("p", { class: "why" }, camera.why),
    figures(camera));
}

function figures(camera) {
  const lost = drops(camera.figures);
  const looked = camera.looked_fps;
  const entries = [
    ["Pictures/s", figure(camera.fps), "Pictures the camera sends in a second"],
    looked !== undefined && ["Looked at/s", figure(looked), "Pictures analysed in a second"],
    ["Delay", camera.late_s === null || camera.late_s === undefined ? "–" : span(camera.late_s), "How far analysis is behind the camera"],
    ["Dropped", figure(lost.total), lost.parts.map(([key, value]) => `${key.replaceAll("_", " ")}: ${value}`).join(", ") || "Nothing was dropped since the start"],
  ];
  return el("dl", { class: "figures" }, entries.filter(Boolean).map(([term, value, title]) => el("div", { title }, el("dt", {}, term), el("dd", {}, value))));
}
