import { keptForm } from "./form_storage.js";

// The form as this browser kept it, and whether something was typed already that stays.
export function run(kept) {
  const draft = Boolean(document.querySelector("#prompt textarea")?.value);
  const values = keptForm();
  const state = { ...kept, draft };
  if (values) Object.assign(state, { form: values.slice(0, -2), asked: values.slice(-2) });
  return [state];
}
