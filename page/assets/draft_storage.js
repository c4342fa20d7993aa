const KEY = "veo-draft";

// Storage may be forbidden, as in a frame; the draft is then lost with the tab.
export function keepDraft(text) {
  try {
    localStorage.setItem(KEY, text);
  } catch {}
}

export function keptDraft() {
  try {
    return localStorage.getItem(KEY) || "";
  } catch {
    return "";
  }
}
