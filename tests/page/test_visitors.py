"""Who a visitor is to the page, from their browser's first moment."""

import re

import pytest
from playwright.sync_api import expect

from page.visitors import owner_of_scope

BLOCKED = """
Object.defineProperty(window, 'sessionStorage', {
  get() { throw new DOMException('The storage is blocked.', 'SecurityError'); },
});
"""

TOO_EARLY = """
const getItem = Storage.prototype.getItem;
Storage.prototype.getItem = function (key) {
  return key === 'veo-3.1' ? null : getItem.call(this, key);
};
"""


@pytest.mark.new_browser
def test_without_a_storage_for_the_tab_the_page_is_priced_all_the_same(keyed_page, tab):
    """Without one that lasts, Gradio itself shows nothing."""
    tab.add_init_script(BLOCKED)
    tab.goto(keyed_page.url)
    expect(tab.locator("#cost")).not_to_be_empty()
    expect(tab.locator("#generate")).to_contain_text("free")


def test_two_first_tabs_at_once_are_one_visitor(keyed_page, tab):
    """The second has read what is kept before the first has written it."""
    tabs, visitors = [tab, tab.context.new_page()], []
    tabs[1].add_init_script(TOO_EARLY)
    for each in tabs:
        seen = set()
        each.on("request", lambda request, seen=seen: seen.update(ids_in(request)))
        each.goto(keyed_page.url)
        expect(each.locator("#cost")).not_to_be_empty()
        visitors.append(seen)
    assert visitors[0] == visitors[1]
    assert len(visitors[0]) == 1


def ids_in(request):
    return re.findall(r'"visitor":"(\w+)"', request.post_data or "")


AT_ONCE = """const after = "%s";
requestAnimationFrame(function look() {
  const button = document.querySelector("#generate");
  const prompt = document.querySelector("#prompt textarea");
  if (!button || !prompt || document.getElementById(after)) requestAnimationFrame(look);
  else {
    prompt.value = "a heron, at once";
    prompt.dispatchEvent(new Event("input", { bubbles: true }));
    setTimeout(() => button.click(), 0);
  }
})"""


@pytest.mark.new_browser
@pytest.mark.parametrize("after", ["first-paint", "nothing"])
def test_a_press_in_the_first_frame_of_the_form_is_the_new_visitors(after, demo_page, tab):
    """The id that their browser made before, and not one that the server makes for who has none;
    even of a press that comes before the page itself has begun."""
    tab.add_init_script(AT_ONCE % after)
    tab.goto(demo_page.url)
    expect(tab.locator("#status code")).not_to_be_empty()
    pressed = [row for row in demo_page.rows() if "a heron, at once" in str(row["request"])][-1]
    assert pressed["owner"] == f"browser:{tab.evaluate('localStorage.veoVisitor')}"


def test_a_request_outside_of_gradio_is_its_browsers_or_a_logins():
    told = [(b"x-veo-visitor", b"v" * 40)]
    login = {"session": {"oauth_info": {"userinfo": {"sub": "ann"}}}}
    assert owner_of_scope({"headers": told}) == "browser:" + "v" * 40
    assert owner_of_scope({"headers": told, **login}) == "login:ann"
    # What another page's form may send has no such header, though it has a login.
    assert owner_of_scope({"headers": [], **login}) is None
    assert owner_of_scope({"headers": [(b"x-veo-visitor", b"short")]}) is None
