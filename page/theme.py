"""How the page looks: its theme, and where its parts stand, at a desk and on a phone.

What a component looks like inside is the component's, which this module does not know.
"""

from __future__ import annotations

import gradio as gr

from page import components

CSS = components.read("theme.css")

# Small print, everything else, and headings; Gradio's nearest name gets each.
SIZES = gr.themes.Size(
    name="three",
    xxs="13px",
    xs="13px",
    sm="13px",
    md="15px",
    lg="20px",
    xl="20px",
    xxl="20px",
)

COLOURS = {
    ("#f6f7fb", "#0d1017"): ("body_background_fill",),
    ("#ffffff", "#151a24"): (
        "background_fill_primary",
        "block_background_fill",
        "block_label_background_fill",
        "panel_background_fill",
        "checkbox_label_background_fill",
        "input_background_fill",
    ),
    ("#eef1f7", "#1c2330"): (
        "background_fill_secondary",
        "checkbox_label_background_fill_hover",
        "checkbox_label_background_fill_selected",
        "button_secondary_background_fill",
    ),
    ("#d9dfeb", "#293245"): (
        "border_color_primary",
        "block_border_color",
        "input_border_color",
        "button_secondary_border_color",
        "button_secondary_background_fill_hover",
    ),
    ("#131a28", "#edf1f7"): (
        "body_text_color",
        "block_title_text_color",
        "button_secondary_text_color",
        "checkbox_label_text_color",
    ),
    ("#556177", "#9aa7bb"): (
        "body_text_color_subdued",
        "block_label_text_color",
        "block_info_text_color",
        "input_placeholder_color",
    ),
    ("#4f46e5", "#4f46e5"): ("button_primary_background_fill",),
    ("#4338ca", "#4338ca"): ("button_primary_background_fill_hover",),
}
"""Each colour in light and in dark, and what of Gradio's has it."""


def colours() -> dict[str, str]:
    """The same by Gradio's names."""
    found = dict[str, str]()
    for (light, dark), names in COLOURS.items():
        for name in names:
            found |= {name: light, f"{name}_dark": dark}
    return found


THEME = gr.themes.Default(
    primary_hue=gr.themes.colors.indigo,
    neutral_hue=gr.themes.colors.slate,
    text_size=SIZES,
    # Those of Gradio would add two thirds to what the page weighs.
    font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
).set(
    **colours(),
    block_radius="*radius_lg",
    color_accent="#4f46e5",  # in the dark another, which Gradio has no name for: colours.css
    button_large_text_size="*text_md",
)
