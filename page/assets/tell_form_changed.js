import { tellFormChanged } from "./form_changed.js";

export function run() {
  tellFormChanged();
}
