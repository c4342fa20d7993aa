import assert from "node:assert/strict";
import { test } from "node:test";
import { shareMade } from "../../../page/assets/share.js";

test("what is made is never full before its time", () => {
  assert.equal(shareMade({ expected: 10 }, 0), 0);
  assert.ok(shareMade({ expected: 10 }, 1000) <= 0.9);
  assert.equal(shareMade({ expected: 0 }, 5), 0);
});
