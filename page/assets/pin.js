// What is unfolded beside the clip may be pinned: it is open again after a reload.
const PINNED = "veo-pinned";

const folds = () => [...document.querySelectorAll("#status .fold, #clip-tools [data-opens]")];
const nameOf = (fold) => fold.getAttribute("aria-controls");
const isOpen = (fold) => fold.ariaExpanded === "true";

// Storage may be forbidden, as in a frame.
function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(PINNED));
    return Array.isArray(found) ? found : null;
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
  const open = () => folds().filter(isOpen).map(nameOf);
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
    for (const fold of folds()) if (before?.includes(nameOf(fold)) && !isOpen(fold)) fold.click();
  });
}
