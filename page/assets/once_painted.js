import { formPainted } from "./form_painted.js";
import { watchGenerate } from "./generate_button.js";
import { mendGradio } from "./gradio_gaps.js";

// The form comes first: mounting all the rest would keep it from being painted.
export async function run() {
  watchGenerate();
  mendGradio();
  await formPainted();
  return Array(9).fill({ __type__: "update", visible: true });
}
