import { clock } from "./clock.js";
import { shareMade } from "./share.js";

// What the status card says between two of Python's: `value` is Python's last, `elapsed` the
// job's seconds until now.

// How long it will be is not known: no number is finer than that.
export function timeLeft(elapsed, expected, texts) {
  if (elapsed > 1.6 * expected) return texts.slow.left;
  if (elapsed > 0.85 * expected) return texts.soon;
  const left = expected - elapsed;
  if (left < 95) return texts.seconds.replace("{}", Math.max(Math.round(left / 10), 1) * 10);
  return texts.minutes.replace("{}", Math.round(left / 60));
}

export function shareDone(value, elapsed) {
  if (value.state === "done") return 1;
  return value.state === "running" ? shareMade(value, elapsed) : 0;
}

// By the time since the service began to make it: what waits in line is no reason for alarm.
export function isSlow(value, generating_for) {
  return value.state === "running" && value.may_be_slow && generating_for > 1.6 * value.expected;
}

export function clockLine(value, elapsed, generating_for, texts) {
  if (value.state === "done")
    return value.elapsed ? texts.took.replace("{}", clock(value.elapsed)) : "";
  if (value.state !== "running") return "";
  const so_far = texts.so_far.replace("{}", clock(elapsed));
  if (!value.left_known) return so_far;
  const slow_without_alarm = generating_for > 1.6 * value.expected && !value.may_be_slow;
  const usual = value.step !== "generating" || slow_without_alarm;
  const left = usual
    ? texts.usually.replace("{}", clock(value.expected))
    : timeLeft(generating_for, value.expected, texts);
  return `${so_far} · ${left}`;
}

export function tabTitle(value, elapsed, title, texts) {
  if (value.state === "idle") return texts.title;
  const running = value.state === "running" && `${clock(elapsed)} · ${value.doing}`;
  const said = running || (value.state === "done" ? texts.ready : title);
  return said + texts.dash + texts.title;
}

// Each event's news come in their order, but not those of two: a job that somebody stopped waiting
// for, or another one that was picked, has the last word even so.  A card that is older by far
// comes from a server whose clock began anew.
export function isOutdated(value, shown) {
  const older = shown.made - value.made;
  return older > 0 && older < 10;
}

// All that began with one click is over, and somebody waited for it.
export function hasEnded(value, before) {
  return Boolean(value.click && value.click === before.click && value.over && !before.over);
}

// What is asked before an action is sent, or nothing.
export function question(action, value, written, texts) {
  const edited = written && value.prompt && written !== value.prompt.trim();
  return [
    texts.sending.includes(action) && edited && texts.other_prompt,
    action === "send_again" && texts.send_again,
  ]
    .filter(Boolean)
    .join("\n\n");
}
