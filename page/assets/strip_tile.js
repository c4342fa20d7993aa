import { clock } from "./clock.js";
import { make, makeButton } from "./elements.js";
import { shareMade } from "./share.js";

// A clip's picture, and on it what is to be known at a glance.  It is made once and then only
// changed: what has the focus keeps it while others arrive.
export function makeTile(id, { press, star, openMenu }, texts) {
  const item = make("li");
  item.dataset.job = id;
  item.draggable = true; // into a slot of the form
  const picture = makeButton("tile", "", press);
  picture.setAttribute("aria-keyshortcuts", "Enter Space S C Delete");
  const image = make("img");
  image.alt = "";
  image.draggable = false;
  image.loading = "lazy";
  image.decoding = "async";
  const says = make("span", "says");
  const time = make("span", "clock");
  time.setAttribute("aria-hidden", "true");
  says.append(make("span", "what"), time);
  const prompt = make("span", "prompt unseen");
  prompt.dir = "auto";
  picture.append(image, make("span", "state unseen"), says, prompt, make("span", "bar"));
  const mark = makeButton("star", "★", star);
  const more = makeButton("more", "⋯", openMenu);
  for (const button of [mark, more]) button.tabIndex = -1;
  more.setAttribute("aria-haspopup", "dialog");
  more.title = texts.more;
  item.append(picture, mark, more);
  return item;
}

function set(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

export function fillTile(item, row, { group, isChosen, onStage }, texts) {
  const [picture, mark, more] = item.children;
  const [image] = picture.children;
  item.row = row;
  item.dataset.state = row.state;
  item.dataset.kind = row.kind;
  item.dataset.shown = onStage;
  item.dataset.group = group.tint;
  if (group.several) item.dataset.take = row.take;
  else delete item.dataset.take;
  set(picture, "aria-current", onStage);
  set(picture, "aria-pressed", isChosen);
  if (image.getAttribute("src") !== row.poster && row.poster) image.src = row.poster;
  image.hidden = !row.poster;
  const take = group.several ? texts.take.replace("{number}", row.take) : "";
  const what = [take, row.short].filter(Boolean).join(" · ");
  const said = { state: row.title, what, prompt: row.name };
  for (const [name, text] of Object.entries(said)) {
    const span = picture.querySelector(`.${name}`);
    if (span.textContent !== text) span.textContent = text;
  }
  picture.title = row.name;
  set(mark, "aria-pressed", row.starred);
  set(mark, "aria-label", `${row.starred ? texts.unstar : texts.star}: ${row.name}`);
  set(more, "aria-label", `${texts.more}: ${row.name}`);
}

// Of what is made now: how long already, and about how far.
export function tickTile(item, passed) {
  const { row } = item;
  const bar = item.querySelector(".bar");
  if (bar.hidden && !row.running) return;
  const elapsed = row.elapsed + passed;
  const before = item.querySelector(".what").textContent ? " · " : "";
  const time = row.running && !row.short ? before + clock(elapsed) : "";
  item.querySelector(".clock").textContent = time;
  bar.hidden = !row.running;
  bar.style.width = `${(100 * shareMade(row, elapsed)).toFixed(1)}%`;
}
