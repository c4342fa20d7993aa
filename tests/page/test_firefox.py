"""The page's main way once through in Firefox."""

import re

import pytest
from firefox import Firefox
from served import FOX

TITLE = "document.querySelector('#status .title')?.textContent"
VIDEO = "document.querySelector('#video video')"
DECODES_H264 = """
return document.createElement("video").canPlayType('video/mp4; codecs="avc1.640028, mp4a.40.2"');
"""
NOTE_TITLES = f"""
window.titles = new Set();
new MutationObserver(() => titles.add({TITLE}))
  .observe(document.body, {{ childList: true, subtree: true, characterData: true }});
"""

OF_LEAVING = "AbortError|Connection errored out"
"""What Gradio's client logs: Firefox aborts a stream before the page hears that it is left."""


@pytest.mark.timeout(300)  # a Firefox starts for half a minute on a busy machine
def test_a_visitor_makes_a_clip_in_firefox(demo_page):
    with Firefox() as firefox:
        firefox.tell("WebDriver:Navigate", url=demo_page.url)
        firefox.wait_for(
            f"{TITLE} === 'Ready when you are' && document.querySelector('#cost').innerText"
        )
        assert firefox.run(DECODES_H264), "This Firefox decodes no H.264: install libavcodec."
        firefox.run(NOTE_TITLES)
        firefox.type("//*[@id='prompt']//textarea", FOX)
        for field, choice in (("duration", "4 s"), ("resolution", "720p")):
            firefox.click(f"//*[@id='chips']//button[@data-field='{field}']")
            firefox.click(f"//label[normalize-space()='{choice}']")
        firefox.click("//button[@id='generate']")
        firefox.wait_for(f"{TITLE} === 'Your demo clip is ready'")
        assert "Making the video" in firefox.run("return [...titles]")
        firefox.wait_for(f"{VIDEO}.readyState >= 2 && {VIDEO}.videoWidth === 320")
        firefox.run(f"{VIDEO}.muted = true; {VIDEO}.play();")
        firefox.wait_for(f"{VIDEO}.currentTime > 0.2")
        assert firefox.errors() == []

        firefox.tell("WebDriver:Refresh")
        firefox.wait_for(f"{TITLE} === 'Your demo clip is ready'")
        firefox.wait_for(f"{VIDEO}.readyState >= 2")
        assert firefox.run("return document.querySelector('#prompt textarea').value") == FOX
        assert [each for each in firefox.errors() if not re.search(OF_LEAVING, each)] == []
