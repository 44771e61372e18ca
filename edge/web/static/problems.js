// What is wrong in a file, where it is and what to do: line, caret and all.

import { el } from "./dom.js";

/** One problem: its place, cause and remedy, then the line with a caret under what is meant. */
export function problem(one) {
  const place = [one.file, one.line || null, one.line ? one.column : null].filter((part) => part !== null && part !== undefined && part !== "").join(":");
  const isWarning = one.severity === "warning";
  const caret = typeof one.caret === "number" ? " ".repeat(one.caret) + "^" : one.caret || "";
  return el("li", { class: `problem ${isWarning ? "fair" : "bad"}` },
    el("p", {}, el("strong", {}, isWarning ? "▲ Warning " : "■ Error "), el("code", {}, place), one.path ? [" · ", el("code", {}, one.path)] : ""),
    el("p", {}, one.cause, one.remedy ? `; ${one.remedy}` : ""),
    one.source && el("pre", { class: "source" }, `${one.source}\n${caret}`));
}

export function problems(all) {
  return el("ul", { class: "problems" }, all.map(problem));
}

export const errorsOf = (all) => all.filter((one) => one.severity !== "warning");

/** An error of the box, with its problems where it named some. */
export function failure(error) {
  return el("div", { class: "notice bad" }, el("p", {}, el("strong", {}, "■ "), error.message), error.problems?.length ? problems(error.problems) : "");
}

/** A unified diff, each line told apart by its sign and by colour. */
export function diffView(diff) {
  const lines = diff.split("\n").filter((line) => !/^(---|\+\+\+) /.test(line));
  const kind = (line) => (line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : line.startsWith("@@") ? "hunk" : "");
  return el("pre", { class: "diff", tabindex: 0, role: "region", "aria-label": "What changes in the file" }, lines.map((line) => el("span", { class: kind(line) }, `${line}\n`)));
}
