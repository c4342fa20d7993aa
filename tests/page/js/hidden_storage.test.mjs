import assert from "node:assert/strict";
import { test } from "node:test";
import { hide, isHidden, unhide } from "../../../page/assets/hidden_storage.js";

function keepIn(storage) {
  Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true });
}

test("the last hundred that were hidden are known", () => {
  const kept = new Map();
  keepIn({ getItem: (key) => kept.get(key) ?? null, setItem: (key, text) => kept.set(key, text) });
  assert.equal(isHidden("0"), false);
  for (let press = 0; press <= 100; press++) hide(String(press));
  hide("100");
  assert.equal(isHidden("0"), false);
  assert.equal(isHidden("1"), true);
  assert.equal(JSON.parse(kept.get("veo-hidden")).length, 100);
  unhide("50");
  assert.equal(isHidden("50"), false);
  assert.equal(JSON.parse(kept.get("veo-hidden")).length, 99);
});

test("where storage is forbidden nothing is known, and nothing breaks", () => {
  const forbid = () => {
    throw new Error("forbidden");
  };
  keepIn({ getItem: forbid, setItem: forbid });
  hide("1");
  unhide("1");
  assert.equal(isHidden("1"), false);
});
