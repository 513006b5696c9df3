"""The table of promises in README.md is what was recorded: nothing stands there by hand, and nothing that is promised is missing."""

import pytest

from tests.promises.book import README, Entry, Reached, files, gather, read_book, said, table, table_in, with_table


def test_the_readme_shows_what_was_recorded() -> None:
    assert table_in(README.read_text(encoding="utf-8")) == table(read_book()), "run `make promises`"


def test_every_promise_has_its_row_and_every_record_its_file() -> None:
    rows = table({})
    assert [name for name in files() if f"| [{name}](" not in rows] == []
    assert rows.count("not recorded yet") == len(files())
    assert sorted(read_book().keys() - files().keys()) == [], "a promise was recorded whose file is gone"


@pytest.mark.parametrize("name", sorted(files()))
def test_a_promise_says_what_it_is_and_how_it_is_tried(name: str) -> None:
    promise, how = said(files()[name])
    assert promise
    assert how
    assert "|" not in promise + how


def test_what_several_tests_reached_is_added_up() -> None:
    told = [Reached("P1", 3, "mails", seeds=1), Reached("P1", 40, "touches", faults=2), Reached("P1", 4, "mails", seeds=2), Reached("P2", 1, "x")]
    assert gather(told, "2026-04-07", "v")["P1"] == Entry("2026-04-07", "v", {"touches": 40, "mails": 7}, seeds=3, faults=2)


def test_a_table_is_written_between_its_markers() -> None:
    readme = README.read_text(encoding="utf-8")
    changed = with_table(readme, "| x |\n")
    assert table_in(changed) == "| x |\n"
    assert with_table(changed, table_in(readme)) == readme
