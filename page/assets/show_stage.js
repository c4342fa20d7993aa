// Somebody asked for a clip, maybe from far down: what comes of it is in sight.
export function run() {
  document.querySelector("#stage")?.scrollIntoView({ block: "nearest" });
}
