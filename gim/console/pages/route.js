// Addresses within the console: "#/users/ann?online=true" is the page "users", its parameters and its query.
import { known } from "./api.js";

/** Return the address of a page; what is empty in *query* is left out. */
export function href(name, params = [], query = {}) {
  const kept = known(query);
  const search = kept.length ? `?${new URLSearchParams(kept)}` : "";
  return `#/${[name, ...params].map(encodeURIComponent).join("/")}${search}`;
}

/** Go to a page. */
export function go(name, params, query) {
  location.hash = href(name, params, query);
}

/** Change the query of the page that is shown, which goes on as it is; "back" leads to the page before. */
export function setQuery(query) {
  const { name, params } = readRoute();
  history.replaceState(null, "", href(name, params, query));
  dispatchEvent(new HashChangeEvent("hashchange"));
}

/** Read the address of the window; `name` is "" where it has none. */
export function readRoute() {
  const [where, search] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...params] = where.split("/").map(decoded);
  return { name, params, query: Object.fromEntries(new URLSearchParams(search)) };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // written by hand, with a % that stands for itself
  }
}
