"""What a clip is called when it is saved: telling, and safe in any file system."""

import re
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect
from served import FOX, actions_of, choose, finished_takes, open_page, press_generate, wait_for

from page.file_name import MOST_BYTES, name_of


def job(prompt, *, seed=7, is_demo=False, take=None):
    entry = SimpleNamespace(request={"prompt": prompt, "seed": seed}, take=take)
    return SimpleNamespace(entry=entry, is_demo=is_demo, generation_id="gen:1")


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("A fox in the snow, low sun.", "A-fox-in-the-snow-low-sun-seed-7.mp4"),
        ("../../etc/passwd", "etc-passwd-seed-7.mp4"),
        ('a:b*c?"<d>|e\\f/g\x00\n', "a-b-c-d-e-f-g-seed-7.mp4"),
        ("CON", "CON-seed-7.mp4"),
        ("--rm -rf ~", "rm-rf-seed-7.mp4"),
        ("\u202efdp.exe", "fdp-exe-seed-7.mp4"),
        ("一只狐狸走过雪地", "一只狐狸走过雪地-seed-7.mp4"),
        ("किताब", "किताब-seed-7.mp4"),
        ("🦊 !!", "clip-seed-7.mp4"),
    ],
)
def test_a_name_tells_the_prompt_and_no_more_than_any_file_system_takes(prompt, name):
    assert name_of(job(prompt)) == name


def test_a_name_tells_the_take_and_what_is_a_drawing():
    assert name_of(job("a fox", is_demo=True, take=2)) == "demo-a-fox-take-2-seed-7.mp4"


def test_what_was_only_looked_for_is_called_by_its_id():
    found = job("")
    found.entry.request = None
    assert name_of(found, ending="mp4.unchecked") == "gen-1.mp4.unchecked"


@pytest.mark.parametrize("prompt", ["fox " * 999, "狐" * 4000, "🦊狐" * 2000])
def test_a_long_prompt_gives_a_name_of_bounded_length_that_ends_in_a_whole_word(prompt):
    name = name_of(job(prompt, seed=2**32 - 1, take=4))
    assert len(name.encode()) <= MOST_BYTES + len("-take-4-seed-4294967295.mp4")
    assert name.removesuffix("-take-4-seed-4294967295.mp4")[-1] in "x狐"


def test_each_take_is_saved_under_a_name_of_its_own(demo_page, tab):
    open_page(tab, demo_page)
    choose(tab, "2")
    press_generate(tab, FOX)
    done = finished_takes(tab)
    expect(done).to_have_count(2)
    wait_for(tab, re.compile("Your demo clip is ready"))
    with tab.expect_download() as by_button:
        tab.locator("#download").click()
    names = []
    for number in range(2):
        with tab.expect_download() as by_link:
            actions_of(done.nth(number)).get_by_role("link", name="Download").click()
        names.append(by_link.value.suggested_filename)
    assert len(set(names)) == 2
    assert by_button.value.suggested_filename in names
    for take, name in enumerate(names, 1):
        assert f"-take-{take}-seed-" in name
        assert name.startswith("demo-A-red-fox")
