import { formPainted } from "./form_painted.js";
import { watchGenerate } from "./generate_button.js";

// The form comes first: mounting all the rest would keep it from being painted.
export async function run() {
  watchGenerate();
  await formPainted();
  return Array(6).fill({ __type__: "update", visible: true });
}
