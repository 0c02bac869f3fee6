// The language of the page, and its texts.
export const LANGUAGES = { en: "English", zh: "简体中文" };
const STORED = "gim.language";

export let language = "en";
let texts = {};
let whenChanged = () => {};

/** Call *listener* after each change of the language. */
export function onLanguage(listener) {
  whenChanged = listener;
}

/** Load the language of `?lang=`, else the stored one, else the browser's. */
export function startLanguage() {
  const asked = new URLSearchParams(location.search).get("lang");
  const wanted = [asked, stored(), ...navigator.languages].map((each) => each?.slice(0, 2).toLowerCase());
  return load(wanted.find((each) => each in LANGUAGES) ?? "en");
}

/** Change the language, and remember it in this browser. */
export async function setLanguage(wanted) {
  try {
    localStorage.setItem(STORED, wanted);
  } catch {
    // without a place to store it, it holds for this page
  }
  const url = new URL(location);
  url.searchParams.delete("lang");
  history.replaceState(null, "", url);
  await load(wanted);
  whenChanged();
}

/**
 * Return the text of *key*, with `{name}` replaced by the value of that name.
 *
 * A text of two forms, "{n} node | {n} nodes", gives the one for the number *n*. Numbers are written as the
 * language writes them, strings as they are.
 */
export function t(key, values = {}) {
  const forms = (texts[key] ?? key).split(" | ");
  const form = forms.length > 1 && values.n === 1 ? forms[0] : forms.at(-1);
  return form.replace(/\{(\w+)\}/g, (match, name) => written(values[name] ?? match));
}

/** Return `t` for the texts of one page: `words("users")("title")` is `t("users.title")`. */
export function words(page) {
  return (key, values) => t(`${page}.${key}`, values);
}

/** Say whether there is a text of *key*. */
export function has(key) {
  return key in texts;
}

function written(value) {
  return typeof value === "number" ? new Intl.NumberFormat(language).format(value) : String(value);
}

function stored() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

async function load(wanted) {
  const response = await fetch(new URL(`${wanted}.json`, import.meta.url));
  texts = await response.json();
  language = wanted;
  document.documentElement.lang = wanted === "zh" ? "zh-CN" : wanted;
}
