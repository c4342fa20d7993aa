import assert from "node:assert/strict";
import { test } from "node:test";
import {
  between,
  EVERYTHING,
  emptyShelf,
  inGroups,
  olderThan,
  shown,
  takeFound,
  takeNewest,
} from "../../../page/assets/strip_rows.js";

const row = (number, more = {}) => ({
  id: `id-${number}`,
  created: number,
  name: `clip ${number}`,
  kind: "done",
  starred: false,
  batch: `id-${number}`,
  take: 1,
  ...more,
});
const from_to = (newest, oldest, more) =>
  Array.from({ length: newest - oldest + 1 }, (_, at) => row(newest - at, more));
const numbers = (rows) => rows.map((each) => each.created);
const page = (rows, more, gone = []) => ({ rows, more, gone });
const found = (rows, more, view, older_than = null) => ({ rows, more, ...view, older_than });

test("a page of all there is has no older ones", () => {
  const shelf = emptyShelf();
  takeNewest(shelf, page(from_to(3, 1), false));
  assert.deepEqual(numbers(shown(shelf, EVERYTHING)), [3, 2, 1]);
  assert.equal(olderThan(shelf, EVERYTHING), null);
});

test("older ones come page by page, and stay while new ones come", () => {
  const shelf = emptyShelf();
  takeNewest(shelf, page(from_to(9, 7), true));
  assert.deepEqual(olderThan(shelf, EVERYTHING), [7, "id-7"]);
  takeFound(shelf, found(from_to(6, 4), true, EVERYTHING, [7, "id-7"]));
  takeNewest(shelf, page(from_to(10, 8), true));
  assert.deepEqual(numbers(shown(shelf, EVERYTHING)), [10, 9, 8, 7, 6, 5, 4]);
  takeFound(shelf, found(from_to(3, 1), false, EVERYTHING, [4, "id-4"]));
  assert.equal(olderThan(shelf, EVERYTHING), null);
  assert.equal(shown(shelf, EVERYTHING).length, 10);
});

test("what is not in the newest page any more, and was, is gone", () => {
  const shelf = emptyShelf();
  takeNewest(shelf, page(from_to(5, 1), false));
  takeNewest(shelf, page([row(5), row(2)], false));
  assert.deepEqual(numbers(shown(shelf, EVERYTHING)), [5, 2]);
});

test("an older one that was deleted is gone, too", () => {
  const shelf = emptyShelf();
  takeNewest(shelf, page(from_to(9, 7), true));
  takeFound(shelf, found(from_to(6, 4), true, EVERYTHING, [7, "id-7"]));
  takeNewest(shelf, page(from_to(9, 7), true, ["id-5"]));
  assert.deepEqual(numbers(shown(shelf, EVERYTHING)), [9, 8, 7, 6, 4]);
});

test("where so many are new that some are unknown, nothing is shown beyond the gap", () => {
  const shelf = emptyShelf();
  takeNewest(shelf, page(from_to(5, 3), true));
  takeNewest(shelf, page(from_to(99, 97), true));
  assert.deepEqual(numbers(shown(shelf, EVERYTHING)), [99, 98, 97]);
  assert.deepEqual(olderThan(shelf, EVERYTHING), [97, "id-97"]);
});

test("what was found far back does not stand among the newest", () => {
  const shelf = emptyShelf();
  const starred = { only: "starred", words: "" };
  takeNewest(shelf, page(from_to(9, 7), true));
  takeFound(shelf, found([row(2, { starred: true })], false, starred));
  assert.deepEqual(numbers(shown(shelf, EVERYTHING)), [9, 8, 7]);
  assert.deepEqual(numbers(shown(shelf, starred)), [2]);
  assert.equal(olderThan(shelf, starred), null);
});

test("a filter shows what it fits of what is known, before it is answered", () => {
  const shelf = emptyShelf();
  takeNewest(shelf, page([row(3, { kind: "failed" }), row(2, { starred: true }), row(1)], true));
  assert.deepEqual(numbers(shown(shelf, { only: "failed", words: "" })), [3]);
  assert.deepEqual(numbers(shown(shelf, { only: "starred", words: "CLIP" })), [2]);
  assert.deepEqual(numbers(shown(shelf, { only: "all", words: "clip  1" })), [1]);
});

test("a clip without its star leaves the starred ones", () => {
  const shelf = emptyShelf();
  const starred = { only: "starred", words: "" };
  takeNewest(shelf, page([row(1, { starred: true })], false));
  takeFound(shelf, found([row(1, { starred: true })], false, starred));
  takeNewest(shelf, page([row(1)], false));
  assert.deepEqual(shown(shelf, starred), []);
});

test("the server knows better which words are in a prompt", () => {
  const shelf = emptyShelf();
  const sought = { only: "all", words: "ıstanbul" };
  takeNewest(shelf, page([row(2)], true));
  takeFound(shelf, found([row(1, { name: "İSTANBUL" })], false, sought));
  assert.deepEqual(numbers(shown(shelf, sought)), [1]);
});

test("takes of one press stand together, the first one first", () => {
  const takes = [row(5), row(4, { batch: "b", take: 3 }), row(3, { batch: "b", take: 2 }), row(2)];
  takes.push(row(1, { id: "b", batch: "b" }));
  const groups = inGroups(takes);
  assert.deepEqual(
    groups.map((group) => group.map((each) => each.take)),
    [[1], [1, 2, 3], [1]],
  );
});

test("a choice reaches from one to the other, either way", () => {
  const ids = ["a", "b", "c", "d"];
  assert.deepEqual(between(ids, "b", "d"), ["b", "c", "d"]);
  assert.deepEqual(between(ids, "d", "b"), ["b", "c", "d"]);
  assert.deepEqual(between(ids, null, "c"), ["c"]);
});
