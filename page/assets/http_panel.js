import { copyAndSay } from "./copying.js";
import { arrange, make, makeButton } from "./elements.js";

const SHOWN = ["host", "what", "outcome", "timing"];
const NARROWEST = 0.6; // percent of the waterfall's width

// A wide window shows when each was asked and how long it took beside the others.
function paintTimes(item, row, rows) {
  const from = Math.min(...rows.map((each) => each.began));
  const whole = Math.max(...rows.map((each) => each.ended)) - from || 1;
  const width = Math.max((100 * (row.ended - row.began)) / whole, NARROWEST);
  const left = Math.min((100 * (row.began - from)) / whole, 100 - width);
  item.querySelector(".when").textContent = new Date(1000 * row.began).toLocaleTimeString();
  Object.assign(item.querySelector(".bar").style, { left: `${left}%`, width: `${width}%` });
}

function makeRow(row) {
  const item = make("li");
  const details = make("details");
  const summary = make("summary");
  item.dataset.row = row.key;
  const way = make("span", "way");
  way.append(make("span", "bar"));
  summary.append(make("span", "when"), ...SHOWN.map((name) => make("span", name)), way);
  details.append(summary);
  for (const [title, text] of row.texts) {
    const said = make("pre", "", text);
    said.tabIndex = 0;
    details.append(make("p", "", title), said);
  }
  if (row.curl) {
    const copy = makeButton("copy", row.texts_of_curl.copy, () =>
      copyAndSay(row.curl, row.texts_of_curl, (said) => {
        copy.textContent = said;
      }),
    );
    details.append(copy);
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
      paintTimes(item, row, rows);
      for (const name of SHOWN) item.querySelector(`.${name}`).textContent = row[name];
      return item;
    });
    arrange(list, items);
  }
  watch("value", paint);
  paint();
}
