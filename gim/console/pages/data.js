// What components load and what users type into forms, as hooks.
import { html, useCallback, useEffect, useRef, useState } from "./html.js";
import { get } from "./api.js";
import { t } from "./i18n.js";
import { Button, ErrorNotice, Field, Loading } from "./widgets.js";

const EMPTY = { items: [], cursor: "", isLoading: true };

/** A function that begins something with a signal, which aborts with the next begin and with the component. */
function useLatest() {
  const current = useRef();
  useEffect(() => () => current.current?.abort(), []);
  return () => {
    current.current?.abort();
    current.current = new AbortController();
    return current.current.signal;
  };
}

/**
 * Load data when *inputs* change: `{data, error, isLoading, reload}`.
 *
 * `load(signal)` returns a promise. The data of before stay until the next ones are there.
 */
export function useData(load, inputs) {
  const [state, setState] = useState({ isLoading: true });
  const begin = useLatest();
  const reload = useCallback(async () => {
    const signal = begin();
    setState((before) => ({ ...before, isLoading: true }));
    let change;
    try {
      change = { data: await load(signal), error: null };
    } catch (error) {
      change = { error };
    }
    if (!signal.aborted) setState((before) => ({ ...before, ...change, isLoading: false }));
  }, inputs);
  useEffect(() => void reload(), [reload]);
  return { ...state, reload };
}

/** What `useData` returned: its error, that it loads, or what `children(data)` makes of it. */
export function Loaded({ state: { data, error, isLoading, reload }, children }) {
  return html`<${ErrorNotice} error=${error} onRetry=${reload} />
    ${data === undefined ? isLoading && html`<${Loading} />` : children(data)}`;
}

/** Call *run* every *pause* ms while *isOn* and the tab is shown. */
export function useRepeat(isOn, pause, run) {
  useEffect(() => {
    if (!isOn) return undefined;
    const timer = setInterval(() => document.hidden || run(), pause);
    return () => clearInterval(timer);
  });
}

/**
 * Read a list whose pages have `items` and a `cursor`: `{items, last, hasMore, isLoading, error, more, reload}`.
 *
 * `last` is the page that came last. Pages may be empty before the end: those are followed at once.
 */
export function usePages(where, query) {
  const [state, setState] = useState(EMPTY);
  const begin = useLatest();
  const read = async (before) => {
    const signal = begin();
    setState({ ...before, isLoading: true, error: null });
    let last = before;
    try {
      do last = await get(where, { ...query, cursor: last.cursor }, signal);
      while (!last.items.length && last.cursor);
      if (!signal.aborted) setState({ items: joined(before.items, last.items), cursor: last.cursor, last });
    } catch (error) {
      if (!signal.aborted) setState({ ...before, isLoading: false, error });
    }
  };
  const reload = () => void read(EMPTY);
  useEffect(reload, [where, JSON.stringify(query)]);
  return { ...state, hasMore: Boolean(state.cursor), more: () => read(state), reload };
}

/** Join pages; on Redis an item may come twice. */
function joined(items, more) {
  const known = new Set(items.map(({ id }) => id));
  return [...items, ...more.filter(({ id }) => !known.has(id) && known.add(id))];
}

/** A list with its error and a button for more. */
export function Pages({ pages: { items, isLoading, error, hasMore, more, reload }, children }) {
  if (isLoading && !items.length) return html`<${Loading} />`;
  return html`${(items.length || !error) && children}
    <${ErrorNotice} error=${error} onRetry=${items.length ? more : reload} />
    ${hasMore && !error && html`<div><${Button} onClick=${more} isBusy=${isLoading}>${t("common.more")}<//></div>`}`;
}

/**
 * The values of a form: `{values, set, field}`. `field(name, props)` is a `Field` whose label is `word(name)`
 * unless *props* have one. Blanks around a text do not count, except in a textarea.
 */
export function useForm(word, initial) {
  const [values, setValues] = useState(initial);
  const set = (changed) => setValues((before) => ({ ...before, ...changed }));
  const field = (name, props = {}) => {
    const change = (value) =>
      set({ [name]: typeof value === "string" && props.type !== "textarea" ? value.trim() : value });
    return html`<${Field} key=${name} label=${props.label ?? word(name)} value=${values[name] ?? ""} onInput=${change}
      ...${props} />`;
  };
  return { values, set, field };
}

/** Do something for the user, such as sending a form: `{run, error, isBusy}`; `run` takes the event, too. */
export function useTask(task) {
  const [state, setState] = useState({});
  const run = async (event) => {
    event?.preventDefault();
    setState({ isBusy: true });
    try {
      await task();
      setState({});
    } catch (error) {
      setState({ error });
    }
  };
  return { ...state, run };
}
