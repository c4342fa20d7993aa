import { keepForm } from "./form_storage.js";
import { onFormValues } from "./form_values.js";
import { filledIn, makeFitting, offeredFor } from "./models.js";

export function mount({ element, props, watch, trigger }) {
  if (!("popover" in element)) element.hidden = true; // an older browser shows the widgets
  const { chips, fields, texts } = props;
  const table = JSON.parse(props.table);
  const fit = makeFitting(table);
  let named = {};
  let gone = []; // models that the service does not list any more
  const seed = element.querySelector(".seed");
  const buttons = () => [...element.querySelectorAll("button:not([hidden])")];
  const chipOf = (field) => element.querySelector(`[data-field="${field}"]`);
  const opened = (chip) => document.getElementById(chip.getAttribute("popovertarget"));
  const isOpen = (block) => Boolean(block?.popover) && block.matches(":popover-open");

  // The widgets are Gradio's, and come after the form is painted.
  function prepare(chip) {
    const block = opened(chip);
    if (block?.popover !== null || !chip.dataset.field) return;
    block.popover = "auto";
    block.addEventListener("beforetoggle", () => {
      paintChoices(chip.dataset.field);
      const { left, top } = chip.getBoundingClientRect();
      const below = document.documentElement.clientHeight - top;
      block.style.setProperty("--left", `${left}px`);
      block.style.setProperty("--bottom", `${below + 6}px`);
    });
    block.addEventListener("toggle", ({ newState }) => {
      if (newState !== "open") return;
      (block.querySelector("input:checked") || block.querySelector("input"))?.focus();
      trigger("focus", { field: chip.dataset.field });
    });
    // An arrow key clicks, too: who looks for a choice with the keys has not made it yet.
    block.addEventListener("click", (event) => {
      if (event.detail && event.target.matches(".setting:not(#takes-asked) input"))
        setTimeout(() => block.hidePopover());
    });
    block.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.target.type === "text") return;
      event.preventDefault(); // of a press on the chip, which has the focus then
      block.hidePopover();
    });
  }
  async function openOnceThere(chip) {
    while (!opened(chip)) await new Promise(requestAnimationFrame);
    prepare(chip);
    opened(chip).showPopover();
  }
  element.addEventListener("click", ({ target }) => {
    const chip = target.closest("button");
    if (chip === seed) {
      trigger("delete");
      document.querySelector("#prompt textarea").focus();
    } else if (chip?.matches(".more")) {
      if (!opened(chip)) chip.dataset.wanted = ""; // the sheet looks for it
    } else if (chip) {
      if (opened(chip)) prepare(chip);
      else openOnceThere(chip);
    }
  });

  // Tab comes by all of them but the seed, which the arrow keys reach.
  element.addEventListener("keydown", (event) => {
    const all = buttons();
    const end = all.length - 1;
    const at = all.indexOf(event.target.closest("button"));
    const next = { ArrowRight: at + 1, ArrowLeft: at + end, Home: 0, End: end };
    if (at < 0 || !(event.key in next)) return;
    event.preventDefault();
    all[next[event.key] % all.length].focus();
  });

  function paintChoices(field) {
    const { values } = chips.find((each) => each.field === field);
    const choices = table.models[named.model]?.choices[field]?.map(String);
    const offered = field === "model" ? offeredFor(table, filledIn(named.pictures)) : choices;
    const labels = opened(chipOf(field))?.querySelectorAll("label:has([type=radio])") || [];
    labels.forEach((label, at) => {
      label.hidden = Boolean(offered) && !offered.includes(values[at]);
      if (field !== "model") return;
      label.toggleAttribute("data-gone", gone.includes(values[at]));
      if ("gone" in label.dataset) label.dataset.difference = texts.gone;
    });
  }
  // Takes of a model without a seed are once more the same.
  let seedless = false;
  function vary() {
    const [[with_seeds, seed], ...others] = props.vary;
    const first = [seedless ? texts.again : with_seeds, seed];
    return { __type__: "update", choices: [first, ...others] };
  }
  // What the model does not take is out of sight, and stays as it was typed.
  function paintModel() {
    const { lacks } = table.models[named.model] || { lacks: [] };
    document.body.dataset.lacks = lacks.join(" ");
    for (const { field } of chips) {
      chipOf(field).hidden = lacks.includes(field);
      paintChoices(field);
    }
    const before = seedless;
    seedless = lacks.includes("seed");
    const fitted = fit(named, gone);
    const fits = Object.keys(fitted).every((name) => fitted[name] === named[name]);
    if (fits && seedless === before) return;
    window.veoFitted = [...Object.values(fitted), vary()];
    trigger("submit");
  }
  onFormValues((values) => {
    named = Object.fromEntries(fields.map((name, at) => [name, values[at]]));
    paintModel();
    for (const { field, name, words } of chips) {
      const said = words[String(named[field])];
      if (!said) continue;
      chipOf(field).textContent = said;
      chipOf(field).setAttribute("aria-label", `${name}: ${said}`);
    }
    seed.hidden = !named.seed || document.body.dataset.lacks.split(" ").includes("seed");
    seed.textContent = texts.seed.replace("{}", named.seed);
    seed.setAttribute("aria-label", texts.no_seed.replace("{}", named.seed));
    if ("formRestored" in document.body.dataset) keepForm(values);
    tellDifferences({});
    const chip = buttons().find((each) => each.dataset.field && isOpen(opened(each)));
    if (chip) trigger("focus", { field: chip.dataset.field });
  });

  // What another choice would cost more or less: beside it, in a place that is kept for it.
  function tellDifferences(differences) {
    for (const { field } of chips) {
      const block = opened(chipOf(field));
      const found = differences[field] || [];
      const said = block?.matches("fieldset, #takes-asked") ? found : [found.find(Boolean)];
      block
        ?.querySelectorAll("label:not([hidden]):has(input:is([type=radio], [type=checkbox]))")
        .forEach((label, at) => {
          label.dataset.difference = "gone" in label.dataset ? texts.gone : said[at] || "";
        });
    }
  }
  // Each answer is taken once, so that the same one again is news.
  watch("value", () => {
    if (!props.value) return;
    const { gone: lost, ...differences } = props.value;
    props.value = null;
    if (!lost) return tellDifferences(differences);
    gone = lost;
    paintModel();
  });
}
