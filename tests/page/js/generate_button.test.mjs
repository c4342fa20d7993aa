import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { tellTheButton } from "../../../page/assets/card_news.js";
import { watchGenerate } from "../../../page/assets/generate_button.js";

const BUTTON = { closest: (selector) => selector.includes("#generate") };
const ELSEWHERE = { closest: () => null };

beforeEach(() => {
  globalThis.document = new EventTarget();
  document.documentElement = { dataset: {} };
  globalThis.window = new EventTarget();
  watchGenerate();
});

function happens(type, target, more = {}) {
  const event = Object.assign(new Event(type, { cancelable: true }), more);
  Object.defineProperty(event, "target", { value: target });
  let stopped = false;
  event.stopImmediatePropagation = () => {
    stopped = true;
  };
  window.dispatchEvent(event);
  return { stopped, prevented: event.defaultPrevented };
}

function pressCounts(detail = 1) {
  return !happens("click", BUTTON, { detail }).stopped;
}

test("a second press before the answer does not count", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  assert.ok(pressCounts());
  assert.ok(!pressCounts());
  tellTheButton();
  assert.ok(pressCounts());
});

test("another form is another press", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  assert.ok(pressCounts());
  document.dispatchEvent(new Event("input"));
  assert.ok(pressCounts());
});

test("the second click of a double click never counts", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  assert.ok(pressCounts());
  tellTheButton(); // the answer was quick
  assert.ok(!pressCounts(2));
});

test("a key held down presses once, and other buttons are left alone", () => {
  assert.ok(happens("keydown", BUTTON, { repeat: true }).prevented);
  assert.ok(!happens("keydown", BUTTON, { repeat: false }).prevented);
  assert.ok(!happens("keydown", ELSEWHERE, { repeat: true }).prevented);
  assert.ok(!happens("click", ELSEWHERE, { detail: 2 }).stopped);
});

test("the shortcut presses the button once, in the composer and not in a form of its own", () => {
  let presses = 0;
  document.getElementById = () => ({ click: () => presses++ });
  const within = (...places) => ({ closest: (selector) => places.includes(selector) });
  const enter = { key: "Enter", ctrlKey: true };
  assert.ok(happens("keydown", within("#composer"), enter).prevented);
  assert.ok(happens("keydown", within("#composer"), { ...enter, repeat: true }).prevented);
  assert.equal(presses, 1);
  happens("keydown", within("#composer"), { key: "Enter", metaKey: true });
  assert.equal(presses, 2);
  for (const [target, keys] of [
    [within("#composer", "form"), enter],
    [within("#strip"), enter],
    [within("#composer"), { key: "Enter" }],
    [within("#composer"), { ...enter, isComposing: true }],
  ])
    assert.ok(!happens("keydown", target, keys).prevented);
  assert.equal(presses, 2);
});

test("a rehearsal is filmed properly once", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const properly = { closest: (selector) => selector.includes(".properly") };
  assert.ok(!happens("click", properly, { detail: 1 }).stopped);
  assert.ok(happens("click", properly, { detail: 1 }).stopped);
  tellTheButton();
  assert.ok(happens("click", properly, { detail: 2 }).stopped);
});
