// Tables whose columns may be sorted.
import { html } from "./html.js";

/**
 * A table of *rows*: `columns` is `[{key, label, number, sort, head, render}]`.
 *
 * `render(row)` makes a cell, without it the cell is `row[key]`. A column with `sort`, "descending" or
 * "ascending", has a button that calls `onSort(key)`; `sort` of the table is the key it is sorted by.
 * `head` marks the column that names the row. `rowKey(row)` identifies it, else its `key` or `id` does.
 */
export function Table({ columns, rows, sort, onSort, empty, label, rowKey = (row) => row.key ?? row.id, isFaded }) {
  if (!rows.length && empty) return html`<p class="empty">${empty}</p>`;
  return html`<div class="table ${isFaded ? "stale" : ""}" role="region" aria-label=${label} tabindex="0">
    <table aria-label=${label}>
      <thead><tr>${columns.map((each) => html`<${Head} key=${each.key} column=${each} sort=${sort} onSort=${onSort} />`)}</tr></thead>
      <tbody>${rows.map((row) => html`<${Row} key=${rowKey(row)} row=${row} columns=${columns} />`)}</tbody>
    </table>
  </div>`;
}

function Head({ column, sort, onSort }) {
  const { key, label, number, sort: order } = column;
  const isSorted = Boolean(order) && sort === key;
  const text = order ? html`<button type="button" onClick=${() => onSort(key)}>${label}<span class="arrow" aria-hidden="true">${isSorted ? (order === "ascending" ? "▲" : "▼") : ""}</span></button>` : label;
  return html`<th scope="col" class=${number ? "number" : ""} aria-sort=${isSorted ? order : null}>${text}</th>`;
}

function Row({ row, columns }) {
  return html`<tr>${columns.map(({ key, number, class: name = number ? "number" : "", head, render = (each) => each[key] }) => {
    return head ? html`<th scope="row" key=${key} class=${name}>${render(row)}</th>` : html`<td key=${key} class=${name}>${render(row)}</td>`;
  })}</tr>`;
}
