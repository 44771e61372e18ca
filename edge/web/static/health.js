// The box: configuration in force, broker, outbox, cameras, and the doctor.

import { ApiError, get, mayChange, post, session } from "./api.js";
import { watchBox } from "./box.js";
import { button, el, fill, say, state } from "./dom.js";
import { failure, problems } from "./problems.js";
import { ago, bytes, cameraState, drops, figure, moment, span } from "./words.js";

const LEVELS = { green: ["good", "Fine"], amber: ["fair", "Look at it"], red: ["bad", "Mend it"] };

export async function show(main) {
  const facts = el("div", { class: "cards" });
  const cameras = el("div", {});
  const told = el("div", {});
  const doctor = doctorPart();
  const reload = button("Reload the configuration", async () => {
    reload.disabled = true;
    try {
      await post("/api/reload");
      fill(told, el("p", { role: "status" }, "The configuration was read again, and is in force."));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      fill(told, failure(error));
      say(error.message, { now: true });
    } finally {
      reload.disabled = false;
    }
  });
  fill(main, el("div", { class: "title" }, el("h1", {}, "Health"), mayChange() && reload), told, facts, el("section", { class: "card" }, el("h2", {}, "Cameras"), cameras), doctor);
  const stop = watchBox((box) => {
    fill(facts, configuration(box.config), broker(box.broker), outbox(box.outbox), node(box));
    fill(cameras, table(box.cameras));
  });
  return { end: stop, isChanged: () => false };
}

function card(title, verdict, rows, more = "") {
  return el("section", { class: "card" }, el("h2", {}, title), el("p", {}, verdict),
    el("dl", { class: "facts" }, rows.filter((row) => row && row[1] !== "" && row[1] !== undefined).map(([term, value]) => [el("dt", {}, term), el("dd", {}, value)])), more);
}

function configuration(config) {
  const level = config.state === "refused" ? "bad" : "good";
  const words = config.state === "refused" ? "The files have errors; the last good ones go on" : config.problems?.length ? `In force, with ${config.problems.length} to look at` : "In force";
  return card("Configuration", state(config.problems?.length && level === "good" ? "fair" : level, words), [["Hash", el("code", {}, (config.sha256 || "").slice(0, 8))], ["Since", moment(config.at)]], config.problems?.length ? problems(config.problems) : "");
}

function broker(link) {
  if (!link) return card("Broker", state("off", "Not used"), []);
  const verdict = link.connected ? state("good", "Connected") : state("bad", "Not connected: events wait in the outbox");
  return card("Broker", verdict, [["Place", link.place], ["Since", link.since ? `${moment(link.since)} (${ago(link.since, Date.now())})` : ""], ["Last trouble", link.trouble || ""]]);
}

function outbox(box) {
  const isBad = box.trouble || box.dropped > 0;
  const words = box.trouble ? box.trouble : box.dropped ? `${box.dropped} messages were lost to a full outbox` : box.depth ? `${box.depth} on their way` : "Empty: everything was delivered";
  return card("Outbox", state(isBad ? "bad" : box.depth > 100 ? "fair" : "good", words), [["Waiting", figure(box.depth)], ["Space", bytes(box.bytes)], ["Newest number", figure(box.seq)], ["Dropped, ever", figure(box.dropped)], ["Set aside", figure(box.refused)]]);
}

function node(box) {
  return card("Box", box.silentSince ? state("bad", "Does not answer") : state("good", "Answers"), [["Site", box.site], ["Node", box.node], ["Up for", span(box.uptime_s)], ["Version", session.who?.version || ""]]);
}

function table(cameras) {
  if (!cameras.length) return el("p", { class: "quiet" }, "No camera is configured.");
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Cameras" }, el("table", { class: "list" },
    el("thead", {}, el("tr", {}, ["Camera", "State", "For", "Pictures/s", "Delay", "Dropped", "Why"].map((word) => el("th", { scope: "col" }, word)))),
    el("tbody", {}, cameras.map((one) => el("tr", {},
      el("th", { scope: "row" }, el("a", { href: `#/cameras/${encodeURIComponent(one.camera)}` }, one.camera)),
      el("td", {}, state(...cameraState(one.state))), el("td", {}, ago(one.since, Date.now())), el("td", {}, figure(one.fps)), el("td", {}, span(one.late_s)), el("td", {}, figure(drops(one.figures).total)), el("td", {}, one.why || ""))))));
}

function doctorPart() {
  const found = el("div", {}, el("p", { class: "quiet" }, "It examines detectors, cameras, broker, disk and clock. It opens each camera once more and changes nothing."));
  const run = button("Examine the box", async () => {
    run.disabled = true;
    fill(found, el("p", { role: "status" }, "Examining; a camera may take some seconds …"));
    try {
      const checks = await get("/api/doctor");
      const n = (level) => checks.filter((one) => one.state === level).length;
      const words = `${n("red")} to mend, ${n("amber")} to look at, ${n("green")} fine.`;
      say(words);
      fill(found, el("p", {}, el("strong", {}, words)), el("ul", { class: "checks" }, checks.map((one) => el("li", {}, state(...(LEVELS[one.state] || ["off", one.state])), el("strong", {}, one.what), el("span", {}, one.detail), one.remedy && el("p", { class: "remedy" }, "What to do: ", el("code", {}, one.remedy))))));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      fill(found, failure(error));
    } finally {
      run.disabled = false;
    }
  }, { class: "primary" });
  return el("section", { class: "card" }, el("div", { class: "title" }, el("h2", {}, "Doctor"), mayChange() && run), mayChange() ? found : el("p", { class: "quiet" }, "Examining the box is for technicians."));
}
