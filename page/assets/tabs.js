// The page's views, by the body's `data-view`: theme.css lays them out.
export function mount({ element }) {
  const buttons = [...element.querySelectorAll("button")];
  function show(view) {
    document.querySelector("#body").dataset.view = view;
    for (const each of buttons) {
      if (each.dataset.view === view) each.setAttribute("aria-current", "page");
      else each.removeAttribute("aria-current");
    }
  }
  for (const each of buttons)
    each.addEventListener("click", () => {
      show(each.dataset.view);
      scrollTo({ top: 0 });
    });
  document.addEventListener("show-view", (event) => show(event.detail));
  document.addEventListener("clips-counted", (event) => {
    element.querySelector(".count").textContent = event.detail || "";
  });
}
