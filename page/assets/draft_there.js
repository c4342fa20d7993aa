import { keptForm } from "./form_storage.js";
import { parted } from "./form_values.js";

// The form as this browser kept it, and whether something was typed already that stays.
export function run(kept) {
  const draft = Boolean(document.querySelector("#prompt textarea")?.value);
  const values = keptForm();
  return [{ ...kept, draft, ...(values && parted(values)) }];
}
