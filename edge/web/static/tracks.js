// What the box follows now, drawn on the picture, and what the rules as drawn would say to it.

import { camera, listen } from "./api.js";
import { anchor, crossing, isInside } from "./geometry.js";
import { label, write } from "./outline.js";
import { svg } from "./dom.js";
import { Keyed } from "./stage.js";
import { clock } from "./words.js";

const FORGET_MS = 2500;
const SHOW_FIRED_MS = 2000;
const LOOK_MS = 40;
const MOST_WAITING = 20; // two seconds of them: a picture that is held does not hold the tracks
const MOST_AHEAD_S = 2;

/** @param told Called after each picture; ask `seen(rule)` then. */
export class Tracks {
  #stage;
  #draft;
  #boxes;
  #told;
  #end;
  #before = new Map();
  #now = [];
  #fired = new Map();
  #crossed = new Map();
  #timer = 0;
  #waiting = [];
  #later = 0;
  isShown = true;

  constructor(stage, draft, id, told) {
    this.#stage = stage;
    this.#draft = draft;
    this.#told = told;
    this.#boxes = new Keyed(stage.layers.tracks);
    this.#end = listen(camera(id, "/tracks"), (got) => this.#heard(got), (open) => {
      if (!open) this.#forget();
    });
  }

  end() {
    clearTimeout(this.#timer);
    clearTimeout(this.#later);
    this.#end();
  }

  show(shown) {
    this.isShown = shown;
    this.#draw();
  }

  #forget() {
    this.#now = [];
    this.#before.clear();
    this.#draw();
    this.#told();
  }

  /** Tracks come sooner than their picture: they wait until it is shown, so that no box runs ahead of it. */
  #heard(told) {
    this.#waiting.push(told);
    if (this.#waiting.length > MOST_WAITING) this.#take(this.#waiting.shift());
    this.#due();
  }

  #due() {
    clearTimeout(this.#later);
    const shown = this.#stage.live.pts;
    const isHeld = (told) => Number.isFinite(shown) && told.pts > shown && told.pts - shown < MOST_AHEAD_S;
    while (this.#waiting.length && !isHeld(this.#waiting[0])) this.#take(this.#waiting.shift());
    if (this.#waiting.length) this.#later = setTimeout(() => this.#due(), LOOK_MS);
  }

  #take({ at, tracks = [], events = [] }) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#forget(), FORGET_MS);
    const moment = Date.now();
    for (const event of events) if (event.phase !== "end") this.#fired.set(event.rule, { at, moment, tracks: event.tracks || [] });
    this.#now = tracks;
    for (const rule of this.#draft.rules) this.#tryCrossing(rule, tracks, moment);
    this.#before = new Map(tracks.map((one) => [one.track, one]));
    this.#draw();
    this.#told();
  }

  #takes(rule, track) {
    const { classes } = rule.options;
    return !classes?.length || classes.includes(track.class) || track.class === "object";
  }

  #tryCrossing(rule, tracks, moment) {
    if (rule.options.kind !== "line_crossing") return;
    const line = this.#draft.ofKind("line").find((shape) => shape.name === rule.options.line);
    if (!line) return;
    const wanted = rule.options.direction || "any";
    for (const track of tracks) {
      const before = this.#before.get(track.track);
      if (!before || !this.#takes(rule, track)) continue;
      const side = crossing(anchor(before.box, rule.options.anchor), anchor(track.box, rule.options.anchor), line.points);
      if (side && (wanted === "any" || wanted === side)) this.#crossed.set(rule.id, { side, track, moment });
    }
  }

  /** What happens at a rule now, in words; empty where nothing does. */
  seen(rule) {
    const words = [];
    const { kind } = rule.options;
    const zone = kind !== "line_crossing" && this.#draft.ofKind("zone").find((shape) => shape.name === rule.options.zone);
    if (zone) {
      const inside = this.#now.filter((track) => this.#takes(rule, track) && isInside(anchor(track.box, rule.options.anchor), zone.points));
      if (inside.length) words.push(`inside now: ${inside.map((track) => `${track.class} ${track.track}`).join(", ")}`);
    }
    const crossed = this.#crossed.get(rule.id);
    if (crossed && Date.now() - crossed.moment < 6000) words.push(`${crossed.track.class} ${crossed.track.track} crosses to the ${crossed.side}`);
    const fired = this.#fired.get(rule.options.name);
    if (fired) words.push(`reported at ${clock(fired.at) || clock(new Date(fired.moment).toISOString())}`);
    return words.join(" · ");
  }

  #draw() {
    const shown = this.isShown ? this.#now : [];
    const size = [this.#stage.width, this.#stage.height];
    const firing = new Set([...this.#fired.values()].filter((one) => Date.now() - one.moment < SHOW_FIRED_MS).flatMap((one) => one.tracks));
    this.#boxes.show(shown.map((track) => [
      track.track,
      () => svg("g", { class: "track" }, svg("rect", { class: "casing" }), svg("rect", { class: "stroke" }), svg("circle", { class: "foot", r: 4 }), label()),
      (node) => {
        const [x, y, width, height] = track.box;
        const [left, top] = this.#stage.px([x, y]);
        const [wide, high] = this.#stage.px([width, height]);
        for (const box of [node.children[0], node.children[1]]) for (const [key, value] of Object.entries({ x: left, y: top, width: wide, height: high })) box.setAttribute(key, value);
        node.children[2].setAttribute("cx", left + wide / 2);
        node.children[2].setAttribute("cy", top + high);
        node.classList.toggle("firing", firing.has(track.track));
        write(node.children[3], `${track.class} ${track.track}`, [left + 6, top + 4], size);
      },
    ]));
  }
}
