import { formPainted } from "./form_painted.js";

// A step of its own, between who the visitor is and what is asked of the server for them.
export async function run() {
  await formPainted();
  return [];
}
