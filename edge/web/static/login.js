// Who are you? On top of what is there, so that a session that ended takes no drawing with it.

import { ApiError, logIn } from "./api.js";
import { el, field, fill } from "./dom.js";

/** Ask until somebody is in. @param why Said above the form where a session has ended. */
export function askLogin(why = "") {
  const user = el("input", { type: "text", name: "username", autocomplete: "username", autocapitalize: "none", spellcheck: "false", required: true });
  const password = el("input", { type: "password", name: "password", autocomplete: "current-password", required: true });
  const enter = el("button", { type: "submit", class: "primary" }, "Log in");
  const told = el("div", { role: "alert" }, why && el("p", { class: "notice fair" }, why));
  const form = el("form", { class: "login card" }, el("h1", { id: "login-title" }, "Log in to this box"), told, field("User", user), field("Password", password), enter,
    el("p", { class: "hint" }, "Users are made on the box: ", el("code", {}, "edge user add NAME")));
  const dialog = el("dialog", { class: "login-page", "aria-labelledby": "login-title" }, form);
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  document.body.append(dialog);
  dialog.showModal();
  user.focus();
  return new Promise((resolve) => {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      enter.disabled = true;
      try {
        await logIn(user.value.trim(), password.value);
        dialog.close();
        dialog.remove();
        resolve();
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        fill(told, el("p", { class: "notice bad" }, error.message));
        password.value = "";
        if (error.status === 429) await waitFor(error.answer.wait_s || 1, told, error.message);
        enter.disabled = false;
        password.focus();
      }
    });
  });
}

/** Count down, so that nobody has to guess when to try again. */
async function waitFor(seconds, told, words) {
  for (let left = Math.ceil(seconds); left > 0; left -= 1) {
    fill(told, el("p", { class: "notice bad" }, words, el("span", { "aria-hidden": "true" }, ` Try again in ${left} s.`)));
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  fill(told);
}
