// Whether the server answers, and what became of a press while it did not.  Each script of the page
// has a copy of this file, so what they share is on the document.
const SERVER_NEWS = "veo-server";
const NOTED_PRESS = "veo-press";
const GATEWAYS = [502, 503, 504];
const ASK_AGAIN_AFTER = 2000;

const onDocument = () => document.documentElement.dataset;

export const isAway = () => onDocument().away === "yes";

export function onServer(heard) {
  document.addEventListener(SERVER_NEWS, heard);
}

// `watched`: asks as `ask` does, and tells by what comes whether the server is there.
export function watched(ask) {
  let leaving = false;
  let asking;
  for (const kind of ["beforeunload", "pagehide"])
    window.addEventListener(kind, () => {
      leaving = true; // what is still asked for then breaks off
      setTimeout(() => {
        leaving = false;
      }, ASK_AGAIN_AFTER);
    });
  function tell(away) {
    if (leaving || isAway() === away) return;
    onDocument().away = away ? "yes" : "no";
    // Gradio's page asks after a server whose stream broke off; of any other this does.
    clearInterval(asking);
    if (away)
      asking = setInterval(() => watching("gradio_api/app_id").catch(() => {}), ASK_AGAIN_AFTER);
    document.dispatchEvent(new Event(SERVER_NEWS));
  }
  function heardOf(stream, isGivenUp) {
    const { readable, writable } = new TransformStream();
    stream.body.pipeTo(writable).catch(() => {
      if (!isGivenUp()) tell(true);
    });
    return new Response(readable, stream);
  }
  async function watching(...asked) {
    const url = String(asked[0].url ?? asked[0]);
    if (!url.includes("gradio_api/")) return ask(...asked);
    const signal = asked[0].signal ?? asked[1]?.signal;
    const isGivenUp = () => signal?.aborted;
    try {
      const answer = await ask(...asked);
      tell(GATEWAYS.includes(answer.status));
      return url.includes("queue/data") && answer.ok ? heardOf(answer, isGivenUp) : answer;
    } catch (error) {
      if (!isGivenUp()) tell(true);
      throw error;
    }
  }
  return watching;
}

// A press while the server is away: `unsent`, or `uncertain` if it went as the server did.  It is
// known after the page has loaded itself anew, too.
export function notePress(what) {
  onDocument().press = what;
  try {
    sessionStorage.setItem(NOTED_PRESS, what);
  } catch {
    // storage is forbidden, as in a frame: it is known until then
  }
  document.dispatchEvent(new Event(SERVER_NEWS));
}

export function notedPress() {
  if (onDocument().press !== undefined) return onDocument().press;
  onDocument().press = "";
  try {
    onDocument().press = sessionStorage.getItem(NOTED_PRESS) ?? "";
    sessionStorage.removeItem(NOTED_PRESS);
  } catch {
    // as above
  }
  return onDocument().press;
}
