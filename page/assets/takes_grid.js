import { clock } from "./clock.js";
import { label, make, makeButton } from "./elements.js";
import { pickButton } from "./picking.js";

export function mount({ element, props, watch, trigger }) {
  const { texts } = props;
  // A cell is made once and then only changed: what has the focus keeps it while others arrive.
  const cells = new Map();
  let seen = performance.now();

  function makeCell(job) {
    const item = make("li");
    item.dataset.job = job;
    const poster = makeButton("poster", "", () => trigger("select", { job }));
    const image = make("img");
    image.alt = "";
    poster.append(image);
    const state = make("span", "state");
    state.setAttribute("role", "status");
    const time = make("span", "clock");
    time.setAttribute("aria-hidden", "true");
    const line = make("p");
    line.append(state, time);
    const actions = make("div", "actions");
    actions.append(
      makeButton("show", "", () => trigger("select", { job })),
      makeButton("edit", "", () => trigger("edit", { job })),
      makeButton("seed", "", (event) => {
        trigger("input", { job });
        event.target.textContent = texts.seed_used;
        setTimeout(() => {
          event.target.textContent = texts.use_seed;
        }, 1500);
      }),
    );
    const about = make("div", "about");
    about.append(make("p", "name"), line, make("p", "settings"), actions);
    item.append(poster, about);
    return item;
  }
  function fill(item, row) {
    const find = (each) => item.querySelector(each);
    const image = find("img");
    const poster = find(".poster");
    item.dataset.state = row.state;
    item.dataset.shown = row.shown;
    if (image.getAttribute("src") !== row.poster && row.poster) image.src = row.poster;
    image.hidden = !row.poster;
    poster.disabled = !row.clip;
    poster.setAttribute("aria-label", `${texts.show}: ${row.name}`);
    find(".name").textContent = row.name;
    if (find(".state").textContent !== row.title) find(".state").textContent = row.title;
    find(".settings").textContent = row.settings;
    label(find(".show"), texts.show, row.name);
    label(find(".edit"), texts.use_settings, row.name);
    if (find(".seed").textContent !== texts.seed_used)
      label(find(".seed"), texts.use_seed, row.name);
    if (row.clip && !find(".pick"))
      find(".actions").append(pickButton(row.id, row.name, texts.compare));
  }
  function tick() {
    const passed = (performance.now() - seen) / 1000;
    for (const row of props.value || []) {
      const time = clock(row.elapsed + (row.running ? passed : 0));
      cells.get(row.id).querySelector(".clock").textContent = ` · ${time}`;
    }
  }
  function paint() {
    const rows = props.value || [];
    seen = performance.now();
    element.querySelector("section").hidden = rows.length === 0;
    for (const row of rows) {
      if (!cells.has(row.id)) cells.set(row.id, makeCell(row.id));
      fill(cells.get(row.id), row);
    }
    const list = element.querySelector("ul");
    const items = rows.map((row) => cells.get(row.id));
    const same = items.every((item, at) => list.children[at] === item);
    if (items.length !== list.children.length || !same) list.replaceChildren(...items);
    tick();
  }
  watch("value", paint);
  paint();
  setInterval(tick, 1000);
}
