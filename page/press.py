"""A press of *Generate*, in the browser: it counts once, and what is wrong with the form is shown.

JavaScript that the page runs when it has loaded.  It knows the button, the card's news and Gradio's
mark of a wrong field; it sends nothing.
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
  const wrong = wrongField();
  showWrong(20, wrong?.offsetParent ? wrong : null);
}, true);
window.addEventListener('keydown', event => {
  if (event.repeat && event.target.closest('#generate')) event.preventDefault();
}, true);
// Gradio says what is wrong at the field, which may be folded away.
const wrongField = () => document.querySelector('#form :is(textarea, input).validation-error');
function showWrong(tries, seen) {
  const wrong = wrongField();
  if (!wrong || wrong === seen) {
    if (tries) setTimeout(showWrong, 100, tries - 1, seen);
    return;
  }
  if (!wrong.offsetParent) document.querySelector('#advanced button').click();
  wrong.setAttribute('aria-invalid', 'true');
  wrong.addEventListener('input', () => wrong.removeAttribute('aria-invalid'), { once: true });
  setTimeout(() => wrong.focus(), 100);
}
"""
"""No double click, no key held down, no second try before an answer makes a second request."""
