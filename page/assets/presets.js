import { label, make, makeButton } from "./elements.js";

const KEY = "veo-presets";

// What a browser keeps may be old or forged: what is no preset is left out.
export function presetsIn(stored, most) {
  try {
    const isPreset = (each) =>
      each && typeof each.name === "string" && typeof each.settings === "object";
    const found = JSON.parse(stored);
    return Array.isArray(found) ? found.filter(isPreset).slice(0, most) : [];
  } catch {
    return [];
  }
}

export function mount({ element, props, watch, trigger }) {
  const { texts } = props;
  const list = element.querySelector("ul");
  const said = element.querySelector(".said");

  function kept() {
    try {
      return presetsIn(localStorage.getItem(KEY), props.most);
    } catch {
      return []; // storage is forbidden, as in a frame
    }
  }
  function keep(presets) {
    try {
      localStorage.setItem(KEY, JSON.stringify(presets));
    } catch {
      said.textContent = texts.not_kept;
    }
    paint();
  }
  function without(name) {
    return kept().filter((each) => each.name !== name);
  }
  function button(text, name, press) {
    const made = makeButton("", "", press);
    label(made, text, name);
    return made;
  }
  function row(preset) {
    const item = make("li");
    const name = make("span", "", preset.name);
    name.title = preset.name;
    const { prompt, aspect_ratio, duration, resolution } = preset.settings || {};
    const facts = [aspect_ratio, duration && `${duration} s`, resolution, prompt].filter(Boolean);
    const about = make("small", "", facts.join(" · "));
    const use = button(texts.use, preset.name, () => {
      trigger("select", preset);
      document.querySelector("#prompt").scrollIntoView({ block: "nearest" });
    });
    const remove = button(texts.delete, preset.name, () => {
      if (window.confirm(texts.delete_ask)) keep(without(preset.name));
    });
    item.append(name, use, remove, about);
    return item;
  }
  function paint() {
    list.replaceChildren(...kept().map(row));
  }
  element.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = new FormData(event.target).get("name").trim();
    const presets = kept();
    const taken = presets.some((each) => each.name === name);
    if (!name || (presets.length >= props.most && !taken))
      said.textContent = name ? texts.full : texts.unnamed;
    else if (!taken || window.confirm(texts.replace)) trigger("submit", { name });
  });
  // Each answer is taken once, so that the same one again is news.
  watch("value", () => {
    if (!props.value) return;
    const { name, settings } = props.value;
    said.textContent = props.value.said;
    props.value = null;
    if (settings) keep([{ name, settings }, ...without(name)]);
  });
  window.addEventListener("storage", (event) => {
    if (event.key === KEY) paint();
  });
  paint();
}
