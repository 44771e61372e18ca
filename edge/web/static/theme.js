// Light, dark, or as the device has it. Light is the one for the sun.

import { el } from "./dom.js";

const CHOICES = [["auto", "Auto"], ["light", "Light"], ["dark", "Dark"]];
const KEPT = "edge-theme";
const dark = window.matchMedia("(prefers-color-scheme: dark)");

const chosen = () => localStorage.getItem(KEPT) || "auto";

function apply() {
  const isDark = chosen() === "dark" || (chosen() === "auto" && dark.matches);
  document.documentElement.dataset.theme = isDark ? "dark" : "light";
}

dark.addEventListener("change", apply);
apply();

export function themeButton() {
  const select = el("select", { "aria-label": "Colours" }, CHOICES.map(([value, words]) => el("option", { value, selected: value === chosen() }, words)));
  select.addEventListener("change", () => {
    localStorage.setItem(KEPT, select.value);
    apply();
  });
  return select;
}
