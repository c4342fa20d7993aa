const KEY = "veo-hidden";
const MOST = 100; // the first of them are forgotten then

// The presses whose clips somebody hid, the last first.  Storage may be forbidden, as in a frame.
function hidden() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY));
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}

function keep(presses) {
  try {
    localStorage.setItem(KEY, JSON.stringify(presses.slice(0, MOST)));
  } catch {}
}

const others = (press) => hidden().filter((each) => each !== press);

export const isHidden = (press) => hidden().includes(press);
export const hide = (press) => keep([press, ...others(press)]);
// Somebody asked to see it.
export function unhide(press) {
  if (isHidden(press)) keep(others(press));
}
