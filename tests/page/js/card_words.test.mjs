import assert from "node:assert/strict";
import { test } from "node:test";
import {
  clockLine,
  hasEnded,
  isOutdated,
  isSlow,
  question,
  shareDone,
  tabTitle,
  timeLeft,
} from "../../../page/assets/card_words.js";
import { clock } from "../../../page/assets/clock.js";

const TEXTS = {
  title: "The page",
  dash: " - ",
  ready: "Ready",
  seconds: "{} s left",
  minutes: "{} min left",
  soon: "soon",
  usually: "usually {}",
  so_far: "{} so far",
  took: "took {}",
  slow: { left: "slow" },
  sending: ["another_seed", "send_again"],
  other_prompt: "Other prompt?",
  send_again: "Again?",
};
const RUNNING = {
  state: "running",
  step: "generating",
  expected: 100,
  left_known: true,
  may_be_slow: true,
  doing: "Generating",
};

test("a clock has two digits of seconds and as many minutes as it takes", () => {
  const said = [0, 9.99, 59.9, 60, 61.5, 600, 3600].map(clock);
  assert.deepEqual(said, ["0:00", "0:09", "0:59", "1:00", "1:01", "10:00", "60:00"]);
});

test("the time left is told in tens of seconds, then in minutes, and never as none", () => {
  assert.equal(timeLeft(0, 94, TEXTS), "90 s left");
  assert.equal(timeLeft(57, 100, TEXTS), "40 s left");
  assert.equal(timeLeft(1, 5, TEXTS), "10 s left");
  assert.equal(timeLeft(0, 95, TEXTS), "2 min left");
  assert.equal(timeLeft(0, 300, TEXTS), "5 min left");
});

test("near its end a job finishes soon, and long after it is slow", () => {
  assert.equal(timeLeft(85, 100, TEXTS), "20 s left");
  assert.equal(timeLeft(86, 100, TEXTS), "soon");
  assert.equal(timeLeft(160, 100, TEXTS), "soon");
  assert.equal(timeLeft(161, 100, TEXTS), "slow");
});

test("the line says how long it was and how long it will be", () => {
  assert.equal(clockLine(RUNNING, 50, 50, TEXTS), "0:50 so far · 50 s left");
  assert.equal(clockLine({ ...RUNNING, left_known: false }, 50, 50, TEXTS), "0:50 so far");
  const queued = { ...RUNNING, step: "queued" };
  assert.equal(clockLine(queued, 90, 0, TEXTS), "1:30 so far · usually 1:40");
  assert.equal(clockLine({ state: "done", elapsed: 75 }, 75, 0, TEXTS), "took 1:15");
  assert.equal(clockLine({ state: "done", elapsed: 0 }, 0, 0, TEXTS), "");
  assert.equal(clockLine({ state: "failed", elapsed: 75 }, 75, 0, TEXTS), "");
});

test("what waited in line is counted from when it is made, and is no alarm before", () => {
  assert.equal(clockLine(RUNNING, 300, 20, TEXTS), "5:00 so far · 80 s left");
  assert.equal(clockLine(RUNNING, 300, 161, TEXTS), "5:00 so far · slow");
  assert.equal(
    clockLine({ ...RUNNING, step: "queued" }, 900, 0, TEXTS),
    "15:00 so far · usually 1:40",
  );
  const behind_own_takes = { ...RUNNING, may_be_slow: false };
  assert.equal(clockLine(behind_own_takes, 300, 161, TEXTS), "5:00 so far · usually 1:40");
});

test("the bar only grows, and is full when the job is done and not before", () => {
  const shares = [0, 10, 100, 1000].map((elapsed) => shareDone(RUNNING, elapsed));
  assert.deepEqual(
    shares,
    shares.toSorted((a, b) => a - b),
  );
  assert.equal(shares[0], 0);
  assert.ok(shares.at(-1) <= 0.9);
  assert.equal(shareDone({ ...RUNNING, state: "done" }, 1), 1);
  assert.equal(shareDone({ ...RUNNING, state: "failed" }, 50), 0);
});

test("only what may be slow is called slow", () => {
  assert.ok(isSlow(RUNNING, 161));
  assert.ok(!isSlow(RUNNING, 160));
  assert.ok(!isSlow({ ...RUNNING, may_be_slow: false }, 161));
  assert.ok(!isSlow({ ...RUNNING, state: "failed" }, 161));
});

test("the tab tells what goes on in it", () => {
  assert.equal(tabTitle(RUNNING, 65, "Making", TEXTS), "1:05 · Generating - The page");
  assert.equal(tabTitle({ state: "done" }, 65, "Your clip", TEXTS), "Ready - The page");
  assert.equal(tabTitle({ state: "failed" }, 65, "Refused", TEXTS), "Refused - The page");
  assert.equal(tabTitle({ state: "idle" }, 0, "Hello", TEXTS), "The page");
});

test("an older card does not take the place of a newer one, unless a clock began anew", () => {
  assert.ok(isOutdated({ made: 100 }, { made: 101 }));
  assert.ok(!isOutdated({ made: 101 }, { made: 100 }));
  assert.ok(!isOutdated({ made: 100 }, { made: 100 }));
  assert.ok(!isOutdated({ made: 100 }, { made: 3700 }));
  assert.ok(!isOutdated({ made: 100 }, {}));
});

test("somebody is told once, of the end of what they waited for", () => {
  const before = { click: "a", over: false };
  assert.ok(hasEnded({ click: "a", over: true }, before));
  assert.ok(!hasEnded({ click: "a", over: true }, { click: "a", over: true }));
  assert.ok(!hasEnded({ click: "b", over: true }, before));
  assert.ok(!hasEnded({ click: "a", over: false }, before));
  assert.ok(!hasEnded({ click: "", over: true }, { click: "", over: false }));
});

test("sending asks where the form has another prompt, and where it may be paid for twice", () => {
  const value = { prompt: "A fox " };
  assert.equal(question("another_seed", value, "A fox", TEXTS), "");
  assert.equal(question("another_seed", value, "", TEXTS), "");
  assert.equal(question("another_seed", value, "A hare", TEXTS), "Other prompt?");
  assert.equal(question("another_seed", { prompt: "" }, "A hare", TEXTS), "");
  assert.equal(question("check_again", value, "A hare", TEXTS), "");
  assert.equal(question("send_again", value, "A fox", TEXTS), "Again?");
  assert.equal(question("send_again", value, "A hare", TEXTS), "Other prompt?\n\nAgain?");
});
