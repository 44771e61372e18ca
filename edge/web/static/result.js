// What would be written into the camera's file, what is wrong with it, and saving it so that nobody's work is lost.

import { ApiError, camera, post, put } from "./api.js";
import { button, el, fill, say, settled } from "./dom.js";
import { contentOf } from "./draft.js";
import { join, takeTheirs } from "./merge.js";
import { diffView, errorsOf, failure, problems } from "./problems.js";

/** @param reload Gives what the box has now of this camera. */
export class Result {
  #draft;
  #id;
  #reload;
  #sha;
  #checked = null;
  #turn = 0;
  #body = el("div", {});
  #back = button("Undo last save", () => this.undoSave());
  #save = button("Save", () => this.save(), { class: "primary", disabled: true });
  #summary = el("p", { class: "summary" });
  #later = settled(500, () => this.#check());

  constructor(draft, { id, found, reload, may }) {
    this.#draft = draft;
    this.#id = id;
    this.#reload = reload;
    this.#sha = found.sha256;
    this.node = el("section", { class: "result card", "aria-labelledby": "result-title" },
      el("div", { class: "result-head" }, el("h2", { id: "result-title" }, "What will be written"), this.#summary,
        may && el("div", { class: "buttons" }, this.#back, this.#save)), this.#body);
    if (may) draft.addEventListener("change", () => this.#changed());
    this.#idle(found);
  }

  /** Calibration is saved along with the shapes when it was set. */
  calibration = undefined;

  get isChanged() {
    return this.#draft.isChanged || this.calibration !== undefined;
  }

  /** Nothing to write. @param found What the box has, where it was just asked. */
  #idle(found = null) {
    this.#save.disabled = true;
    this.#summary.textContent = "Nothing has been changed.";
    if (!found) return fill(this.#body);
    this.#back.disabled = !found.can_undo;
    fill(this.#body, found.problems?.length ? [el("p", {}, "The file as it is now:"), problems(found.problems)] : "");
  }

  changed() {
    this.#changed();
  }

  #changed() {
    this.#checked = null;
    this.#turn += 1;
    if (!this.isChanged) {
      this.#later.cancel();
      return this.#idle();
    }
    this.#save.disabled = true;
    this.#summary.textContent = "Checking …";
    this.#later();
  }

  #request() {
    const body = { sha256: this.#sha, ...this.#draft.content() };
    if (this.calibration !== undefined) body.calibration = this.calibration;
    return body;
  }

  async #check() {
    const turn = this.#turn;
    try {
      const answer = await post(camera(this.#id, "/preview"), this.#request());
      if (turn === this.#turn) this.#show(answer);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (turn !== this.#turn) return;
      if (isConflict(error)) return this.#conflict();
      this.#summary.textContent = "It cannot be saved.";
      fill(this.#body, failure(error), error.status === 0 && button("Try again", () => this.#changed()));
    }
  }

  #show({ diff, problems: found = [], changes }) {
    const errors = errorsOf(found);
    this.#checked = errors.length === 0;
    this.#save.disabled = !this.#checked;
    const words = errors.length ? `${errors.length} ${errors.length === 1 ? "error" : "errors"}: it cannot be saved yet.` : `It can be saved.${effect(changes)}`;
    this.#summary.textContent = words;
    say(words);
    fill(this.#body, found.length > 0 && problems(found), diff ? diffView(diff) : el("p", { class: "quiet" }, "The file stays as it is."));
  }

  async save() {
    this.#save.disabled = true;
    try {
      const answer = await put(camera(this.#id), this.#request());
      await this.#taken(answer, "Saved, and in force.");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (isConflict(error)) return this.#conflict();
      this.#save.disabled = false;
      this.#summary.textContent = "It was not saved. The file is as it was.";
      say("It was not saved.", { now: true });
      fill(this.#body, failure(error));
    }
  }

  /** Bring back the file as it was before the last change made here. */
  async undoSave() {
    if (this.isChanged && !window.confirm("What you have drawn since is not saved and would be lost. Undo the last save all the same?")) return;
    try {
      await this.#taken(await post(camera(this.#id, "/undo"), { sha256: this.#sha }), "The last save is undone, and the file before it in force.");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (isConflict(error)) return this.#conflict();
      this.#summary.textContent = "Nothing was undone.";
      say(error.message, { now: true });
      fill(this.#body, failure(error));
    }
  }

  async #taken(answer, words) {
    const fresh = await this.#reload();
    this.#sha = fresh.sha256 || answer.sha256;
    this.calibration = undefined;
    this.#draft.reset(contentOf(fresh));
    this.#idle(fresh);
    this.#summary.textContent = words;
    say(words);
  }

  /** Somebody else changed the file: join both, and ask where both touched the same. */
  async #conflict() {
    this.#turn += 1;
    this.#save.disabled = true;
    this.#summary.textContent = "The file was changed by somebody else, or by hand.";
    say("The file was changed by somebody else. Nothing of yours is lost.", { now: true });
    let fresh;
    try {
      fresh = await this.#reload();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return fill(this.#body, el("p", {}, "It cannot be read now, so nothing was saved. What you drew is still here."), failure(error), button("Look again", () => this.#conflict()));
    }
    const [base, theirs] = [this.#draft.base, contentOf(fresh)];
    const { content, both } = join(base, this.#draft.content(), theirs);
    const choices = both.map((item) => choice(item));
    fill(this.#body, el("div", { class: "notice fair conflict", role: "group", "aria-label": "Two people changed this camera" },
      el("p", {}, el("strong", {}, "▲ "), "Since you opened this camera its file was changed. Nothing of yours is lost, and nothing of theirs was overwritten."),
      both.length ? el("p", {}, `Both of you changed ${both.length === 1 ? "the same thing" : "the same things"}:`) : el("p", {}, "You changed different things, so both fit together."),
      choices.map((one) => one.node),
      el("div", { class: "buttons" },
        button("Join both", () => {
          let joined = content;
          for (const { item, theirsChosen } of choices) if (theirsChosen()) joined = takeTheirs(joined, item);
          this.#sha = fresh.sha256;
          this.#draft.rebase(theirs, joined);
          this.#changed();
        }, { class: "primary" }),
        button("Discard mine, show theirs", () => {
          this.#sha = fresh.sha256;
          this.calibration = undefined;
          this.#draft.reset(theirs);
          this.#idle(fresh);
        }))));
    this.#body.querySelector("button.primary").focus();
  }
}

/** The file is not the one this browser knows. */
const isConflict = (error) => error.status === 409 && Boolean(error.answer.sha256);

function choice(item) {
  const group = `both-${item.block}-${item.name}`;
  const radio = (value, words, content, checked) => el("label", { class: "choice" }, el("input", { type: "radio", name: group, value, checked }),
    el("span", {}, words, el("code", {}, content === undefined ? "removed" : JSON.stringify(content))));
  const theirs = radio("theirs", "Theirs: ", item.theirs, false);
  const node = el("fieldset", {}, el("legend", {}, `${item.block}: ${item.name}`), radio("mine", "Mine: ", item.mine, true), theirs);
  return { item, node, theirsChosen: () => theirs.querySelector("input").checked };
}

function effect(changes = {}) {
  const list = (key) => (Array.isArray(changes[key]) ? changes[key] : Object.keys(changes[key] || {}));
  const restart = list("restart").length;
  return restart ? " This camera begins anew; the others go on." : "";
}
