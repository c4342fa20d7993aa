"""How the page looks: its theme, and where its parts stand, at a desk and on a phone.

What a component looks like inside is the component's, which this module does not know.
"""

from __future__ import annotations

import gradio as gr

WIDTH = "max-width: 1536px; padding: 16px clamp(16px, 2.5vw, 32px);"
"""Of the whole page, which Gradio would change in steps."""

# On a phone the result comes right after the button, and all the rest after it.
CSS = (
    f".gradio-container .main.app {{ {WIDTH} }}"
    + """
#head { gap: 0 1rem; align-items: baseline; }
#head > * { flex: 0 1 auto; min-width: 0; width: auto; }
#head h1 { margin: 0; font-size: 1.25rem; }
:is(#status, #my-clips, #takes, #compare, #programs, #exchanges, #examples, #settings-file, #nouns,
  #cost, #video, #head, #draft) .html-container { padding: 0; }
#body { display: grid; grid-template: "form result" auto "more teach" 1fr / 1fr 1fr; }
#form { grid-area: form; } #result { grid-area: result; }
#more { grid-area: more; } #teach { grid-area: teach; }
#body > * { min-width: 0; }
#form { position: relative; }
#draft { position: absolute; top: 8px; right: 12px; z-index: 1; width: auto; border: 0; }
#wrong { display: none; }
#form .wrong { margin: 6px 0 0; color: #b91c1c; font-weight: 600; }
.dark #form .wrong { color: #fca5a5; }
#takes:has(section[hidden]), #compare:has(section[hidden]):has(.picked[hidden]) { display: none; }
#takes-count { overflow: visible !important; } /* else the first one's border is cut off */
#takes-asked { min-height: 43px; align-items: center; } /* what differs is higher */
#my-clips, #compare { margin-top: 1rem; }
/* The buttons come a moment after the card, and the price after them. */
#buttons { display: grid; gap: 0.5rem 1rem; grid-template: "generate stop" 40px "cost cost"
  minmax(1.5em, auto) / 1fr auto; }
#generate { grid-area: generate; } #stop { grid-area: stop; }
#cost { grid-area: cost; color: var(--body-text-color-subdued); }
/* Where the keyboard is; Gradio shows it faintly, or not at all. */
:is(a, button, input, summary, textarea, [tabindex]):focus-visible {
  outline: 2px solid var(--color-accent) !important; outline-offset: 2px; }
.label-wrap { min-height: 24px; }
#head .block { overflow: visible !important; } /* else a heading a hair too high can be scrolled */
@media (prefers-reduced-motion: reduce) {
  *, ::before, ::after { animation: none !important; transition: none !important; }
}
@media (max-width: 768px) {
  #body { grid-template: "form" "result" "more" "teach" / 1fr; }
  #buttons { grid-template: "generate generate" 40px "cost stop" minmax(40px, auto) / 1fr auto; }
  #cost { align-self: center; }
}
"""
)

THEME = gr.themes.Default(
    primary_hue=gr.themes.colors.indigo,
    neutral_hue=gr.themes.colors.slate,
    # Those of Gradio would add two thirds to what the page weighs.
    font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
).set(
    body_background_fill="*neutral_50",
    body_background_fill_dark="*neutral_950",
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_400",
    block_radius="*radius_lg",
    border_color_primary="*neutral_200",
    border_color_primary_dark="*neutral_800",
    block_border_color="*neutral_200",
    block_border_color_dark="*neutral_800",
    block_background_fill_dark="*neutral_900",
    block_label_text_color="*neutral_600",
    block_title_text_color="*neutral_700",
    block_title_text_color_dark="*neutral_300",
    button_primary_background_fill="*primary_600",
    button_primary_background_fill_hover="*primary_700",
    button_primary_background_fill_dark="*primary_600",
    button_primary_background_fill_hover_dark="*primary_700",
    input_placeholder_color="*neutral_500",
    input_placeholder_color_dark="*neutral_400",
)
