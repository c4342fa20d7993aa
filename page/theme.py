"""How the page looks: its theme, and where its parts stand, at a desk and on a phone.

What a component looks like inside is the component's, which this module does not know.
"""

from __future__ import annotations

import gradio as gr

from page import components

CSS = components.read("theme.css")

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
