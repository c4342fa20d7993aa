import { tellFormChanged } from "./form_changed.js";
import { pickButton } from "./picking.js";
import { offerPicture } from "./picture_news.js";
import { followPin } from "./pin.js";
import { onShown } from "./stage_news.js";

const SAID_FOR = 5000;

export function mount({ element, props, watch, trigger }) {
  const { texts } = props;
  const find = (selector) => element.querySelector(selector);
  let shown = {};
  let offered = "";
  let silent;
  let sends = false;

  onShown((value) => {
    find(".another").hidden = !value.prompt;
    find(".properly").hidden = !value.properly;
    find(".properly").style.visibility = "";
    find(".properly").textContent = value.properly?.said || "";
    find(".place").hidden = value.state !== "done";
    find(".go-on").hidden = value.state !== "done";
    shown = value;
    if (value.state !== "done" || value.job === offered) return;
    offered = value.job;
    find(".place").replaceChildren(pickButton(offered, value.prompt, texts.compare));
  });
  find(".properly").addEventListener("click", () => {
    // One press, one request; its place stays, or a second click would press what stands beside.
    find(".properly").style.visibility = "hidden";
    trigger("submit", { job: shown.job, offer: shown.properly.offer });
  });
  find(".another").addEventListener("click", () => {
    sends = true;
    trigger("edit", { job: shown.job });
  });
  // The next film from this one; what each way costs is asked once they are shown.
  const ways = find("#go-on");
  ways.addEventListener("beforetoggle", () => {
    const { left, top } = find(".go-on").getBoundingClientRect();
    const below = document.documentElement.clientHeight - top;
    ways.style.setProperty("--left", `${left}px`);
    ways.style.setProperty("--bottom", `${below + 6}px`);
  });
  ways.addEventListener("toggle", ({ newState }) => {
    if (newState !== "open") return;
    ways.querySelector("button").focus();
    trigger("focus");
  });
  ways.addEventListener("click", ({ target }) => {
    const way = target.closest("button")?.dataset.with;
    if (!way) return;
    ways.hidePopover?.();
    const seconds = way === "this" ? document.querySelector("#video video").currentTime : null;
    offerPicture({ job: shown.job, field: way === "clip" ? "video_url" : "image_url", seconds });
    document.querySelector("#prompt textarea").focus({ preventScroll: true });
  });
  function tellPrices(prices) {
    for (const button of ways.querySelectorAll("button"))
      button.querySelector(".price").textContent = prices[button.dataset.with] || "";
  }
  // What is folded away follows nothing meanwhile.
  element.addEventListener("click", (event) => {
    const fold = event.target.closest("[data-opens]");
    if (!fold) return;
    const opens = fold.ariaExpanded !== "true";
    fold.setAttribute("aria-expanded", opens);
    document.getElementById(fold.dataset.opens)?.toggleAttribute("data-open", opens);
    tellFormChanged();
  });
  followPin(find(".pin"));

  // Over whatever is in sight: what was pressed may stand far from the form that it changed.
  watch("value", () => {
    if (props.value?.prices) return tellPrices(props.value.prices);
    find(".toast").textContent = props.value?.said || "";
    clearTimeout(silent);
    silent = setTimeout(() => {
      find(".toast").textContent = "";
    }, SAID_FOR);
    if (sends) document.querySelector("#generate")?.focus({ preventScroll: true });
    sends = false;
  });
}
