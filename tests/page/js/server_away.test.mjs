import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import {
  isAway,
  notedPress,
  notePress,
  onServer,
  watched,
} from "../../../page/assets/server_away.js";

const JOIN = "http://here/gradio_api/queue/join";
const STREAM = "http://here/gradio_api/queue/data?session_hash=a";

let news;
beforeEach(() => {
  globalThis.document = new EventTarget();
  document.documentElement = { dataset: {} };
  globalThis.window = new EventTarget();
  const kept = new Map();
  globalThis.sessionStorage = {
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => kept.set(name, value),
    removeItem: (name) => kept.delete(name),
  };
  news = 0;
  onServer(() => {
    news += 1;
  });
});

const broken = () => Promise.reject(new TypeError("Failed to fetch"));

test("a call that nobody answers tells that the server is away, and one answer that it is back", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  let ask = broken;
  const watching = watched((...asked) => ask(...asked));
  await assert.rejects(watching(JOIN));
  assert.ok(isAway());
  await assert.rejects(watching(JOIN));
  assert.equal(news, 1);
  ask = () => Promise.resolve(new Response("{}"));
  t.mock.timers.tick(2000); // nobody presses anything
  await new Promise(setImmediate);
  assert.ok(!isAway());
  assert.equal(news, 2);
});

test("a proxy that finds no server says that it is away, and any other refusal does not", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  for (const [status, away] of [
    [502, true],
    [422, false],
    [503, true],
    [500, false],
  ]) {
    await watched(() => Promise.resolve(new Response("", { status })))(JOIN);
    assert.equal(isAway(), away);
  }
});

test("a stream that breaks off tells it, and its news come through until then", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  let stream;
  const body = new ReadableStream({
    start(controller) {
      stream = controller;
    },
  });
  const answer = await watched(() => Promise.resolve(new Response(body)))(STREAM);
  const reader = answer.body.getReader();
  stream.enqueue(new TextEncoder().encode("news"));
  assert.equal(new TextDecoder().decode((await reader.read()).value), "news");
  assert.ok(!isAway());
  stream.error(new TypeError("network error"));
  await assert.rejects(reader.read());
  await new Promise(setImmediate);
  assert.ok(isAway());
});

test("what the page gives up itself, and what breaks as one leaves, is nobody's absence", async () => {
  const given_up = new AbortController();
  given_up.abort();
  await assert.rejects(watched(broken)({ url: JOIN, signal: given_up.signal }));
  await assert.rejects(watched(broken)("http://here/assets/index.js"));
  const watching = watched(broken);
  window.dispatchEvent(new Event("beforeunload"));
  await assert.rejects(watching(JOIN));
  assert.ok(!isAway());
  assert.equal(news, 0);
});

test("a press is known after the page has loaded itself anew, and once", () => {
  notePress("unsent");
  assert.equal(notedPress(), "unsent");
  document.documentElement.dataset = {}; // another page
  assert.equal(notedPress(), "unsent");
  document.documentElement.dataset = {};
  assert.equal(notedPress(), "");
});
