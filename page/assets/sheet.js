// The column that this heads becomes a dialog beside the form, which stays in sight and in use: it
// is open until it is closed.
export function mount({ element }) {
  const sheet = element.closest("#sheet");
  const opener = document.querySelector('#chips [popovertarget="sheet"]');
  sheet.popover = "manual";
  sheet.setAttribute("role", "dialog");
  sheet.setAttribute("aria-labelledby", "sheet-title");
  sheet.addEventListener("beforetoggle", () => {
    const { top } = document.getElementById("composer").getBoundingClientRect();
    const below = document.documentElement.clientHeight - top;
    sheet.style.setProperty("--bottom", `${below + 8}px`);
  });
  sheet.addEventListener("toggle", ({ newState }) => {
    if (newState === "open") element.querySelector("h2").focus();
    else if (document.activeElement === document.body) opener.focus();
  });
  sheet.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    sheet.hidePopover();
    opener.focus();
  });
  if ("wanted" in opener.dataset) sheet.showPopover();
}
