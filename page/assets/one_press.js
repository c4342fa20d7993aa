// One press, one request: it waits for its answer, or for five seconds, as Gradio may drop the
// event.  `changed` hears whether it waits.
export function onePress(changed = () => {}) {
  let timer;
  function set(waits) {
    clearTimeout(timer);
    timer = waits ? setTimeout(set, 5000, false) : undefined;
    changed(waits);
  }
  return {
    waits: () => timer !== undefined,
    begin: () => set(true),
    answered: () => set(false),
  };
}
