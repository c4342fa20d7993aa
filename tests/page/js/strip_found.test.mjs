import assert from "node:assert/strict";
import { test } from "node:test";
import { mount } from "../../../page/assets/strip_found.js";

test("the same answer twice is news twice", () => {
  globalThis.document = new EventTarget();
  const heard = [];
  document.addEventListener("clips-found", ({ detail }) => heard.push(detail.words));
  const props = { value: {} };
  let changed;
  mount({ props, watch: (_, told) => (changed = told) });
  // Gradio takes a value that is equal to the one there for none.
  function answer(value) {
    if (JSON.stringify(value) === JSON.stringify(props.value)) return;
    props.value = value;
    changed();
  }
  answer({ words: "fox" });
  answer({ words: "fox" });
  assert.deepEqual(heard, ["fox", "fox"]);
});
