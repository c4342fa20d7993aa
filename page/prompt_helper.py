"""Help beside the fields: ten parts that become a prompt, nouns for a negative prompt.

Two Gradio HTML components that wire themselves to the field they help with, so that this module is
all the page knows of them.  It writes nothing itself: that is `page.prompt_parts`.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from page import components, texts
from page.prompt_parts import LONGEST_PART, compose, nouns, put


def build(prompt: gr.Textbox) -> gr.HTML:
    """Ten fields, one for each part, and the button that puts them into `prompt`."""
    helper = components.component(
        "prompt_helper",
        {},
        label=texts.HELP_SECTION,
        parts=[_part(name) for name in texts.HELP_PARTS],
        longest=LONGEST_PART,
        texts={
            "intro": texts.HELP_INTRO,
            "keeps": texts.HELP_KEEPS,
            "put": texts.HELP_PUT,
            "clear": texts.HELP_CLEAR,
        },
    )
    helper.input(on_input, None, helper, trigger_mode="always_last", **components.QUIET)
    helper.submit(on_submit, prompt, [prompt, helper], **components.QUIET)
    return helper


def on_input(event: gr.EventData) -> dict[str, str]:
    """What the parts are as a prompt, while they are filled in; it may come after an answer to a
    later press, and takes nothing of that back."""
    return {"preview": compose(getattr(event, "parts", {}))}


def on_submit(event: gr.EventData, prompt: str) -> tuple[Any, Any]:
    """The prompt with the parts in it, in place of those that the browser had `composed` before,
    and what the helper says to that."""
    composed = compose(getattr(event, "parts", {}))
    if not composed:
        return gr.skip(), {"said": texts.HELP_EMPTY}
    said = texts.HELP_DONE.format(composed=composed)
    before = str(getattr(event, "composed", ""))
    return put(prompt, composed, before), {"composed": composed, "said": said}


def _part(name: str) -> dict[str, Any]:
    label, decides, example = texts.HELP_PARTS[name]
    words = texts.HELP_WORDS.get(name, ())
    return {"name": name, "label": label, "decides": decides, "example": example, "words": words}


def offer_nouns(negative_prompt: gr.Textbox) -> gr.HTML:
    """A line below `negative_prompt` that offers nouns where it holds instructions."""
    offer = components.component(
        "nouns",
        "",
        elem_id="nouns",
        label=texts.NEGATIVE_PROMPT_LABEL,
        texts={"use": texts.NOUNS_USE},
    )
    negative_prompt.blur(offered, negative_prompt, offer, **components.QUIET)
    offer.select(
        lambda wish: (nouns(wish), ""),
        negative_prompt,
        [negative_prompt, offer],
        **components.QUIET,
    )
    return offer


def offered(wish: str) -> str:
    """What the line below the negative prompt says; nothing where nothing is to be said."""
    better = nouns(wish)
    return "" if better in ("", wish) else texts.NOUNS_OFFER.format(nouns=better)
