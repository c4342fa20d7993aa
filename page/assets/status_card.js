import { tellTheButton } from "./card_news.js";
import {
  clockLine,
  hasEnded,
  isOutdated,
  isSlow,
  question,
  shareDone,
  tabTitle,
} from "./card_words.js";
import { chime } from "./chime.js";
import { copyAndSay } from "./copying.js";
import { makeButton } from "./elements.js";
import { hide, isHidden, unhide } from "./hidden_storage.js";
import { onePress } from "./one_press.js";
import { isAway, notedPress, notePress, onServer } from "./server_away.js";
import { tellShown } from "./stage_news.js";

// Milliseconds that a finished clip's line stays; a remark takes longer to read.
const READ = 5000;
const READ_REMARK = 15000;

// Storage may be forbidden, as in a frame; the wishes are then forgotten with the tab.
function browserStorage() {
  try {
    return window.localStorage;
  } catch {
    return {};
  }
}

// The field may be folded away, and comes a moment after it is unfolded.
function bring(place, field, tries = 20) {
  const found = document.querySelector(field);
  if (found?.offsetParent) return found.focus();
  if (tries === 20) document.querySelector(`${place} button`)?.click();
  if (tries) setTimeout(bring, 50, place, field, tries - 1);
}

export function mount({ element, props, watch, trigger }) {
  const { texts } = props;
  const find = (selector) => element.querySelector(selector);
  const kept = browserStorage();
  let value = {};
  let seen = 0;
  let titled = false;
  let leaves;

  function say(selector, text) {
    const place = find(selector);
    if (place.textContent === text) return; // what is the same is not read again
    place.textContent = text;
    if (selector === ".title") fadeIn();
  }
  function paint() {
    const passed = value.state === "running" ? (performance.now() - seen) / 1000 : 0;
    const elapsed = value.elapsed + passed;
    const generating_for = value.generating_for + passed;
    const away = isAway() && texts.away;
    find(".card").dataset.state = away ? "away" : value.state;
    const { title, happened } = away || (isSlow(value, generating_for) ? texts.slow : value);
    say(".title", title);
    say(".happened", happened);
    say(".cost", away ? "" : value.cost);
    say(".next", away ? "" : value.next);
    // What is not heard of is not counted.
    say(".clock", away ? "" : clockLine(value, elapsed, generating_for, texts));
    if (away) document.title = away.title + texts.dash + texts.title;
    if (away) return;
    find(".fill").style.width = `${100 * shareDone(value, elapsed)}%`;
    if (value.state !== "idle" || titled) document.title = tabTitle(value, elapsed, title, texts);
    titled = value.state !== "idle";
  }
  function paintLostPress() {
    say(".lost", texts.lost[notedPress()] ?? "");
  }
  onServer(() => {
    if (isAway() && press.waits()) {
      press.answered();
      notePress("uncertain");
    }
    paint();
    paintLostPress();
  });
  // The words fade in where they stand now: they do not jump there.
  function fadeIn() {
    const card = find(".card");
    card.classList.add("changes");
    requestAnimationFrame(() => requestAnimationFrame(() => card.classList.remove("changes")));
  }
  // What is said of a finished clip goes out of its way, and stands in the details.
  function paintLine(before) {
    const is_new = value.job !== before.job || value.state !== before.state;
    if (value.state === "done" && !is_new) return;
    clearTimeout(leaves);
    find(".card").classList.remove("quiet");
    if (value.state !== "done") return;
    const leave = () => find(".card").classList.add("quiet");
    leaves = setTimeout(leave, value.next ? READ_REMARK : READ);
  }
  function paintCaption() {
    for (const name of ["take", "prompt", "seed"]) say(`.${name}`, value[name]);
    say("code", value.generation_id);
    find("code").title = value.generation_id;
    find(".id").hidden = !value.generation_id;
    say(".facts", value.state === "done" ? `${value.happened} ${value.cost} ${value.next}` : "");
    find(".goes-on").hidden = value.state !== "running";
    find(".puts-away").hidden = !value.may_hide;
  }
  function unfold(opens) {
    find(".fold").setAttribute("aria-expanded", opens);
    find(".details").hidden = !opens;
  }
  function paintSteps() {
    const steps = [...element.querySelectorAll(".steps li")];
    const now = steps.findIndex((step) => step.dataset.step === value.step);
    steps.forEach((step, index) => {
      step.classList.toggle("past", index < now);
      if (index === now) step.setAttribute("aria-current", "step");
      else step.removeAttribute("aria-current");
    });
  }

  // What can be done next

  const press = onePress((waits) => {
    for (const button of element.querySelectorAll(".actions button"))
      button.setAttribute("aria-disabled", waits); // and not `disabled`: that would drop the focus
  });
  function offerActions() {
    const had_focus = find(".actions").contains(document.activeElement);
    const buttons = value.actions.map(([name, text, offer]) =>
      makeButton("", text, () => act(name, offer)),
    );
    find(".actions").replaceChildren(...buttons);
    if (had_focus) find(".card").focus({ preventScroll: true });
  }
  function act(name, offer) {
    if (name === "bring_key") return bring("#key", "#key-box input");
    if (name === "change_prompt") return bring("#prompt", "#prompt textarea");
    if (press.waits()) return;
    if (isAway()) return notePress("unsent");
    const written = document.querySelector("#prompt textarea")?.value.trim();
    const asked = question(name, value, written, texts);
    if (asked && !window.confirm(asked)) return;
    notePress("");
    unhide(put_away);
    press.begin();
    trigger("retry", { action: name, job: value.job, offer });
  }

  // What somebody wishes to be told

  // Whoever allowed notifications may forbid them later.
  function wished(name) {
    const allowed = name !== "notice" || window.Notification?.permission === "granted";
    return kept[`veo-${name}`] === "yes" && allowed;
  }
  function paintWishes() {
    find('[data-wish="notice"]').hidden = !window.Notification || kept["veo-notice"] === "never";
    for (const button of element.querySelectorAll(".wishes button"))
      button.setAttribute("aria-pressed", wished(button.dataset.wish));
  }
  async function wish(button) {
    const name = button.dataset.wish;
    const on = !wished(name);
    if (on && name === "notice" && (await Notification.requestPermission()) !== "granted") {
      button.textContent = texts.blocked;
      return;
    }
    kept[`veo-${name}`] = on ? "yes" : "no";
    if (on && name === "chime") chime(); // so that one knows what to listen for
    paintWishes();
  }
  function tell() {
    if (wished("chime")) chime();
    if (!wished("notice") || !document.hidden) return;
    try {
      // By its tag, what another tab of the same visitor says takes the place of this.
      const body = `${value.happened} ${value.cost}`;
      new Notification(value.title, { body, tag: value.click });
    } catch {
      // Chrome on Android has the permission, and no notifications for a page
      kept["veo-notice"] = "never";
      paintWishes();
    }
  }

  // What was hidden before a reload, and is shown by that, is put away again before it is seen.
  let put_away = "";
  let returns = true;
  function isPutAwayAgain(now) {
    if (!returns || !now.job) return false;
    returns = now.state === "running" && isHidden(now.click);
    if (returns && put_away !== now.click) setTimeout(trigger, 0, "stop");
    if (returns) put_away = now.click;
    return returns;
  }
  function putAway() {
    put_away = value.click;
    hide(put_away);
    trigger("stop");
  }
  function begin() {
    if (isOutdated(props.value, value) || isPutAwayAgain(props.value)) return;
    const before = value;
    value = props.value;
    seen = performance.now();
    if (value.state !== "running" || value.job !== before.job) tellTheButton();
    find(".card").dataset.state = value.state;
    tellShown(value, element.closest("#stage"));
    paintCaption();
    paintLine(before);
    paint();
    paintSteps();
    paintWishes();
    offerActions();
    press.answered();
    if (hasEnded(value, before)) tell();
  }
  watch("value", begin);
  begin();
  paintLostPress();
  setInterval(paint, 500);
  element.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.wish) wish(button);
    if (button?.matches(".puts-away")) putAway();
    if (button?.matches(".fold")) unfold(button.ariaExpanded !== "true");
    if (button?.matches(".copy"))
      copyAndSay(find("code").textContent, texts, (said) => {
        button.textContent = said;
      });
  });
}
