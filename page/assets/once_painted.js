import { watchGenerate } from "./generate_button.js";

// The form comes first: mounting all the rest would keep it from being painted.
export async function run() {
  watchGenerate();
  for (const _frame of [1, 2]) await new Promise(requestAnimationFrame);
  return Array(4).fill({ __type__: "update", visible: true });
}
