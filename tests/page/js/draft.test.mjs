import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { makeDraft } from "../../../page/assets/draft.js";
import { keepDraft, keptDraft } from "../../../page/assets/draft_storage.js";

afterEach(() => {
  delete globalThis.localStorage;
});

test("what is typed comes back when an example takes its place", () => {
  const draft = makeDraft("");
  draft.typed("My own words");
  assert.ok(draft.isReplacedBy("Waves roll"));
  assert.equal(draft.undo(), "My own words");
  assert.ok(draft.isReplacedBy("Embers rise")); // and again
  assert.ok(!draft.isReplacedBy("Waves roll")); // nobody's words
  assert.equal(draft.undo(), "My own words");
});

test("what was there from the start is theirs, too", () => {
  const draft = makeDraft("Half a thought");
  assert.ok(draft.isReplacedBy("Waves roll"));
  assert.equal(draft.undo(), "Half a thought");
});

test("an example in the place of another, or of nothing, is no loss", () => {
  const draft = makeDraft("");
  assert.ok(!draft.isReplacedBy("Waves roll"));
  assert.ok(!draft.isReplacedBy("Embers rise"));
});

test("words that are all still there are not lost", () => {
  const draft = makeDraft("Shot on film. ");
  assert.ok(!draft.isReplacedBy("Shot on film."));
  assert.ok(!draft.isReplacedBy("Shot on film. An old fisherman."));
  assert.ok(draft.isReplacedBy("Waves roll"));
  assert.equal(draft.undo(), "Shot on film. An old fisherman.");
});

test("what the help puts into an empty prompt is theirs", () => {
  const draft = makeDraft("");
  draft.helping();
  assert.ok(!draft.isReplacedBy("An old fisherman."));
  assert.ok(draft.isReplacedBy("Waves roll"));
  assert.ok(!draft.isReplacedBy("Embers rise")); // that was no help
  assert.ok(!draft.isReplacedBy("A cyclist"));
  assert.equal(draft.undo(), "An old fisherman.");
});

test("a draft is kept where the browser keeps anything", () => {
  const kept = new Map();
  globalThis.localStorage = {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, text) => kept.set(key, text),
  };
  assert.equal(keptDraft(), "");
  keepDraft("Half a thought");
  assert.equal(keptDraft(), "Half a thought");
  assert.deepEqual([...kept.keys()], ["veo-draft"]);
});

test("where storage is forbidden there is no draft, and no error", () => {
  Object.defineProperty(globalThis, "localStorage", {
    configurable: true,
    get() {
      throw new Error("forbidden");
    },
  });
  keepDraft("Half a thought");
  assert.equal(keptDraft(), "");
});
