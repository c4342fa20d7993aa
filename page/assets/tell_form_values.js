import { tellFormValues } from "./form_values.js";

export function run(...values) {
  tellFormValues(values);
}
