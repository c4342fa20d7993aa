// What `chips.js` found last: no server is asked.
export function run() {
  return window.veoFitted;
}
