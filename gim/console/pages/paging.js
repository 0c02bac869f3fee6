// Lists that come page by page.
import { html, useEffect, useRef, useState } from "./html.js";
import { get } from "./api.js";
import { t } from "./i18n.js";
import { Button, ErrorNotice, Loading } from "./widgets.js";

const EMPTY = { items: [], cursor: "", isLoading: true };

/**
 * Read a list whose pages have `items` and a `cursor`: `{items, last, hasMore, isLoading, error, more, reload}`.
 *
 * `last` is the page that came last. Pages may be empty before the end: those are followed at once.
 */
export function usePages(where, query) {
  const [state, setState] = useState(EMPTY);
  const current = useRef();
  const read = async (before) => {
    current.current?.abort();
    const { signal } = (current.current = new AbortController());
    setState({ ...before, isLoading: true, error: null });
    try {
      let last = { cursor: before.cursor };
      do last = await get(where, { ...query, cursor: last.cursor }, signal);
      while (!last.items.length && last.cursor);
      if (!signal.aborted) setState({ items: joined(before.items, last.items), cursor: last.cursor, last });
    } catch (error) {
      if (!signal.aborted) setState({ ...before, isLoading: false, error });
    }
  };
  const reload = () => read(EMPTY);
  useEffect(() => {
    reload();
    return () => current.current.abort();
  }, [where, JSON.stringify(query)]);
  return { ...state, hasMore: Boolean(state.cursor), more: () => read(state), reload };
}

/** Join pages; on Redis an item may come twice. */
function joined(items, more) {
  const known = new Set(items.map(({ id }) => id));
  return [...items, ...more.filter(({ id }) => !known.has(id) && known.add(id))];
}

/** A list with its error and a button for more. */
export function Pages({ pages, children }) {
  const { items, isLoading, error, hasMore, more, reload } = pages;
  if (isLoading && !items.length) return html`<${Loading} />`;
  return html`${(items.length || !error) && children}
    <${ErrorNotice} error=${error} onRetry=${items.length ? more : reload} />
    ${hasMore && !error && html`<div><${Button} onClick=${more} isBusy=${isLoading}>${t("common.more")}<//></div>`}`;
}
