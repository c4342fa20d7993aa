import assert from "node:assert/strict";
import { test } from "node:test";
import { cropOf } from "../../../page/assets/picture_cut.js";
import { slotFor, withoutPicture, withPicture } from "../../../page/assets/slots.js";

test("a picture is cut around its middle and never made larger", () => {
  const film = { aspect_ratio: "16:9", resolution: "720p" };
  assert.deepEqual(cropOf(4000, 3000, film), { from: [0, 375, 4000, 2250], size: [1280, 720] });
  assert.deepEqual(cropOf(320, 180, film), { from: [0, 0, 320, 180], size: [320, 180] });
  const tall = { aspect_ratio: "9:16", resolution: "1080p" };
  assert.deepEqual(cropOf(4000, 3000, tall), { from: [1156, 0, 1688, 3000], size: [1080, 1919] });
  assert.deepEqual(cropOf(20000, 1, film).size, [2, 1]);
});

test("a reference keeps its shape, and so does what has none", () => {
  const film = { aspect_ratio: "16:9", resolution: "720p" };
  assert.deepEqual(cropOf(3000, 3000, film, true).size, [720, 720]);
  assert.deepEqual(cropOf(3000, 2000, { aspect_ratio: "auto" }).from, [0, 0, 3000, 2000]);
});

test("a picture for no slot goes where there is room", () => {
  const open = () => true;
  assert.equal(slotFor({}, open), "image_url");
  assert.equal(slotFor({ image_url: "a" }, open), "last_image_url");
  assert.equal(slotFor({ image_url: "a", last_image_url: "b" }, open), "image_url");
  assert.equal(slotFor({ image_urls: ["a"] }, open), "image_urls");
});

test("references are several, the others are one", () => {
  const two = withPicture(withPicture({}, "image_urls", "a"), "image_urls", "b");
  assert.deepEqual(two, { image_urls: ["a", "b"] });
  assert.deepEqual(withoutPicture(two, "image_urls", "a"), { image_urls: ["b"] });
  assert.deepEqual(withoutPicture({ image_urls: ["b"] }, "image_urls", "b"), {});
  const first = withPicture({ image_url: "a" }, "image_url", "b");
  assert.deepEqual(first, { image_url: "b" });
  assert.deepEqual(withoutPicture(first, "image_url", "b"), {});
});
