import { watched } from "./server_away.js";

// Before Gradio's own scripts: an answer to an event is held back until as many streams of news
// ended here as its header says.
export function run({ header }) {
  const ask = watched(window.fetch);
  let heard = 0;
  window.fetch = async (...asked) => {
    const url = String(asked[0].url ?? asked[0]);
    // Gradio aborts its request for the stream when it has heard the end.
    if (url.includes("/queue/data"))
      asked[0].signal?.addEventListener("abort", () => {
        heard += 1;
      });
    const answer = await ask(...asked);
    const ended = Number(url.includes("/queue/join") && answer.headers.get(header));
    // An end that never comes, as the connection broke, is not waited for long.
    for (let tries = 300; heard < ended && tries; tries--)
      await new Promise((done) => setTimeout(done, 10));
    heard = Math.max(heard, ended);
    return answer;
  };
}
