// What is unfolded beside the clip may be pinned: it is open again after a reload.
const PINNED = "veo-pinned";

const folds = () => [...document.querySelectorAll("#status .fold, #clip-tools [data-opens]")];
const isOpen = (fold) => fold.ariaExpanded === "true";

// Storage may be forbidden, as in a frame.
function kept() {
  try {
    return JSON.parse(localStorage.getItem(PINNED));
  } catch {
    return null;
  }
}

function keepPinned(open) {
  try {
    if (open) localStorage.setItem(PINNED, JSON.stringify(open));
    else localStorage.removeItem(PINNED);
  } catch {}
}

export function followPin(pin) {
  const isPinned = () => pin.ariaPressed === "true";
  const open = () => folds().map(isOpen);
  const show = (pinned) => pin.setAttribute("aria-pressed", pinned);
  pin.addEventListener("click", () => {
    show(!isPinned());
    keepPinned(isPinned() && open());
  });
  // Heard after the fold itself has heard of it.
  document.addEventListener("click", (event) => {
    if (isPinned() && folds().some((fold) => fold.contains(event.target))) keepPinned(open());
  });
  const before = kept();
  show(Boolean(before));
  // The folds are mounted with the pin, and hear no press before they are.
  requestAnimationFrame(() => {
    folds().forEach((fold, at) => {
      if (before?.[at] && !isOpen(fold)) fold.click();
    });
  });
}
