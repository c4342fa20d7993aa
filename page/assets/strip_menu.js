import { copyAndSay } from "./copying.js";
import { label, make, makeButton } from "./elements.js";

// What a clip is, and all that can be done with it, beside its picture.  The browser closes it at
// Escape and at a click elsewhere, and gives the focus back.
export function menuOf(menu, { act, texts }) {
  let opener = null;
  let beside = null;
  // Older browsers know no popovers: there it is open while something is in it.
  const isOpen = () => (menu.popover ? menu.matches(":popover-open") : menu.hasChildNodes());
  // Each list tells anew how long it has been made, which is not said here.
  const toldOf = (row) => JSON.stringify({ ...row, elapsed: 0, expected: 0 });

  function button(row, name, text, press) {
    const made = makeButton("", "", press);
    made.dataset.name = name;
    label(made, text, row.name);
    return made;
  }
  const action = (row, name, text) =>
    button(row, name, text, () => {
      close();
      act(name, row.id);
    });
  function link(row, name, text, address, file) {
    const made = make("a");
    made.href = address;
    made.download = file;
    made.dataset.name = name;
    label(made, text, row.name);
    return made;
  }
  function copyPrompt(row) {
    const say = (text) => label(made, text, row.name);
    const made = button(row, "copy", texts.copy, () => copyAndSay(row.name, texts, say));
    return made;
  }
  function compare(row) {
    const made = action(row, "compare", texts.compare);
    made.setAttribute("aria-pressed", document.body.dataset.picked === row.id);
    return made;
  }
  function actionsOf(row) {
    return [
      action(row, "select", row.clip ? texts.play : texts.show),
      (row.clip || row.kept) &&
        link(row, "download", texts.download, row.clip || row.kept, row.file),
      row.note && link(row, "json", "JSON", row.note, row.file.replace(/mp4$/, "json")),
      row.again && action(row, "retry", row.again),
      row.settings && action(row, "edit", texts.use_settings),
      row.seed && action(row, "input", texts.use_seed),
      action(row, "star", row.starred ? texts.unstar : texts.star),
      row.clip && action(row, "frame", texts.use_frame),
      row.clip && compare(row),
      row.settings && copyPrompt(row),
      action(row, "choose", row.isChosen ? texts.unchoose : texts.choose),
      !row.running && action(row, "delete", texts.delete),
    ].filter(Boolean);
  }
  function fill(row) {
    const when = new Date(row.created * 1000).toLocaleString([], {
      dateStyle: "medium",
      timeStyle: "short",
    });
    const facts = [when, row.cost, row.seed].filter(Boolean).join(" · ");
    const prompt = make("p", "prompt", row.name);
    prompt.dir = "auto";
    const actions = make("div", "actions");
    actions.append(...actionsOf(row));
    menu.replaceChildren(make("p", "title", row.title));
    if (row.why) menu.append(make("p", "why", row.why));
    menu.append(prompt, make("p", "facts", facts), actions);
    menu.dataset.job = row.id;
    menu.dataset.row = toldOf(row);
    menu.setAttribute("aria-label", row.name);
  }
  // Beside the picture, where there is room; a phone has it at the lower edge.  The composer stays in
  // use, so it ends above that.
  function place() {
    const at = beside.getBoundingClientRect();
    const composer = document.getElementById("composer").getBoundingClientRect();
    const end = composer.height ? Math.min(innerHeight, composer.top) : innerHeight;
    menu.style.setProperty("--below", `${innerHeight - end}px`);
    const { offsetWidth: width, offsetHeight: height } = menu;
    const left = at.left > width + 16 ? at.left - width - 8 : at.right + 8;
    menu.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
    menu.style.top = `${Math.max(8, Math.min(at.top, end - height - 8))}px`;
  }
  window.addEventListener("resize", () => isOpen() && place());
  function open(item, row, from) {
    opener = from;
    beside = item;
    fill(row);
    if (menu.popover && !isOpen()) menu.showPopover();
    place();
    menu.querySelector("button, a").focus();
  }
  function close() {
    if (!isOpen()) return;
    if (menu.popover) menu.hidePopover();
    else menu.replaceChildren();
    opener?.focus({ preventScroll: true });
  }
  if (!menu.popover)
    document.addEventListener("click", ({ target }) => {
      if (target !== opener && !menu.contains(target)) close();
    });
  // Of what is shown, some may have changed meanwhile.
  function refresh(row) {
    if (!isOpen()) return;
    if (!row) close();
    else if (menu.dataset.row !== toldOf(row)) {
      const { name } = document.activeElement.dataset;
      const had = menu.contains(document.activeElement);
      fill(row);
      place();
      const like = menu.querySelector(`[data-name="${name}"]`) || menu.querySelector("button");
      if (had) like.focus();
    }
  }
  return { open, close, refresh, job: () => isOpen() && menu.dataset.job };
}
