// Tables whose columns may be sorted.
import { html } from "./html.js";

/**
 * A table of *rows*: `columns` is `[{key, label, render, number, sort, head, class}]`.
 *
 * The label is `word(key)` unless one is given. A cell is `row[key]`, written by the function `number` of a
 * column of numbers, or what `render(row)` returns. A column with `sort`, "descending" or "ascending", has a
 * button that calls `onSort(key)`; `sort` of the table is the key it is sorted by. `head` marks the column
 * that names the row. `rowKey(row)` identifies it, else its `key` or `id` does.
 */
export function Table({
  columns,
  rows,
  word,
  sort,
  onSort,
  empty,
  label,
  rowKey = (row) => row.key ?? row.id,
  isFaded,
}) {
  if (!rows.length) return html`<p class="empty">${empty}</p>`;
  const shown = columns.filter(Boolean).map((each) => ({ label: each.label ?? word(each.key), ...each }));
  return html`<div class="table ${isFaded ? "stale" : ""}" role="region" aria-label=${label} tabindex="0">
    <table aria-label=${label}>
      <thead><tr>${shown.map((each) => html`<${Head} key=${each.key} column=${each} sort=${sort}
        onSort=${onSort} />`)}</tr></thead>
      <tbody>${rows.map((row) => html`<tr key=${rowKey(row)}>${shown.map((each) => html`<${Cell} key=${each.key}
        row=${row} column=${each} />`)}</tr>`)}</tbody>
    </table>
  </div>`;
}

function Head({ column: { key, label, number, sort: order }, sort, onSort }) {
  const isSorted = order && sort === key;
  const arrow = isSorted ? (order === "ascending" ? "▲" : "▼") : "";
  return html`<th scope="col" class=${number ? "number" : ""} aria-sort=${isSorted ? order : null}>${
    order
      ? html`<button type="button"
        onClick=${() => onSort(key)}>${label}<span class="arrow" aria-hidden="true">${arrow}</span></button>`
      : label
  }</th>`;
}

function Cell({ row, column: { key, number, render, head, class: name = number ? "number" : "" } }) {
  const content = render ? render(row) : number ? number(row[key]) : row[key];
  return head ? html`<th scope="row" class=${name}>${content}</th>` : html`<td class=${name}>${content}</td>`;
}

/** The column of buttons of a row; none if the console is read-only. */
export function tools(session, label, render) {
  return (
    !session.read_only && {
      key: "tools",
      label: html`<span class="unseen">${label}</span>`,
      class: "end",
      render: (row) => html`<span class="tools">${render(row)}</span>`,
    }
  );
}
