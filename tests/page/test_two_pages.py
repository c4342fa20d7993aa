"""Two pages live in one process: each has its own service, and knows nothing of the other's."""

from served import in_a_fresh_python

TWO = """
import asyncio, json, tempfile
from contextlib import ExitStack
from pathlib import Path

import app
from backend import config
from backend.data_folder import InUse
from backend.service import Service
from gradio_client import Client

FORM = {"prompt": "a fox", "duration": 4, "resolution": "720p"}

def served(service):
    page = app.build_page(service)
    page.launch(prevent_thread_lock=True, quiet=True, app_kwargs={"lifespan": service.lifespan})
    return page

with ExitStack() as until_the_end:
    services, pages = [], []
    for _ in range(2):
        folder = until_the_end.enter_context(tempfile.TemporaryDirectory())
        settings = config.read({"VEO_DATA_DIR": folder})
        services.append(until_the_end.enter_context(Service(settings)))
        pages.append(served(services[-1]))
    first, second = services
    assert first.jobs is not second.jobs and first.prices is not second.prices

    file, facts = Client(pages[0].local_url, verbose=False).predict(api_name="/generate", **FORM)
    assert facts["demo"]
    found = [list(each.storage.folder.rglob("*.mp4")) for each in services]
    assert [len(each) for each in found] == [1, 0], found
    assert found[0][0].read_bytes() == Path(file).read_bytes()
    # The demo of the second has not begun, and does not know the id of the first's.
    assert ["demo_service" in vars(each) for each in services] == [True, False]
    try:
        Client(pages[1].local_url, verbose=False).predict(
            facts["generation_id"], api_name="/status"
        )
    except Exception as error:
        assert facts["generation_id"] in str(error), error
    else:
        raise AssertionError("an id of another page's demo is known")
    Client(pages[1].local_url, verbose=False).predict(api_name="/generate", **FORM)
    assert [len(list(each.storage.folder.rglob("*.mp4"))) for each in services] == [1, 1]
    assert first.demo_service.base_url != second.demo_service.base_url

    # A data folder is one service's.
    try:
        with Service(first.settings):
            raise AssertionError("two in one folder")
    except InUse:
        pass
    for page, service in zip(pages, services):
        service.stop_jobs()
        page.close()

"""


def test_two_pages_in_one_process_share_nothing():
    in_a_fresh_python(TWO)
