import { tellFormValues } from "./form_values.js";

// From now on the form is somebody's, and kept; before, it has the values of a new page.
export function run(...values) {
  document.body.dataset.formRestored = "";
  tellFormValues(values);
}
