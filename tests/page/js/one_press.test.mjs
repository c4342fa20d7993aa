import assert from "node:assert/strict";
import { test } from "node:test";
import { onePress } from "../../../page/assets/one_press.js";

test("a press waits for its answer", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const heard = [];
  const press = onePress((waits) => heard.push(waits));
  assert.equal(press.waits(), false);
  press.begin();
  assert.equal(press.waits(), true);
  t.mock.timers.tick(4999);
  assert.equal(press.waits(), true);
  press.answered();
  assert.equal(press.waits(), false);
  assert.deepEqual(heard, [true, false]);
});

test("an answer that never comes is waited for five seconds", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const heard = [];
  const press = onePress((waits) => heard.push(waits));
  press.begin();
  t.mock.timers.tick(5000);
  assert.equal(press.waits(), false);
  assert.deepEqual(heard, [true, false]);
});

test("the wait of one press does not end that of the next", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const press = onePress();
  press.begin();
  t.mock.timers.tick(3000);
  press.answered();
  press.begin();
  t.mock.timers.tick(3000);
  assert.equal(press.waits(), true);
});
