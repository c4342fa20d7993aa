// Over plain http from another machine there is no clipboard; a selected text can be copied still.
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    const focused = document.activeElement;
    field.value = text;
    field.style.cssText = "position: fixed; top: 0; opacity: 0";
    document.body.append(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    focused?.focus({ preventScroll: true });
    return copied;
  }
}

// The button says so for a while: `say` gives it its words.
export async function copyAndSay(text, texts, say) {
  if (!(await copyText(text))) return;
  say(texts.copied);
  setTimeout(say, 1500, texts.copy);
}
