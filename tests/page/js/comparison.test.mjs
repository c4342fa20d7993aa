import assert from "node:assert/strict";
import { test } from "node:test";
import { pickTwo } from "../../../page/assets/comparison.js";

const FIRST = { job: "a", name: "A fox" };
const SECOND = { job: "b", name: "A hare" };

test("the first pick waits for a second", () => {
  assert.deepEqual(pickTwo(null, FIRST), { picked: FIRST, jobs: null });
});

test("two picks are compared in their order, and neither stays picked", () => {
  assert.deepEqual(pickTwo(FIRST, SECOND), { picked: null, jobs: ["a", "b"] });
  assert.deepEqual(pickTwo(SECOND, FIRST), { picked: null, jobs: ["b", "a"] });
});

test("the same clip once more is no pick any longer", () => {
  assert.deepEqual(pickTwo(FIRST, { ...FIRST }), { picked: null, jobs: null });
});
