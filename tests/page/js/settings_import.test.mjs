import assert from "node:assert/strict";
import { test } from "node:test";
import { settingsIn } from "../../../page/assets/settings_import.js";

const KNOWN = { most: 1000, request_key: "veo.request", fields: ["prompt", "seed"] };
const REQUEST = { prompt: "A fox – in snow", seed: 7, key: "not a setting" };
const SETTINGS = { prompt: "A fox – in snow", seed: 7 };

function box(kind, content) {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(8 + content.length);
  return Buffer.concat([size, Buffer.from(kind), content]);
}

const HELD = Buffer.concat([
  Buffer.from("veo.request"),
  Buffer.from("data"),
  Buffer.alloc(8),
  Buffer.from(JSON.stringify(REQUEST)),
]);

test("the JSON beside a clip has its settings, and nothing else comes of it", async () => {
  for (const found of [REQUEST, { request: REQUEST, took: 40 }])
    assert.deepEqual(await settingsIn(new Blob([JSON.stringify(found)]), KNOWN), SETTINGS);
});

test("a clip has them in a box behind its film", async () => {
  const film = box("mdat", Buffer.alloc(5000));
  assert.deepEqual(await settingsIn(new Blob([film, box("meta", HELD)]), KNOWN), SETTINGS);
});

test("a film of more than four gigabytes tells its length in eight bytes", async () => {
  const film = Buffer.alloc(40);
  film.writeUInt32BE(1);
  film.write("mdat", 4);
  film.writeBigUInt64BE(40n, 8);
  assert.deepEqual(await settingsIn(new Blob([film, box("meta", HELD)]), KNOWN), SETTINGS);
});

test("any other file has none", async () => {
  for (const content of ["", "{", "null", "[]", '{"prompt": 7}', "a text", Buffer.alloc(5000)])
    assert.equal(await settingsIn(new Blob([content]), KNOWN), null);
});
