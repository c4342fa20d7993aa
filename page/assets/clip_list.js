import { copyAndSay } from "./copying.js";
import { arrange, label, make, makeButton } from "./elements.js";
import { pickButton } from "./picking.js";

export function mount({ element, props, watch, trigger }) {
  const { texts } = props;

  function action(row, name, text, ask) {
    const button = makeButton("", "", () => {
      if (!ask || window.confirm(ask)) trigger(name, { job: row.id });
    });
    button.dataset.name = name;
    label(button, text, row.name);
    return button;
  }
  function link(row, text, address, file) {
    const made = make("a");
    made.href = address;
    made.download = file;
    made.dataset.name = text;
    label(made, text, row.name);
    return made;
  }
  function copyPrompt(row) {
    const say = (text) => label(button, text, row.name);
    const button = makeButton("", "", () => copyAndSay(row.name, texts, say));
    button.dataset.name = "copy";
    say(texts.copy);
    return button;
  }
  function poster(row) {
    const button = makeButton("poster", "", () => trigger("select", { job: row.id }));
    button.dataset.name = "select";
    button.setAttribute("aria-label", `${texts.play}: ${row.name}`);
    if (row.poster) {
      const image = make("img");
      image.src = row.poster;
      image.alt = "";
      button.append(image);
    }
    return button;
  }
  function actionsOf(row) {
    return [
      row.running && action(row, "select", texts.show),
      (row.clip || row.kept) && link(row, texts.download, row.clip || row.kept, row.file),
      row.note && link(row, "JSON", row.note, row.file.replace(/mp4$/, "json")),
      row.again && action(row, "retry", row.again, row.ask),
      row.settings && action(row, "edit", texts.use_settings),
      row.seed && action(row, "input", texts.use_seed),
      row.clip && pickButton(row.id, row.name, texts.compare),
      row.settings && copyPrompt(row),
      !row.running &&
        action(
          row,
          "delete",
          texts.delete,
          row.clip || row.kept ? texts.delete_clip : texts.delete_entry,
        ),
    ].filter(Boolean);
  }
  function show(row) {
    const item = make("li");
    item.dataset.state = row.state;
    item.dataset.job = row.id;
    item.dataset.row = JSON.stringify(row);
    if (row.clip) item.append(poster(row));
    const when = new Date(row.created * 1000).toLocaleString([], {
      dateStyle: "medium",
      timeStyle: "short",
    });
    const actions = make("div", "actions");
    actions.append(...actionsOf(row));
    const about = make("div", "about");
    about.append(
      make("p", "state", row.title),
      make("p", "prompt", row.name),
      make("p", "facts", [when, row.cost, row.seed].filter(Boolean).join(" · ")),
      actions,
    );
    item.append(about);
    return item;
  }
  // What did not change stays as it is, and the focus where it was.
  function paint() {
    const rows = props.value || [];
    const list = element.querySelector("ul");
    element.querySelector(".none").hidden = rows.length > 0;
    const there = new Map([...list.children].map((item) => [item.dataset.row, item]));
    const items = rows.map((row) => there.get(JSON.stringify(row)) || show(row));
    const focused = list.contains(document.activeElement) ? document.activeElement : null;
    const place = [...list.children].findIndex((item) => item.contains(focused));
    arrange(list, items);
    if (focused && !focused.isConnected) focusLike(focused, place);
  }
  function focusLike(control, place) {
    const items = [...element.querySelectorAll("li")];
    const { job } = control.closest("li").dataset;
    const item = items.find((each) => each.dataset.job === job) || items[place] || items.at(-1);
    const { name } = control.dataset;
    const like = item?.querySelector(`[data-name="${name}"]`) || item?.querySelector("button, a");
    like?.focus({ preventScroll: true });
  }
  watch("value", paint);
  paint();

  // Another tab, a phone or the server may have gone on meanwhile.
  function look() {
    if (!document.hidden) trigger("focus");
  }
  document.addEventListener("visibilitychange", look);
  // What the card does not follow goes on, too.
  const goes_on = (row) => row.running || row.state === "needs_key";
  setInterval(() => {
    if ((props.value || []).some(goes_on)) look();
  }, 10_000);
}
