const KEY = "veo-form";

// The prompt has a place of its own.  Storage may be forbidden, as in a frame.
export function keepForm([_prompt, ...settings]) {
  try {
    localStorage.setItem(KEY, JSON.stringify(["", ...settings]));
  } catch {}
}

export function keptForm() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY));
    return Array.isArray(found) ? found : null;
  } catch {
    return null;
  }
}
