// Gives a function that tells whether somebody has pressed anything since.
export function untilTouched() {
  let touched = false;
  for (const kind of ["pointerdown", "keydown"])
    window.addEventListener(
      kind,
      () => {
        touched = true;
      },
      { capture: true, once: true },
    );
  return () => touched;
}
