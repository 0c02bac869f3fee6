// Questions before something is done, as a <dialog>.
import { html, useEffect, useRef, useState } from "./html.js";
import { t } from "./i18n.js";
import { announce } from "./announce.js";
import { Button, ErrorNotice, Field } from "./widgets.js";

let show = () => {};

/**
 * Ask before something is done: a promise of true, or of false if the answer is no.
 *
 * `{title, text, action}` are what it shows; `action` is the word on the button. With `fields`, an array of
 * the properties of `Field` with a `name`, it is a form. `run(values)` is what to do: while it fails, the
 * dialog stays and shows the error. `isDangerous` is for what can't be undone.
 */
export function confirm(question) {
  return new Promise((resolve) => show({ ...question, resolve }));
}

/** Ask, and after it is done say so and call *onDone*. */
export async function act(question, onDone = () => {}) {
  if (!(await confirm(question))) return;
  announce(t("common.done"), true);
  onDone();
}

/** The place of the dialogs, once in the page. */
export function Dialogs() {
  const [question, setQuestion] = useState(null);
  show = setQuestion;
  const end = (answer) => {
    question.resolve(answer);
    setQuestion(null);
    // the button that asked may be gone with what it changed
    setTimeout(() => document.activeElement === document.body && document.querySelector("h1")?.focus());
  };
  return question && html`<${Dialog} ...${question} onEnd=${end} />`;
}

function Dialog({ title, text, action, fields = [], run = () => {}, isDangerous, onEnd }) {
  const dialog = useRef();
  const [values, setValues] = useState(() => Object.fromEntries(fields.map((each) => [each.name, each.value ?? ""])));
  const [state, setState] = useState({});
  useEffect(() => dialog.current.showModal(), []);
  const submit = async (event) => {
    event.preventDefault();
    setState({ isBusy: true });
    try {
      await run(values);
      dialog.current.close("yes");
    } catch (error) {
      setState({ error });
    }
  };
  const set = (name) => (value) => setValues((before) => ({ ...before, [name]: value }));
  return html`<dialog ref=${dialog} aria-labelledby="dialog-title"
    onClose=${() => onEnd(dialog.current.returnValue === "yes")}>
    <form onSubmit=${submit}>
      <h2 id="dialog-title">${title}</h2>
      ${text && html`<p>${text}</p>`}
      ${fields.map((each) => html`<${Field} key=${each.name} ...${each} value=${values[each.name]}
        onInput=${set(each.name)} />`)}
      <${ErrorNotice} error=${state.error} />
      <div class="row end">
        <${Button} onClick=${() => dialog.current.close("no")}>${t("common.cancel")}<//>
        <${Button} type="submit" kind=${isDangerous ? "danger" : "primary"} isBusy=${state.isBusy}>${action}<//>
      </div>
    </form>
  </dialog>`;
}
