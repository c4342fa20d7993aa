"""What the environment says of the server, and what it cannot mean."""

import re
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
import sqlalchemy as sa

from backend import config
from backend.config import WrongSetting, read
from backend.data_folder import data_folder_held
from backend.ledger import Ledger, Limits, OutOfReach, UnusableLedger

SPACE = {"SPACE_ID": "somebody/film-a-sentence"}
NUMBERS = [
    "VEO_KEEP_GB",
    "VEO_KEY_MINUTES",
    "VEO_CLIPS_A_VISITOR",
    "VEO_DOLLARS_A_VISITOR",
    "VEO_CLIPS_A_DAY",
    "VEO_DOLLARS_A_DAY",
]


@pytest.fixture(autouse=True)
def nobodys_folders(monkeypatch):
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)


def test_at_home_the_data_is_the_persons_own_and_nothing_is_limited(tmp_path):
    found = read({})
    assert tmp_path in found.data.parents
    assert found.data.name == "film-a-sentence"
    assert sa.make_url(found.database_url).database == str(found.data / "ledger.sqlite")
    assert (found.keep_bytes, found.key_seconds) == (5e9, 3600)
    assert (found.limits, found.may_share_key, found.on_space) == (Limits(), True, False)
    assert not found.data.exists()


def test_on_a_space_visitors_are_limited_and_the_key_is_the_owners():
    found = read(SPACE)
    assert found.on_space
    assert not found.may_share_key
    assert found.limits == Limits(clips_a_visitor=3, dollars_a_visitor=10, clips=30, dollars=100)


@pytest.mark.parametrize(
    ("environment", "at_home"),
    [
        ({}, True),
        ({"GRADIO_SERVER_NAME": "localhost"}, True),
        ({"GRADIO_SERVER_NAME": "::1"}, True),
        ({"GRADIO_SERVER_NAME": "[::1]"}, True),
        ({"VEO_ALLOWED_HOSTS": "localhost"}, True),
        ({"GRADIO_SERVER_NAME": "0.0.0.0"}, False),  # noqa: S104
        ({"GRADIO_SERVER_NAME": "::"}, False),
        ({"GRADIO_SERVER_NAME": "nas.home"}, False),
        ({"VEO_ALLOWED_HOSTS": "film.example"}, False),
        ({"GRADIO_ROOT_PATH": "/veo"}, False),
        ({"GRADIO_ROOT_PATH": "https://film.example/veo"}, False),
        (SPACE, False),
    ],
    ids=str,
)
def test_at_home_is_where_nobody_else_comes(environment, at_home):
    assert read(environment).is_at_home is at_home


@pytest.mark.parametrize("said", ["", "0", "no", "1"])
def test_the_servers_key_is_shared_on_a_space_only_when_told(said):
    assert read({**SPACE, "VEO_SHARE_SERVER_KEY": said}).may_share_key is (said == "1")


def test_on_a_space_the_data_is_on_its_disk_if_there_is_one(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "SPACE_DISK", tmp_path / "disk")
    assert read(SPACE).data.name == "film-a-sentence"
    (tmp_path / "disk").mkdir()
    assert read(SPACE).data == tmp_path / "disk"
    assert read({}).data.name == "film-a-sentence"


def test_every_variable_is_obeyed(tmp_path):
    found = read(
        {
            "VEO_DATA_DIR": str(tmp_path / "data"),
            "VEO_DATABASE_URL": "postgresql+psycopg://me:secret@db/veo",
            "VEO_KEEP_GB": " 0.5 ",
            "VEO_KEY_MINUTES": "1.5",
            "VEO_CLIPS_A_VISITOR": "1",
            "VEO_DOLLARS_A_VISITOR": "2.5",
            "VEO_CLIPS_A_DAY": "0",
            "VEO_DOLLARS_A_DAY": "1e3",
        }
    )
    assert found.data == tmp_path / "data"
    assert found.database_url == "postgresql+psycopg://me:secret@db/veo"
    assert (found.keep_bytes, found.key_seconds) == (5e8, 90)
    assert found.limits == Limits(clips_a_visitor=1, dollars_a_visitor=2.5, clips=0, dollars=1000)


REACHED_BY_ALL = "postgresql+psycopg://me:secret@db/veo"


@pytest.mark.parametrize(("said", "several"), [("many", True), ("Many", True), ("one", False)])
def test_several_servers_are_told(said, several):
    shared = {"VEO_DATABASE_URL": REACHED_BY_ALL, "VEO_CLIPS": "s3://clips/veo"}
    found = read({"VEO_SERVERS": said, **shared})
    assert found.several_servers is several
    assert not read({}).several_servers


@pytest.mark.parametrize("url", ["", "sqlite:////elsewhere"])
def test_several_servers_need_a_ledger_that_all_of_them_reach(url):
    with pytest.raises(WrongSetting, match=r"^VEO_SERVERS=many needs .* set VEO_DATABASE_URL"):
        read({"VEO_SERVERS": "many", "VEO_DATABASE_URL": url})


def test_another_number_of_servers_is_named():
    with pytest.raises(WrongSetting, match=r"^VEO_SERVERS must be one or many; it is '3'"):
        read({"VEO_SERVERS": "3", "VEO_DATABASE_URL": REACHED_BY_ALL})


def test_several_servers_need_a_place_for_clips_that_all_of_them_reach():
    with pytest.raises(WrongSetting, match=r"^VEO_SERVERS=many needs .* set VEO_CLIPS"):
        read({"VEO_SERVERS": "many", "VEO_DATABASE_URL": REACHED_BY_ALL})


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_variable_is_none(empty):
    names = [*NUMBERS, "VEO_DATA_DIR", "VEO_DATABASE_URL", "VEO_SHARE_SERVER_KEY"]
    assert read(dict.fromkeys(names, empty)) == read({})


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "text", ["five", "-1", "nan", "1,5", "5 GB", "0x1", "inf", "-inf", "1e999"]
)
def test_a_number_that_is_none_is_named(name, text):
    with pytest.raises(WrongSetting, match=f"^{name} must be a number, 0 or more; it is '{text}'"):
        read({name: text})


def test_a_relative_folder_is_the_same_wherever_the_server_goes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read({"VEO_DATA_DIR": "clips"}).data == tmp_path / "clips"


@pytest.mark.parametrize("name", ["a b", "100%41", "why?", "#1", "ü", "a&b=c", "50%"])
def test_the_ledger_is_in_the_data_folder_whatever_that_is_called(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    Ledger(read({"VEO_DATA_DIR": str(folder)}).database_url).close()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (folder / "ledger.sqlite").is_file()


def test_the_databases_password_is_not_shown():
    found = read({"VEO_DATABASE_URL": "postgresql+psycopg://me:secret@db/veo"})
    assert "secret" not in repr(found)


def test_the_real_environment_is_read_when_asked(monkeypatch):
    monkeypatch.setenv("VEO_KEEP_GB", "7")
    assert read().keep_bytes == 7e9


def test_the_documentation_names_every_variable_and_no_other():
    """At the top of the module, each with its default."""
    asked = set()

    class Asked(dict):
        def get(self, name, default=None):
            asked.add(name)
            return super().get(name, default)

    read(Asked(SPACE))
    told = set(re.findall(r"^    ([A-Z_]+) ", config.__doc__, re.M))
    assert told == {name for name in asked if name.startswith("VEO_")}
    assert told > set(NUMBERS)


def test_the_ledger_of_a_space_lies_on_its_own_disk_with_a_copy_on_the_kept_one(
    tmp_path, monkeypatch
):
    """The kept one is a network file system."""
    monkeypatch.setattr(config, "SPACE_DISK", tmp_path / "disk")
    (tmp_path / "disk").mkdir()
    found = read(SPACE)
    assert found.ledger_copy == tmp_path / "disk" / "ledger.sqlite"
    assert sa.make_url(found.database_url).database.startswith(str(tmp_path / ".local"))
    elsewhere = {"VEO_DATABASE_URL": "sqlite:////elsewhere"}
    assert read({**SPACE, **elsewhere}).ledger_copy is None
    assert read({**SPACE, "VEO_DATA_DIR": str(tmp_path)}).ledger_copy is None
    assert read({"VEO_DATA_DIR": str(tmp_path / "disk")}).ledger_copy is None


def test_a_data_folder_is_for_nobody_elses_eyes(tmp_path):
    ours, there_before = tmp_path / "new" / "data", tmp_path / "there"
    there_before.mkdir(mode=0o755)
    for folder in (ours, there_before):
        found = read({"VEO_DATA_DIR": str(folder)})
        for _ in range(2):
            with data_folder_held(found.data):
                assert folder.stat().st_mode & 0o777 == 0o700
                assert (folder / "clips").stat().st_mode & 0o777 == 0o700


# Other spellings of the same


SWITCHES = ["VEO_MCP", "VEO_SHARE_SERVER_KEY"]


@pytest.mark.parametrize("name", SWITCHES)
@pytest.mark.parametrize(
    ("said", "on"),
    [
        *(
            (said, True)
            for said in ("1", "true", "TRUE", "yes", "Yes", "on", " on\n", '"1"', "'y'")
        ),
        *((said, False) for said in ("0", "false", "no", "off", "", '""', "False", "N", " ")),
    ],
)
def test_a_switch_is_understood_however_it_is_said(name, said, on):
    found = read({**SPACE, name: said})
    assert {"VEO_MCP": found.mcp, "VEO_SHARE_SERVER_KEY": found.may_share_key}[name] is on


@pytest.mark.parametrize("name", SWITCHES)
@pytest.mark.parametrize("said", ["maybe", "2", "yes please", "-1", "1 # agents"])
def test_a_switch_that_is_neither_is_named(name, said):
    with pytest.raises(WrongSetting, match=f"^{name} must be 1 or 0, or yes or no; it is "):
        read({name: said})


def test_a_folder_is_what_a_shell_would_take_it_for(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SOMEWHERE", "else where")
    for said, meant in {
        "~/veo": tmp_path / "veo",
        "~": tmp_path,
        "$HOME/veo": tmp_path / "veo",
        "${HOME}/veo": tmp_path / "veo",
        '"$HOME/my clips"': tmp_path / "my clips",
        "'~/veo'\n": tmp_path / "veo",
        "\ufeff~/veo": tmp_path / "veo",
        "~/$SOMEWHERE": tmp_path / "else where",
        "~/100%": tmp_path / "100%",
        "~/a$": tmp_path / "a$",
    }.items():
        assert read({"VEO_DATA_DIR": said}).data == meant, said


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("${HOME:-/data}/veo", "spell it out"),
        ("$(pwd)/veo", "spell it out"),
        ("/`hostname`/veo", "spell it out"),
        ("$NOWHERE/veo", "NOWHERE is not set"),
        ("${NOWHERE}", "NOWHERE is not set"),
        ("~nobody-here/veo", "nobody here has that home"),
        ("file:///data", "must be the path of a folder"),
        ("s3://bucket/veo", "must be the path of a folder"),
        ("postgres://me:secret@db/veo", "is an address.$"),
    ],
)
def test_a_folder_that_is_none_is_named(said, says):
    with pytest.raises(WrongSetting, match=f"^VEO_DATA_DIR .*{says}"):
        read({"VEO_DATA_DIR": said})


POSTGRES = [
    "postgres://me:secret@db/veo",
    "postgresql://me:secret@db/veo",
    "POSTGRES://me:secret@db/veo",
    '"postgres://me:secret@db/veo"',
    " postgresql://me:secret@db/veo\n",
]


@pytest.mark.parametrize("url", POSTGRES)
@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_a_database_is_asked_by_the_driver_that_is_there(url, driver, monkeypatch):
    """Hosts name none, and SQLAlchemy knows no `postgres`."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == driver or None)
    found = sa.make_url(read({"VEO_DATABASE_URL": url}).database_url)
    assert found.drivername == f"postgresql+{driver}"
    assert found.render_as_string(hide_password=False).endswith("://me:secret@db/veo")


@pytest.mark.parametrize("url", POSTGRES)
def test_a_driver_that_is_not_there_is_named_and_the_password_is_not(url, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(WrongSetting, match=r"^VEO_DATABASE_URL needs one more package") as caught:
        read({"VEO_DATABASE_URL": url})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "DATABASE_URL=postgres://me:secret@db/veo",
        "me:secret@db/veo",
        "postgres:me:secret@db/veo",
        "postgresql://me@db:secret/veo",
        "postgresql://me:secret@[::1/veo",
        "postgresql://me:p@secret@db/veo",
        "postgresql://me:p@ss/secret@db/veo",
        "mysql://me:p@secret@db/veo",
        "/data/secret.sqlite",
    ],
)
def test_an_address_that_is_no_database_s_is_named_and_not_shown(url):
    with pytest.raises(WrongSetting, match=r"^VEO_DATABASE_URL must look like") as caught:
        read({"VEO_DATABASE_URL": url})
    assert "secret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("secret", ["?user=me&password=secret", "?passfile=/secret&password=x"])
def test_a_password_behind_the_name_of_a_database_is_not_shown(secret, tmp_path):
    """A client of PostgreSQL takes it there, too."""
    url = read({"VEO_DATABASE_URL": f"postgresql+psycopg://127.0.0.1:1/veo{secret}"}).database_url
    with pytest.raises((OutOfReach, UnusableLedger)) as caught:
        Ledger(url)
    assert "127.0.0.1:1/veo" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_driver_is_chosen_by_the_old_name_too():
    url = "postgres+psycopg2://db/veo"
    assert read({"VEO_DATABASE_URL": url}).database_url == "postgresql+psycopg2://db/veo"


def test_a_driver_that_was_chosen_stays(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    for url in ("postgresql+psycopg2://db/veo", "sqlite:////data/veo.sqlite", "mysql://db/veo"):
        assert read({"VEO_DATABASE_URL": url}).database_url == url


def test_a_ledger_in_a_home_is_found_there(tmp_path):
    url = read({"VEO_DATABASE_URL": "sqlite:///~/a b.sqlite"}).database_url
    assert sa.make_url(url).database == str(tmp_path / "a b.sqlite")
    timed = sa.make_url(read({"VEO_DATABASE_URL": "sqlite:///~/a?timeout=5"}).database_url)
    assert (timed.database, timed.query) == (str(tmp_path / "a"), {"timeout": "5"})


MONEY = [name for name in NUMBERS if "DOLLARS" in name]


@pytest.mark.parametrize("name", MONEY)
@pytest.mark.parametrize(
    "said", ["5", "$5", "$ 5.00", "5 USD", "5usd", "USD 5", "US$5", "5$", "5 dollars", '"$5"']
)
def test_an_amount_may_say_that_it_is_dollars(name, said):
    limits = read({name: said}).limits
    assert {"VEO_DOLLARS_A_VISITOR": limits.dollars_a_visitor}.get(name, limits.dollars) == 5


@pytest.mark.parametrize("name", MONEY)
@pytest.mark.parametrize("said", ["5,00", "1,000", "€5", "5 EUR", "$", "$-5", "unlimited", "$5$5"])
def test_an_amount_that_could_be_another_is_named(name, said):
    with pytest.raises(WrongSetting, match=f"^{name} must be a number, 0 or more; it is "):
        read({name: said})


@pytest.mark.parametrize("said", ["0", "-1", "65536", "http", "7860/", "1e3", "٧٨٦٠"])
def test_a_port_that_is_none_is_named(said):
    with pytest.raises(WrongSetting, match=r"^GRADIO_SERVER_PORT must be a port"):
        read({"GRADIO_SERVER_PORT": said})


def test_the_address_is_read_with_the_rest():
    assert (read({}).address, read({}).port) == ("127.0.0.1", None)
    found = read({"GRADIO_SERVER_NAME": "'::1'", "GRADIO_SERVER_PORT": '"8080"'})
    assert (found.address, found.port) == ("[::1]", 8080)


# A bucket


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ""),
        ("s3://clips", "s3://clips"),
        ("s3://my.clips-1/of/a_class=7/", "s3://my.clips-1/of/a_class=7"),
        (' "s3://clips/veo" ', "s3://clips/veo"),
    ],
)
def test_clips_may_lie_in_a_bucket(text, found):
    assert read({"VEO_CLIPS": text}).clips == found


@pytest.mark.parametrize(
    "text",
    [
        "clips",
        "/data/clips",
        "s3:clips",
        "s3://",
        "s3://a",
        "s3://Clips",
        "s3://clips?endpoint=x",
        "s3://id:canary@clips/x",
        "s3://clips/../x",
        "s3://clips//x",
        "s3://clips/é",
        "gs://clips",
        "https://clips.s3.amazonaws.com/canary",
    ],
)
def test_what_is_no_bucket_is_told_and_not_shown(text):
    with pytest.raises(WrongSetting, match=r"^VEO_CLIPS must look like s3://bucket") as caught:
        read({"VEO_CLIPS": text})
    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_a_missing_package_for_a_bucket_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(WrongSetting, match=r"^VEO_CLIPS needs one more package: pip install ob"):
        read({"VEO_CLIPS": "s3://clips"})


@pytest.mark.slow
def test_without_a_bucket_nothing_of_it_is_imported():
    code = """
import sys
from backend import config, service
service.Service(config.read({}))
assert "obstore" not in sys.modules
assert "backend.bucket" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True)
