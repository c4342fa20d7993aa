import { arrange, make } from "./elements.js";

const SHOWN = ["what", "outcome", "timing"];

function makeRow(row) {
  const item = make("li");
  const details = make("details");
  const summary = make("summary");
  item.dataset.row = row.key;
  summary.append(...SHOWN.map((name) => make("span", name)));
  details.append(summary);
  for (const [title, text] of row.texts) {
    const said = make("pre", "", text);
    said.tabIndex = 0;
    details.append(make("p", "", title), said);
  }
  item.append(details);
  return item;
}

export function mount({ element, props, watch }) {
  function paint() {
    const [note, rows] = props.value || ["", []];
    const list = element.querySelector("ol");
    element.querySelector(".note").textContent = note;
    element.querySelector(".note").hidden = !note;
    const there = new Map([...list.children].map((item) => [item.dataset.row, item]));
    const items = rows.map((row) => {
      const item = there.get(row.key) || makeRow(row);
      for (const name of SHOWN) item.querySelector(`.${name}`).textContent = row[name];
      return item;
    });
    arrange(list, items);
  }
  watch("value", paint);
  paint();
}
