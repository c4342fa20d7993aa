import { arrange } from "./elements.js";
import { unhide } from "./hidden_storage.js";
import { JOB, offerPicture } from "./picture_news.js";
import { onShown } from "./stage_news.js";
import { menuOf } from "./strip_menu.js";
import { previewIn } from "./strip_preview.js";
import {
  between,
  EVERYTHING,
  emptyShelf,
  inGroups,
  isAnswered,
  olderThan,
  shown,
  takeFound,
  takeNewest,
} from "./strip_rows.js";
import { fillTile, makeTile, tickTile } from "./strip_tile.js";

const TYPED = 250; // milliseconds after the last letter in which a search is sent

export function mount({ element, props, watch, trigger }) {
  const { texts, most_in_a_zip } = props;
  const find = (each) => element.querySelector(each);
  const list = find("ul");
  const words = find(".words");
  const tiles = new Map();
  const shelf = emptyShelf();
  const chosen = new Set();
  let view = EVERYTHING;
  let current = null; // the one that the Tab key leads to
  let on_stage = null;
  let anchor = null; // where a choice of several begins
  let seen = performance.now();

  const rowOf = (id) => shelf.known.get(id);
  const picture = (id) => tiles.get(id)?.querySelector(".tile");
  const ids = () => [...list.children].map((item) => item.dataset.job);

  // What is pressed

  // What comes of it stands on the stage, or in the form.
  function ask(name, row) {
    document.dispatchEvent(new CustomEvent("show-view", { detail: "shot" }));
    trigger(name, { job: row.id });
  }
  function show(name, row) {
    unhide(row.batch);
    ask(name, row);
  }
  const acts = {
    select: (row) => show("select", row),
    retry: (row) => (!row.ask || confirm(row.ask)) && show("retry", row),
    edit: (row) => ask("edit", row),
    input: (row) => ask("input", row),
    frame(row) {
      document.dispatchEvent(new CustomEvent("show-view", { detail: "shot" }));
      offerPicture({ job: row.id });
    },
    star(row) {
      row.starred = !row.starred;
      trigger("star", { job: row.id, starred: row.starred });
      paint();
    },
    compare(row) {
      const detail = { job: row.id, name: row.name, button: picture(row.id) };
      if (row.clip) document.dispatchEvent(new CustomEvent("pick", { detail }));
    },
    choose(row) {
      if (!chosen.delete(row.id)) chosen.add(row.id);
      anchor = row.id;
      paint();
    },
    delete: (row) => remove([row]),
  };
  function remove(rows) {
    const over = rows.filter((row) => !row.running);
    const [row] = over;
    if (!row) return;
    const one = row.clip || row.kept ? texts.delete_clip : texts.delete_entry;
    const ask = over.length > 1 ? texts.delete_several.replace("{}", over.length) : one;
    if (!confirm(ask)) return;
    for (const each of over) chosen.delete(each.id);
    trigger("delete", { chosen: over.map((each) => each.id) });
    paint();
  }
  const menu = menuOf(find(".menu"), { act: (name, id) => acts[name](rowOf(id)), texts });
  function openMenu(id, from) {
    menu.open(tiles.get(id), { ...rowOf(id), isChosen: chosen.has(id) }, from);
  }
  function press(id, event) {
    const one_more = event.ctrlKey || event.metaKey;
    if (event.shiftKey) for (const each of between(ids(), anchor, id)) chosen.add(each);
    else if (one_more) acts.choose(rowOf(id));
    else acts.select(rowOf(id));
    anchor = id;
    paint();
  }

  // Several at once

  const chosenRows = () => [...chosen].map(rowOf).filter(Boolean);
  const severally = {
    zip() {
      const files = chosenRows().map((row) => row.zip);
      const link = document.createElement("a");
      link.href = `clips.zip?${files.filter(Boolean).join(",")}`;
      link.download = "";
      link.click();
    },
    compare() {
      document.dispatchEvent(new CustomEvent("unpick"));
      for (const row of chosenRows()) acts.compare(row);
      severally.clear();
    },
    delete: () => remove(chosenRows()),
    clear() {
      chosen.clear();
      paint();
      picture(current)?.focus();
    },
  };
  for (const button of find(".chosen").querySelectorAll("button"))
    button.addEventListener("click", severally[button.dataset.name]);
  function paintChosen() {
    const rows = chosenRows();
    const clips = rows.filter((row) => row.clip).length;
    const files = rows.filter((row) => row.zip).length;
    const button = (name) => find(`.chosen [data-name="${name}"]`);
    find(".chosen").hidden = rows.length === 0;
    find(".how-many").textContent = rows.length ? texts.chosen.replace("{}", rows.length) : "";
    button("zip").disabled = files === 0 || files > most_in_a_zip;
    button("zip").title =
      files > most_in_a_zip ? texts.most_in_a_zip.replace("{}", most_in_a_zip) : "";
    button("compare").disabled = clips !== 2 || rows.length !== 2;
    button("delete").disabled = rows.every((row) => row.running);
  }

  list.addEventListener("dragstart", (event) => {
    const { row } = event.target.closest("li") || {};
    if (row?.clip) event.dataTransfer.setData(JOB, row.id);
    else event.preventDefault();
  });

  // Keys, with a picture in focus

  function moveTo(id) {
    if (!id) return;
    current = id;
    paintTabStop();
    picture(id).focus();
  }
  function neighbour(id, step) {
    const all = ids();
    return all[all.indexOf(id) + step];
  }
  function rowAway(id, step) {
    const here = tiles.get(id);
    const column = [...list.children].filter((each) => each.offsetLeft === here.offsetLeft);
    return column[column.indexOf(here) + step]?.dataset.job;
  }
  const moves = {
    ArrowRight: (id) => neighbour(id, 1),
    ArrowLeft: (id) => neighbour(id, -1),
    ArrowDown: (id) => rowAway(id, 1),
    ArrowUp: (id) => rowAway(id, -1),
    Home: () => ids()[0],
    End: () => ids().at(-1),
  };
  const keys = { " ": "choose", s: "star", c: "compare", Delete: "delete" };
  list.addEventListener("keydown", (event) => {
    const id = event.target.matches(".tile") && event.target.closest("li").dataset.job;
    if (!id || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (moves[key]) moveTo(moves[key](id));
    else if (keys[key]) acts[keys[key]](rowOf(id));
    else if (key === "Escape" && chosen.size) severally.clear();
    else return;
    event.preventDefault();
  });
  // Firefox presses a button as the space bar is let go.
  list.addEventListener("keyup", (event) => {
    if (event.key === " " && event.target.matches(".tile")) event.preventDefault();
  });
  list.addEventListener("focusin", (event) => {
    current = event.target.closest("li").dataset.job;
    paintTabStop();
  });
  list.addEventListener("contextmenu", (event) => {
    const item = event.target.closest("li");
    if (!item) return;
    event.preventDefault();
    openMenu(item.dataset.job, picture(item.dataset.job));
  });

  // What is sought

  let typed;
  function look_for(changes) {
    view = { ...view, ...changes };
    clearTimeout(typed);
    if (!isAnswered(shelf, view)) trigger("find", { ...view, older_than: null });
    paint();
  }
  words.addEventListener("input", () => {
    clearTimeout(typed);
    typed = setTimeout(() => look_for({ words: words.value.trim() }), TYPED);
  });
  find(".only").addEventListener("change", (event) => look_for({ only: event.target.value }));
  find(".older").addEventListener("click", () => {
    trigger("find", { ...view, older_than: olderThan(shelf, view) });
  });
  document.addEventListener("clips-found", (event) => {
    const had = ids().length;
    const asked = document.activeElement === find(".older");
    takeFound(shelf, event.detail);
    paint();
    if (asked) picture(ids()[had])?.focus();
  });

  // What is seen

  function tileOf(row) {
    if (!tiles.has(row.id)) {
      const { id } = row;
      const pressed = {
        press: (event) => press(id, event),
        star: () => acts.star(rowOf(id)),
        openMenu: (event) => openMenu(id, event.currentTarget),
      };
      tiles.set(id, makeTile(id, pressed, texts));
    }
    return tiles.get(row.id);
  }
  function paintTiles(groups) {
    let tint = 0;
    return groups.flatMap((takes) => {
      const several = takes.length > 1 || takes[0].take > 1;
      const group = { several, tint: takes.length > 1 ? (tint++ % 2) + 1 : 0 };
      return takes.map((row) => {
        const item = tileOf(row);
        const state = { group, isChosen: chosen.has(row.id), onStage: row.id === on_stage };
        fillTile(item, row, state, texts);
        return item;
      });
    });
  }
  // The strip is one stop of the Tab key, and the actions of that clip one more.
  function paintTabStop() {
    if (!tiles.get(current)?.isConnected)
      current = ids().find((id) => tiles.get(id).dataset.shown === "true") || ids()[0];
    for (const item of list.children)
      for (const button of item.querySelectorAll(".tile, .more"))
        button.tabIndex = item.dataset.job === current ? 0 : -1;
  }
  function paint() {
    const { counts = {}, room = "" } = props.value || {};
    const focused = list.contains(document.activeElement) ? document.activeElement : null;
    const place = [...list.children].findIndex((item) => item.contains(focused));
    const rows = shown(shelf, view);
    arrange(list, paintTiles(inGroups(rows)));
    for (const [id, item] of tiles) if (!item.isConnected) tiles.delete(id);
    for (const id of chosen) if (!rowOf(id)) chosen.delete(id);
    if (place >= 0 && !focused.isConnected) moveTo(ids()[place] || ids().at(-1));
    else focused?.focus({ preventScroll: true }); // what was moved has lost it
    paintTabStop();
    paintChosen();
    const sought = view.only !== "all" || view.words !== "";
    find(".none").hidden = rows.length > 0;
    find(".none").textContent = sought ? texts.nothing_found : texts.none;
    find(".room").textContent = counts.all ? room : "";
    find("search").hidden = !counts.all;
    find(".count").textContent = counts.running || "";
    find(".older").hidden = !olderThan(shelf, view);
    if (menu.job())
      menu.refresh(rowOf(menu.job()) && { ...rowOf(menu.job()), isChosen: chosen.has(menu.job()) });
    document.dispatchEvent(new CustomEvent("clips-counted", { detail: counts.all }));
    tick();
  }
  function tick() {
    const passed = (performance.now() - seen) / 1000;
    for (const item of list.children) tickTile(item, passed);
  }
  // Who does not see the pictures hears which clip is over.
  function announce(rows) {
    const over = rows.filter((row) => !row.running && rowOf(row.id)?.running);
    if (over.length)
      find(".news").textContent = over.map((row) => `${row.title}: ${row.name}`).join(". ");
  }
  function take() {
    seen = performance.now();
    if (props.value?.rows) {
      announce(props.value.rows);
      takeNewest(shelf, props.value);
      if (!isAnswered(shelf, view)) trigger("find", { ...view, older_than: null });
    }
    paint();
  }
  previewIn(list);
  onShown((value) => {
    const changed = on_stage !== value.job;
    on_stage = value.job;
    if (changed) paint();
  });
  watch("value", take);
  take();
  setInterval(tick, 1000);

  // Another tab, a phone or the server may have gone on meanwhile.
  function look() {
    if (!document.hidden) trigger("focus");
  }
  document.addEventListener("visibilitychange", look);
  // What the card does not follow goes on, too.
  setInterval(() => {
    if ([...shelf.known.values()].some((row) => row.kind === "running")) look();
  }, 10_000);
}
