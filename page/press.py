"""A press of *Generate*, in the browser: it counts once.

JavaScript that the page runs when it has loaded.  It knows the button and the card's news, and
sends nothing.
"""

ONE_PRESS = """
// One press, one request: no double click, no key held down, no second try before an answer.
let waits = false, timer;
const answered = () => { waits = false; clearTimeout(timer); };
document.addEventListener('veo-card', answered);
document.addEventListener('input', answered);
window.addEventListener('click', event => {
  if (!event.target.closest('#generate')) return;
  if (waits || event.detail > 1) { event.stopImmediatePropagation(); return; }
  waits = true;
  timer = setTimeout(answered, 5000);
}, true);
window.addEventListener('keydown', event => {
  if (event.repeat && event.target.closest('#generate')) event.preventDefault();
}, true);
"""
