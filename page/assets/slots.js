import { make, makeButton } from "./elements.js";
import { onFormValues } from "./form_values.js";
import { filledIn, inputsIn, inTheWay } from "./models.js";
import { isPicture, JOB, onPicture, onPictureCame, onPressWaits } from "./picture_news.js";
import { picturePreview } from "./picture_route.js";
import { pictureShapes } from "./picture_shapes.js";
import { isAway, onServer } from "./server_away.js";
import {
  areWords,
  insteadOfOthers,
  REFERENCES,
  slotFor,
  withoutPicture,
  withPicture,
} from "./slot_inputs.js";

const CLIP = "video_url";
const KEEPS_STILL = 400; // milliseconds after the last change of shape

export function mount({ element, props, watch, trigger }) {
  const { slots, header, texts, in_a_sentence, fields } = props;
  const table = JSON.parse(props.table);
  const find = (selector) => element.querySelector(selector);
  const slotOf = (field) => find(`[data-slot="${field}"]`);
  const nameOf = (field) => slots.find((slot) => slot.field === field).name;
  const shapes = pictureShapes(props);
  const drawn = new Map(); // what stands in each slot
  const previews = new Map();
  let inputs = inputsIn(props.value);
  let form = {};
  let wanted; // the slot that a file is chosen for
  let settling;
  let unsettled = false; // a shape was chosen that the pictures do not have yet
  let sending = 0; // files, frames that are asked for, and a shape that is still being chosen
  let asked = false;
  let came; // when the last frame did

  const shape = () => ({ aspect_ratio: form.aspect_ratio, resolution: form.resolution });
  const namesIn = (field) => [inputs[field] || []].flat();
  const mostReferences = () => table.models[form.model]?.references || 3;

  function say(text, wrong = false) {
    find(".said").textContent = text;
    find(".said").classList.toggle("wrong", wrong);
  }
  function keep(changed) {
    inputs = changed;
    props.value = filledIn(JSON.stringify(inputs)).length ? JSON.stringify(inputs) : "";
    paint();
  }

  // Why a slot takes nothing now, in a sentence; nothing if it does.
  function whyNot(field) {
    if (field === REFERENCES && namesIn(field).length >= mostReferences())
      return texts.full.replace("{most}", mostReferences());
    const other = inTheWay(table, inputs, field);
    if (!other) return "";
    return texts.not_with.replace("{slot}", nameOf(field)).replace("{other}", in_a_sentence[other]);
  }

  // What a slot looks like

  function picture(name) {
    const image = make("img");
    image.alt = "";
    image.hidden = !previews.get(name);
    if (previews.get(name)) image.src = previews.get(name);
    else preview(name);
    return image;
  }
  async function preview(name) {
    if (previews.has(name) || !name.startsWith("picture:")) return;
    previews.set(name, "");
    try {
      const found = await picturePreview(header, name);
      if (found) previews.set(name, found);
      else forget(name);
      paint();
    } catch {
      previews.delete(name); // it may be there all the same
    }
  }
  function forget(name) {
    for (const { field } of slots)
      if (namesIn(field).includes(name)) keep(withoutPicture(inputs, field, name));
    say(texts.gone, true);
  }
  function removeButton(field, name) {
    const made = makeButton("remove", "", () => {
      say("");
      keep(withoutPicture(inputs, field, name));
      slotOf(field).querySelector(".fill").focus();
    });
    made.setAttribute("aria-label", texts.remove.replace("{name}", nameOf(field)));
    if (field === REFERENCES) made.append(picture(name));
    else made.textContent = "✕";
    return made;
  }
  function paintSlot(field) {
    const slot = slotOf(field);
    const names = namesIn(field);
    const fill = slot.querySelector(".fill");
    const many = field === REFERENCES;
    const why = whyNot(field);
    const counted = texts.count
      .replace("{name}", nameOf(field))
      .replace("{count}", names.length)
      .replace("{most}", mostReferences());
    fill.querySelector(".name").textContent = many ? counted : nameOf(field);
    slot.classList.toggle("filled", names.length > 0);
    slot.classList.toggle("locked", field === CLIP);
    slot.hidden = field === CLIP ? !names.length : Boolean(inputs[CLIP]);
    fill.setAttribute("aria-disabled", Boolean(why) || field === CLIP);
    fill.title = why;
    const replaces = names.length && !many && field !== CLIP;
    if (replaces) fill.setAttribute("aria-label", texts.replace.replace("{name}", nameOf(field)));
    else fill.removeAttribute("aria-label");
    // Whoever is at a button, or hears of it, keeps it.
    const stands = JSON.stringify(names.map((name) => [name, previews.get(name)]));
    if (drawn.get(field) === stands) return;
    drawn.set(field, stands);
    const held = [...slot.querySelectorAll(".remove")].indexOf(document.activeElement);
    for (const old of slot.querySelectorAll(".remove, img")) old.remove();
    if (many) slot.prepend(...names.map((name) => removeButton(field, name)));
    else if (names.length) slot.append(removeButton(field, names[0]));
    if (!many && names.length && field !== CLIP) {
      fill.prepend(picture(names[0]));
      const large = picture(names[0]);
      large.className = "large";
      slot.append(large);
    }
    slot.querySelectorAll(".remove")[held]?.focus();
  }
  function paint() {
    for (const { field } of slots) paintSlot(field);
    if (inputs.last_image_url && !inputs.image_url) say(texts.needs_first);
    else if (find(".said").textContent === texts.needs_first) say("");
  }

  // Sending

  // A press waits for all of them.
  function count(more) {
    sending += more;
    if (sending) document.documentElement.dataset.sending = "";
    else delete document.documentElement.dataset.sending;
  }
  async function whileSending(field, work) {
    count(1);
    slotOf(field).classList.add("busy");
    say(texts.sending);
    try {
      await work();
      say("");
      paint();
    } catch (error) {
      say(error.message || texts.unsent, true);
    } finally {
      count(-1);
      slotOf(field).classList.remove("busy");
    }
  }
  function shown({ name, cut }) {
    if (cut) previews.set(name, URL.createObjectURL(cut));
    return name;
  }
  async function take(field, files) {
    for (const file of field === REFERENCES ? files : files.slice(0, 1)) {
      const why = whyNot(field);
      if (why) return say(why, true);
      await whileSending(field, async () => {
        const name = shown(await shapes.send(file, shape(), field === REFERENCES));
        if (!namesIn(field).includes(name)) keep(withPicture(inputs, field, name));
      });
    }
  }
  // Another shape of the film is another picture.
  const framed = () =>
    ["image_url", "last_image_url"].filter((field) => inputs[field]?.startsWith("picture:"));
  const toFollow = () => framed().filter((field) => shapes.isOther(inputs[field], shape()));
  function follow() {
    for (const field of framed()) shapes.know(inputs[field], shape());
    for (const field of toFollow()) {
      const name = inputs[field];
      whileSending(field, async () => {
        const other = shown(await shapes.again(name, shape()));
        if (inputs[field] === name && !shapes.isOther(other, shape()))
          keep({ ...inputs, [field]: other });
      });
    }
  }
  // A press waits from another shape's choice on, not only from the first byte that is sent.
  function settle() {
    if (!unsettled && toFollow().length) {
      unsettled = true;
      count(1);
    }
    clearTimeout(settling);
    settling = setTimeout(() => {
      follow();
      if (unsettled) count(-1);
      unsettled = false;
    }, KEEPS_STILL);
  }

  // Ways in

  const openSlot = () => slotFor(inputs, (field) => !whyNot(field));
  const slotAt = (place) => place?.closest?.("#slots [data-slot]")?.dataset.slot;
  element.addEventListener("click", ({ target }) => {
    const way = target.closest("[data-way]")?.dataset.way;
    if (way) {
      find(".ways").hidePopover();
      find(`.${way}`).click();
    }
    const fill = target.closest(".fill");
    if (!fill) return;
    wanted = slotAt(fill);
    if (wanted === CLIP) return;
    const why = whyNot(wanted);
    if (why) say(why);
    else if (matchMedia("(pointer: coarse)").matches && find(".ways").showPopover)
      find(".ways").showPopover();
    else find(".file").click();
  });
  for (const chooser of element.querySelectorAll("input"))
    chooser.addEventListener("change", () => {
      const files = [...chooser.files];
      chooser.value = "";
      if (files.length) take(wanted, files);
    });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files || [])].filter(isPicture);
    if (!files.length || areWords(event.target, event.clipboardData.types)) return;
    event.preventDefault();
    take(slotAt(document.activeElement) || openSlot(), files);
  });
  onPicture(({ files, at, ...frame }) => {
    if (files) take(slotAt(at) || openSlot(), files);
    else ask({ field: openSlot(), ...frame });
  });
  // A frame is cut on the server, which has the clip; one at a time, as Gradio drops a second.
  function ask(frame) {
    if (asked) return say(texts.wait, true);
    if (isAway()) return say(texts.unsent, true);
    asked = true;
    count(1);
    say(texts.sending);
    trigger("input", frame);
  }
  function answered({ picture, at }) {
    if (find(".said").textContent === texts.sending) say("");
    if (picture && at !== came) {
      came = at;
      put(picture);
    }
    if (asked) count(-1);
    asked = false;
  }
  onPictureCame(answered);
  onServer(() => {
    if (!isAway() || !asked) return;
    answered({}); // it went with the server
    say(texts.unsent, true);
  });
  function put({ field, name }) {
    const before = inputs;
    keep(insteadOfOthers(table, inputs, field, name));
    const other = Object.keys(before).find((each) => !inputs[each]?.length);
    if (!other) return;
    say(texts.instead.replace("{other}", in_a_sentence[other]));
    find(".said").append(
      makeButton("undo", texts.undo, () => {
        say("");
        keep(before);
        slotOf(other).querySelector(".remove").focus();
      }),
    );
  }
  element.addEventListener("dragover", (event) => {
    if (event.dataTransfer.types.includes(JOB)) event.preventDefault();
    for (const { field } of slots)
      slotOf(field).classList.toggle("taking", field === slotAt(event.target) && !whyNot(field));
  });
  const nothingOver = () => {
    for (const { field } of slots) slotOf(field).classList.remove("taking");
  };
  element.addEventListener("dragleave", nothingOver);
  element.addEventListener("drop", (event) => {
    nothingOver();
    const job = event.dataTransfer.getData(JOB);
    const field = slotAt(event.target) || openSlot();
    if (!job || field === CLIP) return;
    event.preventDefault();
    const why = whyNot(field);
    if (why) say(why, true);
    else ask({ job, field });
  });

  onPressWaits(() => say(texts.wait, true));
  onFormValues((values) => {
    const before = form.model;
    form = Object.fromEntries(fields.map((name, at) => [name, values[at]]));
    if (before !== form.model) paint();
    settle();
  });
  watch("value", () => {
    inputs = inputsIn(props.value);
    say("");
    paint();
  });
  paint();
}
