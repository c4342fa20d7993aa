// Every text goes in as text: prompts and the service's words are nobody's markup.
export function make(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

export function makeButton(className, text, press) {
  const made = make("button", className, text);
  made.type = "button";
  made.addEventListener("click", press);
  return made;
}

// The same button stands in each row: a screen reader says of which.
export function label(button, text, name) {
  button.textContent = text;
  button.setAttribute("aria-label", `${text}: ${name}`);
}

// What is there already stays as it is: nothing folds away that is being read.
export function arrange(list, items) {
  for (const item of [...list.children]) if (!items.includes(item)) item.remove();
  items.forEach((item, at) => {
    if (list.children[at] !== item) list.insertBefore(item, list.children[at] || null);
  });
}
