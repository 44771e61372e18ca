// Keep a rule's events back for a time, with a reason that the control room is told.

import { ApiError, post } from "./api.js";
import { button, el, field, fill, say } from "./dom.js";
import { failure } from "./problems.js";

const path = (camera, rule, verb) => `/api/rules/${encodeURIComponent(camera)}/${encodeURIComponent(rule)}/${verb}`;

/** A form for one rule as it is in force. */
export function armingForm(camera, rule) {
  const minutes = el("input", { type: "number", min: 1, max: 1440, value: 30, inputmode: "numeric" });
  const why = el("input", { type: "text", maxlength: 200 });
  const told = el("div", {});
  const ask = async (verb, body, words) => {
    try {
      await post(path(camera, rule, verb), body);
      fill(told, el("p", {}, words));
      say(words);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      fill(told, failure(error));
    }
  };
  return el("details", { class: "arming" }, el("summary", {}, "Keep its events back for a time"),
    el("p", { class: "quiet" }, "It goes on judging; its events are counted and not sent. The control room is told that, and why."),
    field("Minutes", minutes), field("Why", why),
    el("div", { class: "buttons" },
      button("Keep back", () => {
        if (!why.value.trim()) {
          why.setCustomValidity("Say why: the control room is told.");
          why.reportValidity();
          why.setCustomValidity("");
          return;
        }
        ask("disarm", { minutes: Number(minutes.value), why: why.value.trim() }, `${rule} is kept back for ${minutes.value} minutes.`);
      }),
      button("Let out again", () => ask("arm", {}, `${rule} reports again.`))),
    told);
}
