// Light or dark: as the system has it, unless the user chose one.
const STORED = "gim.theme";

/** What can be chosen; "auto" is the theme of the system. */
export const THEMES = ["auto", "light", "dark"];

/** Return the theme that was chosen. */
export function theme() {
  return document.documentElement.dataset.theme ?? "auto";
}

/** Use a theme, and remember it in this browser; event "theme" of the window says so. */
export function setTheme(chosen) {
  apply(chosen);
  try {
    localStorage.setItem(STORED, chosen);
  } catch {
    // without a place to store it, it holds for this page
  }
}

/** Use the theme that was chosen before. */
export function startTheme() {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tell);
  try {
    apply(localStorage.getItem(STORED));
  } catch {
    apply("auto");
  }
}

function apply(chosen) {
  const isChoice = chosen === "light" || chosen === "dark";
  if (isChoice) document.documentElement.dataset.theme = chosen;
  else delete document.documentElement.dataset.theme;
  tell();
}

function tell() {
  dispatchEvent(new Event("theme"));
}
