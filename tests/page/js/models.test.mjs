import assert from "node:assert/strict";
import { test } from "node:test";
import { inputsIn, inTheWay, makeFitting, modelFor } from "../../../page/assets/models.js";

const WORDS = { duration: [4, 6, 8], aspect_ratio: ["16:9", "9:16"] };
const EXTEND = { duration: [7], aspect_ratio: ["auto", "16:9"] };
const of = (label, grade, choices, first) => ({ label, grade, choices, defaults: first });
const first = { duration: 8, aspect_ratio: "16:9" };
const longer = { duration: 7, aspect_ratio: "auto" };
const TABLE = {
  has_choices: ["duration", "aspect_ratio"],
  models: {
    words: of("Veo", "standard", WORDS, first),
    "words-fast": of("Veo Fast", "fast", WORDS, first),
    picture: of("Veo", "standard", WORDS, first),
    "picture-fast": of("Veo Fast", "fast", WORDS, first),
    "quick-longer": of("Other Quick", "fast", EXTEND, longer),
    longer: of("Veo", "standard", EXTEND, longer),
    references: of("Another", "standard", { duration: [8], aspect_ratio: ["16:9"] }, first),
  },
  offered: [
    [[], ["words", "words-fast"]],
    [["image_url"], ["picture", "picture-fast"]],
    [["image_url", "last_image_url"], ["picture"]],
    [["last_image_url"], ["picture"]],
    [["image_urls"], ["references"]],
    [["video_url"], ["longer", "quick-longer"]],
  ],
};

test("the model stays what it is called, else what it is for", () => {
  assert.equal(modelFor(TABLE, "words-fast", ["image_url"]), "picture-fast");
  assert.equal(modelFor(TABLE, "words-fast", ["video_url"]), "quick-longer");
  assert.equal(modelFor(TABLE, "words-fast", ["image_urls"]), "references");
  assert.equal(modelFor(TABLE, "lost", []), "words");
  assert.equal(modelFor(TABLE, "words", ["image_urls", "video_url"]), "words"); // nothing does it
});

test("a model that is gone takes no other's place while there is a choice", () => {
  assert.equal(modelFor(TABLE, "words-fast", ["image_url"], ["picture-fast"]), "picture");
  assert.equal(modelFor(TABLE, "words", [], ["words"]), "words"); // somebody's own
  assert.equal(modelFor(TABLE, "words", ["image_urls"], ["references"]), "references");
});

test("a setting that the model does not take comes back with one that does", () => {
  const fit = makeFitting(TABLE);
  const form = { pictures: "", model: "words-fast", duration: 6, aspect_ratio: "9:16" };
  assert.deepEqual(fit(form), { model: "words-fast", duration: 6, aspect_ratio: "9:16" });
  const pictures = '{"video_url":"clip:1"}';
  const goes_on = { model: "quick-longer", ...longer };
  assert.deepEqual(fit({ ...form, pictures }), goes_on);
  assert.deepEqual(fit({ ...form, pictures, ...goes_on }), goes_on); // and stays so
  const back = fit({ pictures: "", ...goes_on });
  assert.deepEqual(back, { model: "words-fast", duration: 6, aspect_ratio: "9:16" });
  assert.equal(fit({ pictures: "", ...back, duration: 4 }).duration, 4);
});

test("the model that somebody chose comes back with what it can be made of", () => {
  const fit = makeFitting(TABLE);
  const settings = { duration: 8, aspect_ratio: "16:9" };
  fit({ pictures: "", model: "words-fast", ...settings });
  const pictures = '{"image_urls":["a"]}';
  const other = fit({ pictures, model: "words-fast", ...settings });
  assert.equal(other.model, "references");
  assert.equal(fit({ pictures: "", ...other }).model, "words-fast");
  const own = fit({ pictures: "", ...other, model: "words" });
  assert.equal(fit({ pictures: '{"image_url":"a"}', ...own }).model, "picture");
});

test("what costs least becomes the next that costs less", () => {
  const models = { ...TABLE.models, lite: of("Lite", "lite", WORDS, first) };
  assert.equal(modelFor({ ...TABLE, models }, "lite", ["video_url"]), "quick-longer");
});

test("a slot is shut by what it does not go with", () => {
  assert.equal(inTheWay(TABLE, {}, "image_url"), null);
  assert.equal(inTheWay(TABLE, { image_url: "a" }, "last_image_url"), null);
  assert.equal(inTheWay(TABLE, { image_urls: ["a"] }, "image_urls"), null); // one more
  assert.equal(inTheWay(TABLE, { image_urls: ["a"] }, "image_url"), "image_urls");
  assert.equal(inTheWay(TABLE, { video_url: "a" }, "last_image_url"), "video_url");
});

test("what a browser kept of pictures may be anything", () => {
  for (const kept of ["", "{", "7", "null", undefined, '"text"'])
    assert.deepEqual(inputsIn(kept), {});
});
