import assert from "node:assert/strict";
import { test } from "node:test";
import { cropOf, isTooLarge } from "../../../page/assets/picture_cut.js";
import { makeCuts } from "../../../page/assets/picture_cuts.js";
import { sendPicture } from "../../../page/assets/picture_route.js";
import { sizeOf } from "../../../page/assets/picture_size.js";
import {
  areWords,
  insteadOfOthers,
  slotFor,
  withoutPicture,
  withPicture,
} from "../../../page/assets/slot_inputs.js";

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

test("a frame takes the place of what it does not go with", () => {
  const offered = [
    [["image_url", "last_image_url"], ["between"]],
    [["image_urls"], ["references"]],
  ];
  const put = (inputs, field) => insteadOfOthers({ offered }, inputs, field, "new");
  const last = { last_image_url: "a" };
  assert.deepEqual(put(last, "image_url"), { image_url: "new", ...last });
  assert.deepEqual(put(last, "video_url"), { video_url: "new" });
  assert.deepEqual(put({ image_urls: ["a"] }, "image_urls"), { image_urls: ["a", "new"] });
  assert.deepEqual(put({ image_urls: ["a"] }, "video_url"), { video_url: "new" });
});

test("another shape is always cut from the first, also after a reload", () => {
  const cuts = makeCuts();
  cuts.note("a", "16:9,1080p");
  cuts.note("b", "9:16,1080p", "a");
  const later = makeCuts(JSON.parse(JSON.stringify(cuts.kept())));
  assert.equal(later.first("b"), "a");
  assert.equal(later.film("a"), "16:9,1080p");
  later.note("c", "16:9,720p", "b");
  assert.equal(later.first("c"), "a");
  assert.equal(later.first("unknown"), "unknown");
  for (const kept of [null, 7, {}]) assert.equal(makeCuts(kept).film("a"), undefined);
  for (let at = 0; at < 100; at++) later.note(`more ${at}`, "16:9,1080p");
  assert.equal(later.kept().length, 40);
});

test("words are pasted as words, though a picture of them comes along", () => {
  const at = (...places) => ({ closest: (sought) => places.some((each) => sought.includes(each)) });
  assert.ok(areWords(at("textarea", "#prompt"), ["text/plain", "Files"]));
  assert.ok(!areWords(at("textarea", "#prompt"), ["Files"]));
  assert.ok(areWords(at("input"), ["Files"])); // a key, a seed
  assert.ok(!areWords(at("button"), ["text/plain", "Files"]));
  assert.ok(!areWords(null, ["Files"]));
});

test("only the server's own words are said of a picture that is refused", async () => {
  globalThis.window = { veoVisitor: "visitor" };
  const answers = (status, type, said) => () =>
    Promise.resolve(new Response(said, { status, headers: { "content-type": type } }));
  const says = async (answer) => {
    globalThis.fetch = answer;
    return sendPicture("who", {}, "").catch((error) => error.message);
  };
  assert.equal(await says(answers(400, "text/plain; charset=utf-8", "Too wide.")), "Too wide.");
  assert.equal(await says(answers(413, "text/html", "<h1>413</h1>")), "");
  assert.equal(await says(answers(502, "text/plain", "no upstream")), "");
  assert.equal(await says(() => Promise.reject(new TypeError("Failed to fetch"))), "");
  assert.equal(await says(answers(200, "application/json", '{"name":"picture:1"}')), "picture:1");
});

test("a picture says how large it is before it is unpacked", async () => {
  const head = (hex) => Uint8Array.from(hex.match(/../g), (byte) => Number.parseInt(byte, 16));
  const png = "89504e470d0a1a0a0000000d494844520000012c00000002";
  for (const hex of [
    png,
    "ffd8ffe00004aaaaffffc40002ffc20011080002012c", // behind what it skips
    "524946463a00000057454250565038202e000000b003009d012a2c010200",
    "524946461e000000574542505650384c110000002f2b41000007d083",
    "524946469c01000057454250565038580a000000080000002b0100010000",
  ])
    assert.deepEqual(sizeOf(head(hex)), [300, 2]);
  for (const hex of ["00", png.slice(0, 40), "ffd8ffd9", "ffd8ffe0ffff", "474946383961".repeat(4)])
    assert.equal(sizeOf(head(hex)), null);
  assert.ok(await isTooLarge(new Blob([head(png)]), 599));
  assert.ok(!(await isTooLarge(new Blob([head(png)]), 600)));
  assert.ok(!(await isTooLarge(new Blob(["text"]), 0)));
});
