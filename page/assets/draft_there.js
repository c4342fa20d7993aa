// Whether something was typed already that the form must not take away.
export function run(kept) {
  const draft = Boolean(document.querySelector("#prompt textarea")?.value);
  return [{ ...kept, draft }];
}
