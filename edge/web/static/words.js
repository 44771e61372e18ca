// Figures and states as people say them. Pure.

const STATES = {
  watching: ["good", "Watching"],
  degraded: ["fair", "Watching, with trouble"],
  lost: ["bad", "No picture"],
  disabled: ["off", "Not watched"],
};

/** Level and words of a camera's state. */
export function cameraState(state) {
  return STATES[state] || ["fair", state || "Not known"];
}

/** A span of time in two units at most: "3 min 20 s"; short ones with a decimal, unless it is whole. */
export function span(seconds, isWhole = false) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 0) return "0 s";
  if (seconds < 10 && !isWhole) return `${seconds < 1 ? seconds.toFixed(2) : seconds.toFixed(1)} s`;
  const whole = Math.floor(seconds);
  const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const parts = [];
  let left = whole;
  for (const [size, unit] of units) {
    if (left >= size && parts.length < 2) {
      parts.push(`${Math.floor(left / size)} ${unit}`);
      left %= size;
    } else if (parts.length) break;
  }
  return parts.join(" ") || "0 s";
}

/** How long ago a time in ISO 8601 was, at `now` in ms; empty where there is none. */
export function ago(iso, now) {
  const then = Date.parse(iso);
  return Number.isNaN(then) ? "" : span(Math.max(1, Math.floor((now - then) / 1000)), true);
}

/** The clock of a time in ISO 8601, where the reader is. */
export function clock(iso) {
  const then = new Date(iso);
  return Number.isNaN(then.getTime()) ? "" : then.toLocaleTimeString("en-GB");
}

/** Day and clock. */
export function moment(iso) {
  const then = new Date(iso);
  return Number.isNaN(then.getTime()) ? "" : then.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
}

/** A number with at most one decimal; a dash where there is none. */
export function figure(value, unit = "") {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const text = Number.isInteger(value) ? String(value) : value.toFixed(1);
  return unit ? `${text} ${unit}` : text;
}

export function bytes(n) {
  if (!Number.isFinite(n)) return "–";
  return n < 1024 ? `${n} B` : n < 1048576 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / 1048576).toFixed(1)} MiB`;
}

export const percent = (fraction) => `${(fraction * 100).toFixed(1)} %`;

/** `line_crossed` as words. */
export const plain = (name) => String(name || "").replaceAll("_", " ");

/** One event in a sentence: what, where, who. */
export function eventWords(event) {
  const who = (event.objects || []).map((one) => `${one.class} ${one.track}`).join(", ");
  return [
    plain(event.kind),
    event.phase === "pulse" ? "" : { begin: "began", end: "ended", update: "goes on" }[event.phase] || event.phase,
    event.where ? `at ${event.where}` : "",
    event.direction ? `to the ${event.direction}` : "",
    who ? `· ${who}` : "",
    event.reason ? `· ${event.reason}` : "",
  ].filter(Boolean).join(" ");
}

/** What a camera skipped or lost, by its counters. */
export function drops(figures = {}) {
  const lost = Object.entries(figures).filter(([key, value]) => /skip|drop|lost|missed|corrupt|overrun/.test(key) && Number.isFinite(value));
  return { total: lost.reduce((sum, [, value]) => sum + value, 0), parts: lost.filter(([, value]) => value > 0) };
}
