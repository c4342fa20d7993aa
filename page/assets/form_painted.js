// Resolves once the form is painted: what is hidden until then, and what asks the server, waits.
export async function formPainted() {
  const frame = () => new Promise(requestAnimationFrame);
  while (document.getElementById("first-paint")) await frame();
  for (const _frame of [1, 2]) await frame();
}
