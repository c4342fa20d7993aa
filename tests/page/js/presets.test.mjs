import assert from "node:assert/strict";
import { test } from "node:test";
import { presetsIn } from "../../../page/assets/presets.js";

const KEPT = [
  { name: "Night", settings: { prompt: "Waves" } },
  { name: "Day", settings: {} },
];

test("presets come back as they were kept, and no more than there is room for", () => {
  assert.deepEqual(presetsIn(JSON.stringify(KEPT), 30), KEPT);
  assert.deepEqual(presetsIn(JSON.stringify(KEPT), 1), KEPT.slice(0, 1));
});

test("what is no preset is left out", () => {
  const forged = [null, 7, "Night", { name: 1, settings: {} }, { name: "Night" }, KEPT[0]];
  assert.deepEqual(presetsIn(JSON.stringify(forged), 30), [KEPT[0]]);
  for (const stored of [null, "", "{", "{}", "null", "7"])
    assert.deepEqual(presetsIn(stored, 30), []);
});
