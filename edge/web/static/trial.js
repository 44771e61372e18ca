// Try the rules as they are drawn, on what the box has just seen or on a recording, before they are armed.

import { ApiError, camera, post, send } from "./api.js";
import { button, el, field, fill, say } from "./dom.js";
import { failure } from "./problems.js";
import { clock, eventWords, span } from "./words.js";

const MOST_MIB = 200;
const MOST_MIN = 10;

/** @param remembered Seconds of which the box knew who was followed when this was opened. */
export function trialPanel(node, id, draft, remembered) {
  const openedAt = Date.now();
  const minutes = el("input", { type: "number", min: 1, max: MOST_MIN, value: MOST_MIN, inputmode: "numeric" });
  const clip = el("input", { type: "file", accept: "video/*,.mkv,.ts" });
  const outcome = el("div", { class: "outcome" });
  const buttons = [
    button("Try on the last minutes", () => run("the last minutes", () => post(camera(id, "/try"), { ...draft.content(), seconds: 60 * (Number(minutes.value) || MOST_MIN) })), { class: "primary" }),
    button("Try on the recording", () => upload(), { class: "primary" }),
  ];
  const there = el("p", { class: "hint" });
  const tell = () => {
    const seconds = Math.min(60 * MOST_MIN, remembered + (Date.now() - openedAt) / 1000);
    there.textContent = `The box remembers who it followed for ${MOST_MIN} minutes, without pictures; now it has ${span(seconds, true)}. Where masks are drawn anew it judges the last seconds of pictures instead.`;
  };
  tell();
  const timer = setInterval(tell, 5000);
  node.append(
    el("p", { class: "quiet" }, "Nothing is saved and nothing is reported: the rules as they are drawn now judge pictures of the past."),
    el("section", { class: "group" }, el("h3", {}, "The last minutes"), there, field("Minutes, at most", minutes), buttons[0]),
    el("section", { class: "group" }, el("h3", {}, "A recording"), field("Video file", clip, `At most ${MOST_MIB} MiB. It is judged on the box and then deleted.`), buttons[1]),
    outcome);

  const end = () => clearInterval(timer);

  function upload() {
    const file = clip.files[0];
    if (!file) {
      clip.setCustomValidity("Choose a recording first.");
      clip.reportValidity();
      clip.setCustomValidity("");
      return;
    }
    if (file.size > MOST_MIB * 1048576) {
      fill(outcome, failure(new ApiError(413, { error: `${file.name} has ${Math.round(file.size / 1048576)} MiB; expected at most ${MOST_MIB}. Cut a shorter one.` })));
      return;
    }
    // One line of JSON, then the recording as it is.
    const body = new Blob([JSON.stringify(draft.content()), "\n", file], { type: "application/octet-stream" });
    run(file.name, () => send(camera(id, "/try-clip"), body));
  }

  async function run(what, ask) {
    for (const one of buttons) one.disabled = true;
    fill(outcome, el("p", { role: "status" }, `Judging ${what} … watching goes first, so this may take a while.`));
    try {
      const answer = await ask();
      show(what, answer);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      say(error.message, { now: true });
      fill(outcome, failure(error));
    } finally {
      for (const one of buttons) one.disabled = false;
    }
  }

  function show(what, { events, seconds: length, frames, is_cut: isCut, of }) {
    const judged = { tracks: "what was followed", pictures: "the last pictures" }[of] || what;
    const words = `${events.length} ${events.length === 1 ? "event" : "events"} in ${span(length)} of ${judged} (${frames} pictures judged).${isCut ? " It took too long or was too much: what came after is not judged." : ""}`;
    say(words);
    const first = events.length ? Date.parse(events[0].at) : NaN;
    fill(outcome, el("h3", {}, words), events.length ? el("table", { class: "list" },
      el("thead", {}, el("tr", {}, ["When", "Rule", "What"].map((word) => el("th", { scope: "col" }, word)))),
      el("tbody", {}, events.map((event) => el("tr", {}, el("td", {}, of === "tracks" ? clock(event.at) : when(event, first)), el("td", {}, event.rule || ""), el("td", {}, eventWords(event)))))) : el("p", {}, "These rules would have been silent."));
  }

  return { end };
}

function when(event, first) {
  if (Number.isFinite(event.pts)) return `${event.pts.toFixed(1)} s`;
  const at = Date.parse(event.at);
  return Number.isNaN(at) ? "" : `+${((at - first) / 1000).toFixed(1)} s`;
}
