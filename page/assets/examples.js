export function mount({ element, trigger }) {
  element.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    trigger("select", { number: Number(button.dataset.number) });
    document.querySelector("#prompt").scrollIntoView({ block: "nearest" });
  });
}
