"""What a source's files and databases give, what is refused, and where the fault is said to be."""

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from sqlalchemy import create_engine, text

from engine.calendar import zone
from engine.errors import BansoError, Fault
from engine.records.database import stage_database
from engine.records.intake import Reason, SourceRequest, Staged
from engine.records.record import COLUMNS, NO_NUMBER, NO_VALUE
from engine.records.source import stage_files

Rows = list[dict[str, object]]
HEADER = "id,company,event,field,value,at,props\n"
SELECT = """SELECT id AS source_id, company AS account_id, event, field, value, "at" AS occurred_at, props AS properties
FROM read_csv('log.csv', header = true, all_varchar = true)"""
LOGIN = "1,c1,product.login,,,2026-04-07T10:00:00Z,\n"
AT_TEN = 1_775_556_000_000_000


@pytest.fixture
def request_(tmp_path: Path) -> SourceRequest:
    kinds = {"product.start": "date", "product.seats": "number"}
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (tmp_path / "data").mkdir()
    return SourceRequest(
        "log", SELECT, "rules/sources/log.sql", frozenset({"product"}), kinds, {"product.applied": "application"}, zone("Asia/Tokyo"), "id", scratch
    )


@pytest.fixture
def stage(request_: SourceRequest, tmp_path: Path) -> Callable[..., tuple[Staged, Rows]]:
    """Writes files into the data directory and stages them; gives the result and the rows of `staged` by source_id."""

    def run(files: Mapping[str, str | bytes], known: Mapping[str, str] | None = None, **changes: str) -> tuple[Staged, Rows]:
        for name, content in files.items():
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        conn = duckdb.connect()
        found = stage_files(conn, replace(request_, **changes), tmp_path / "data", known or {})
        return found, rows_of(conn)

    return run


Stage = Callable[..., tuple[Staged, Rows]]


def rows_of(conn: duckdb.DuckDBPyConnection) -> Rows:
    cursor = conn.execute("SELECT * FROM staged ORDER BY source_id")
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def fault_of(stage: Stage, files: Mapping[str, str | bytes], **changes: str) -> Fault:
    with pytest.raises(BansoError) as caught:
        stage(files, **changes)
    return caught.value.faults[0]


def test_rows_become_records(stage: Stage) -> None:
    applied = """2,c1,product.applied,,,2026-04-07 19:00:00+09:00,"{""application"": ""a7""}"\n"""
    start = "3,c1,,product.start,4月7日,2026-04-06T20:00:00Z,\n"  # 5:00 on the 7th in Tokyo
    staged, rows = stage({"log.csv": HEADER + LOGIN + applied + start})
    assert (staged.read, staged.repeated, staged.refusals, staged.unfinished) == (3, 0, (), ())
    assert list(rows[0]) == [*COLUMNS, "bucket"]
    login = {"source": "log", "source_id": "1", "account_id": "c1", "occurred_at": AT_TEN, "known_at": None, "contact_id": None}
    login |= {"event": "product.login", "field": None, "value": None, "number": None, "key": None, "properties": None, "bucket": "a9"}
    assert rows[0] == login
    assert (rows[1]["occurred_at"], rows[1]["key"]) == (AT_TEN, "a7")
    assert (rows[2]["value"], rows[2]["number"]) == ("2026-04-07", 20550)


def test_a_day_without_a_year_counts_from_the_local_day(stage: Stage) -> None:
    _, rows = stage({"log.csv": HEADER + "1,c1,,product.start,4/7,2026-04-07T16:00:00Z,\n"})  # the 8th in Tokyo
    assert rows[0]["value"] == "2027-04-07"


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        pytest.param("product.seats", "１２", ("12", 12), id="a declared number"),
        pytest.param("product.seats", "many", ("many", NO_NUMBER), id="a declared number that is none"),
        pytest.param("product.seats", "", (NO_VALUE, NO_NUMBER), id="a cleared number"),
        pytest.param("product.note", "　12 ", ("12", NO_NUMBER), id="an undeclared field is text"),
    ],
)
def test_values_have_the_meaning_of_their_kind(stage: Stage, field: str, value: str, found: tuple[str, int]) -> None:
    _, rows = stage({"log.csv": HEADER + f"1,c1,,{field},{value},2026-04-07,\n"})
    assert (rows[0]["value"], rows[0]["number"]) == found


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        pytest.param("2,,product.login,,,2026-04-07,", Reason.NO_ACCOUNT, id="no account"),
        pytest.param('2,"  ",product.login,,,2026-04-07,', Reason.NO_ACCOUNT, id="an account of spaces"),
        pytest.param("2,c1,product.login,,,,", Reason.NO_TIME, id="no time"),
        pytest.param("2,c1,product.login,,,07.04.2026 10:00,", Reason.NO_TIME, id="a time that is not ISO"),
        pytest.param("2,c1,product.login,,,2026-02-30T10:00:00Z,", Reason.NO_TIME, id="a day that does not exist"),
        pytest.param("2,c1,product.login,,,1989-12-31T23:59:59Z,", Reason.TIME_OUT_OF_RANGE, id="before 1990"),
        pytest.param("2,c1,product.login,,,2100-01-01T00:00:00Z,", Reason.TIME_OUT_OF_RANGE, id="from 2100"),
        pytest.param("2,c1,,,5,2026-04-07,", Reason.NO_EVENT_OR_FIELD, id="neither event nor field"),
        pytest.param("2,c1,product.login,product.seats,5,2026-04-07,", Reason.BOTH_EVENT_AND_FIELD, id="both event and field"),
        pytest.param("2,c1,product.LogIn,,,2026-04-07,", Reason.BAD_NAME, id="capitals in a name"),
        pytest.param("2,c1,login,,,2026-04-07,", Reason.BAD_NAME, id="a name without a prefix"),
        pytest.param("2,c1,sfa.lost,,,2026-04-07,", Reason.FOREIGN_PREFIX, id="another source's event"),
        pytest.param(f"2,c1,,product.note,{'x' * 10_001},2026-04-07,", Reason.VALUE_TOO_LONG, id="a value of 10,001 characters"),
        pytest.param("2,c1,product.login,,,2026-04-07,{broken", Reason.BAD_PROPERTIES, id="properties that are no JSON"),
        pytest.param("2,c1,product.login,,,2026-04-07,[1]", Reason.BAD_PROPERTIES, id="properties that are a list"),
        pytest.param("1,c1,product.logout,,,2026-04-07,", Reason.CONFLICTING_REPEAT, id="the same id says something else"),
        pytest.param("2,c1,product.login,,,2026-04-07,,8,9", Reason.STRUCTURE, id="too many columns"),
    ],
)
def test_a_wrong_row_is_kept_aside_and_the_rest_goes_on(stage: Stage, row: str, reason: Reason) -> None:
    staged, rows = stage({"log.csv": HEADER + LOGIN + row + "\n" + "3,c1,product.login,,,2026-04-07,\n"})
    [refusal] = staged.refusals
    assert (refusal.reason, refusal.file, refusal.line) == (reason, "log.csv", 3)
    assert json.loads(refusal.content)
    assert [found["source_id"] for found in rows] == ["1", "3"]


def test_the_line_is_right_after_blank_lines_quoted_lines_and_rejected_rows(stage: Stage) -> None:
    lines = [LOGIN, "\n", '2,c1,,product.note,"one\ntwo\nthree",2026-04-07,\n', "too,few\n", "3,,product.login,,,2026-04-07,\n"]
    staged, _ = stage({"log.csv": HEADER + "".join(lines)})
    assert [(refusal.reason, refusal.line) for refusal in staged.refusals] == [(Reason.STRUCTURE, 7), (Reason.NO_ACCOUNT, 8)]


def test_the_line_is_counted_in_its_own_file_of_many_and_through_a_union(stage: Stage) -> None:
    half = SELECT.replace("log.csv", "day-*.csv")
    sql = f"{half}\nUNION ALL\n{SELECT.replace('log.csv', 'other.csv')} ORDER BY source_id"
    bad = "9,,product.login,,,2026-04-07,\n"
    files = {"day-1.csv": HEADER + LOGIN, "day-2.csv": HEADER + LOGIN.replace("1,", "2,", 1) + bad, "other.csv": HEADER + bad.replace("9", "8", 1)}
    staged, rows = stage(files, sql=sql)
    assert {(refusal.file, refusal.line) for refusal in staged.refusals} == {("day-2.csv", 3), ("other.csv", 2)}
    assert len(rows) == 2


def test_where_rows_cannot_be_followed_there_is_no_line(stage: Stage) -> None:
    sql = f"WITH log AS ({SELECT}) SELECT * FROM log"
    staged, _ = stage({"log.csv": HEADER + "1,,product.login,,,2026-04-07,\n"}, sql=sql)
    assert [(refusal.reason, refusal.line) for refusal in staged.refusals] == [(Reason.NO_ACCOUNT, None)]


def test_a_star_gives_only_the_sources_own_columns(stage: Stage) -> None:
    staged, rows = stage(
        {"s.csv": "account_id,event,occurred_at\nc1,product.login,2026-04-07\n,product.login,2026-04-07\n"},
        sql="SELECT * FROM 's.csv' WHERE s.event <> ''",
    )
    assert [refusal.line for refusal in staged.refusals] == [3]
    assert len(rows) == 1


JSON_SELECT = """SELECT id AS source_id, company AS account_id, event, "at" AS occurred_at, props AS properties
FROM read_json('log.jsonl', format = 'newline_delimited', columns = {id: 'VARCHAR', company: 'VARCHAR', event: 'VARCHAR', "at": 'VARCHAR', props: 'JSON'})"""


def json_line(number: int, company: str = "c1") -> str:
    return json.dumps({"id": str(number), "company": company, "event": "product.login", "at": "2026-04-07", "props": {"n": number}}) + "\n"


def test_lines_that_are_no_json_object_are_refused_with_their_line(stage: Stage) -> None:
    content = json_line(1) + "{broken\n" + "\n" + "[1, 2]\n" + json_line(5, company="") + json_line(6)
    staged, rows = stage({"log.jsonl": content}, sql=JSON_SELECT)
    assert [(refusal.reason, refusal.line) for refusal in staged.refusals] == [(Reason.STRUCTURE, 2), (Reason.STRUCTURE, 4), (Reason.NO_ACCOUNT, 5)]
    assert [row["properties"] for row in rows] == ['{"n":1}', '{"n":6}']


@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz"])
def test_an_unfinished_last_line_waits_for_its_end(stage: Stage, name: str) -> None:
    content = (HEADER + LOGIN + "2,c1,product.lo").encode()
    staged, rows = stage({name: gzip.compress(content) if name.endswith(".gz") else content}, sql=SELECT.replace("log.csv", name))
    assert [(left.file, left.line) for left in staged.unfinished] == [(name, 3)]
    assert [row["source_id"] for row in rows] == ["1"]


def test_an_unfinished_record_of_several_lines_waits_as_a_whole(stage: Stage) -> None:
    staged, rows = stage({"log.csv": HEADER + LOGIN + '2,c1,,product.note,"one\ntwo'})
    assert [left.line for left in staged.unfinished] == [3]
    assert (len(rows), staged.refusals) == (1, ())


def test_an_unfinished_line_of_json_waits(stage: Stage) -> None:
    staged, rows = stage({"log.jsonl": json_line(1) + json_line(2)[:-5]}, sql=JSON_SELECT)
    assert ([left.line for left in staged.unfinished], len(rows)) == ([2], 1)


def test_json_nested_without_end_and_a_field_of_megabytes_stop_nothing(stage: Stage) -> None:
    deep = '{"id": "2", "props": ' + "[" * 100_000 + "]" * 100_000 + "}\n"
    sql = """SELECT id AS source_id, company AS account_id, event, "at" AS occurred_at FROM 'log.jsonl'"""
    staged, rows = stage({"log.jsonl": json_line(1) + deep + json_line(3)}, sql=sql)
    assert ([(refusal.reason, refusal.line) for refusal in staged.refusals], len(rows)) == ([(Reason.STRUCTURE, 2)], 2)
    long = f"2,c1,,product.note,{'x' * 5_000_000},2026-04-07,\n"
    staged, rows = stage({"log.csv": HEADER + LOGIN + long})
    assert ([(refusal.reason, refusal.file) for refusal in staged.refusals], len(rows)) == ([(Reason.VALUE_TOO_LONG, "log.csv")], 1)


def test_an_empty_file_gives_nothing(stage: Stage) -> None:
    staged, rows = stage({"log.csv": ""})
    assert (staged.read, rows, staged.unchanged) == (0, [], False)


@pytest.mark.parametrize("missing", [pytest.param(9, id="the end marker"), pytest.param(40, id="half of it")])
def test_a_cut_off_gzip_gives_nothing_and_names_the_file(stage: Stage, missing: int) -> None:
    whole = gzip.compress((HEADER + LOGIN * 50).encode())
    fault = fault_of(stage, {"log.csv.gz": whole[:-missing]}, sql=SELECT.replace("log.csv", "log.csv.gz"))
    assert (fault.code, fault.place.file) == ("E603", "log.csv.gz")


def test_a_parquet_that_is_none_names_the_file(stage: Stage) -> None:
    fault = fault_of(stage, {"log.parquet": "no parquet"}, sql="SELECT * FROM 'log.parquet'")
    assert (fault.code, fault.place.file) == ("E603", "log.parquet")


def test_a_missing_data_directory_is_named(request_: SourceRequest, tmp_path: Path) -> None:
    with pytest.raises(BansoError) as caught:
        stage_files(duckdb.connect(), request_, tmp_path / "nowhere", {})
    assert caught.value.faults[0].code == "E601"


@pytest.mark.parametrize(
    ("sql", "code", "place", "near"),
    [
        pytest.param(SELECT.replace("company AS", "compani AS"), "E604", (1, 25), "company", id="an unknown column of the file"),
        pytest.param("-- 顧客の記録\n" + SELECT.replace("company AS", "compani AS"), "E604", (2, 25), "company", id="after a line of Japanese"),
        pytest.param(SELECT.replace("company AS", "uper(company) AS"), "E604", (1, 25), "upper", id="an unknown function"),
        pytest.param(SELECT.replace("event, field", "event field value"), "E604", None, None, id="a syntax error"),
        pytest.param(SELECT + "; DROP TABLE x", "E604", (0, 0), None, id="more than a SELECT"),
        pytest.param(SELECT.replace("'log.csv'", "'log' || '.csv'"), "E604", (2, 6), None, id="a file name that is computed"),
        pytest.param(SELECT.replace("AS account_id", "AS acount_id"), "E605", (1, 36), "account_id", id="a column no record has"),
        pytest.param(SELECT.replace('"at" AS occurred_at, ', ""), "E606", (0, 0), None, id="no time"),
        pytest.param(SELECT.replace(" event, field,", ""), "E606", (0, 0), None, id="neither event nor field"),
        pytest.param(SELECT.replace("log.csv", "lag.csv"), "E602", (2, 15), None, id="a file that is not there"),
        pytest.param(SELECT.replace("log.csv", "../log.csv"), "E607", (2, 15), None, id="a path that climbs out"),
        pytest.param(SELECT.replace("log.csv", "/etc/passwd"), "E607", (2, 15), None, id="a path from the root"),
        pytest.param(SELECT.replace("log.csv", "https://example.com/log.csv"), "E607", (2, 15), None, id="a file in the net"),
    ],
)
def test_faults_of_the_sql_are_reported_where_they_are(stage: Stage, sql: str, code: str, place: tuple[int, int] | None, near: str | None) -> None:
    fault = fault_of(stage, {"log.csv": HEADER + LOGIN}, sql=sql)
    assert (fault.code, fault.place.file, fault.values.get("near")) == (code, "rules/sources/log.sql", near)
    assert place is None or (fault.place.line, fault.place.column) == place


DAILY = SELECT.replace("log.csv", "day-*.csv")


def test_of_daily_files_only_the_changed_one_is_read(stage: Stage) -> None:
    first, _ = stage({"day-1.csv": HEADER + LOGIN, "day-2.csv": HEADER}, sql=DAILY)
    known = {file.path: file.sha256 for file in first.files}
    second, rows = stage({"day-2.csv": HEADER + LOGIN.replace("1,", "2,", 1)}, known, sql=DAILY)
    assert (second.read, [row["source_id"] for row in rows]) == (1, ["2"])
    assert [file.path for file in second.files] == ["day-1.csv", "day-2.csv"]


def test_with_a_join_all_files_are_read(stage: Stage) -> None:
    sql = DAILY + " AS log JOIN read_csv('companies.csv', header = true, all_varchar = true) AS c ON c.company_id = log.company"
    first, _ = stage({"day-1.csv": HEADER + LOGIN, "companies.csv": "company_id\nc1\n"}, sql=sql)
    known = {file.path: file.sha256 for file in first.files}
    second, _ = stage({"day-2.csv": HEADER + LOGIN.replace("1,", "2,", 1)}, known, sql=sql)
    assert second.read == 2


def test_unchanged_files_are_not_read(stage: Stage) -> None:
    first, _ = stage({"log.csv": HEADER + LOGIN})
    second, rows = stage({}, {file.path: file.sha256 for file in first.files})
    assert (second.unchanged, second.read, rows, second.files) == (True, 0, [], first.files)


def test_a_row_said_twice_is_counted_once(stage: Stage) -> None:
    staged, rows = stage({"log.csv": HEADER + LOGIN + LOGIN})
    assert (staged.read, staged.repeated, staged.refusals, len(rows)) == (2, 1, (), 1)


NAMELESS = SELECT.replace("id AS source_id, ", "")


def test_rows_without_an_id_are_told_apart_by_content_and_ordinal(stage: Stage) -> None:
    staged, rows = stage({"log.csv": HEADER + LOGIN + LOGIN}, sql=NAMELESS)
    ids = [str(row["source_id"]) for row in rows]
    assert (staged.repeated, [name[-2:] for name in ids], ids[0][:32] == ids[1][:32]) == (0, ["#1", "#2"], True)


def test_deduped_by_content_equal_rows_are_one(stage: Stage) -> None:
    staged, rows = stage({"log.csv": HEADER + LOGIN + LOGIN}, sql=NAMELESS, dedupe="content")
    assert (staged.repeated, len(rows), len(str(rows[0]["source_id"]))) == (1, 1, 32)


def test_overlapping_daily_files_do_not_double_rows_without_an_id(stage: Stage) -> None:
    staged, rows = stage({"day-1.csv": HEADER + LOGIN, "day-2.csv": HEADER + LOGIN}, sql=NAMELESS.replace("log.csv", "day-*.csv"))
    assert (staged.repeated, len(rows)) == (1, 1)


@pytest.mark.parametrize(
    ("expression", "occurred_at"),
    [
        pytest.param("TIMESTAMP '2026-04-07 10:00:00'", AT_TEN, id="a timestamp is UTC"),
        pytest.param("TIMESTAMPTZ '2026-04-07 19:00:00+09'", AT_TEN, id="a timestamp with a zone"),
        pytest.param("DATE '2026-04-07'", AT_TEN - 36_000_000_000, id="a date is its midnight"),
        pytest.param("'2026-04-07 10:00'", AT_TEN, id="text without seconds"),
        pytest.param("'2026-04-07T19:00:00.5+0900'", AT_TEN + 500_000, id="text with a fraction and an offset"),
        pytest.param("'2026-04-07'", AT_TEN - 36_000_000_000, id="a date as text"),
    ],
)
def test_times_of_every_type_are_microseconds_utc(stage: Stage, expression: str, occurred_at: int) -> None:
    sql = f"SELECT company AS account_id, event, {expression} AS occurred_at, {expression} AS known_at FROM 'log.csv'"
    _, rows = stage({"log.csv": HEADER + LOGIN}, sql=sql)
    assert (rows[0]["occurred_at"], rows[0]["known_at"]) == (occurred_at, occurred_at)


def test_the_connections_settings_are_left_as_they_were(request_: SourceRequest, tmp_path: Path) -> None:
    (tmp_path / "data" / "log.csv").write_text(HEADER + LOGIN)
    conn = duckdb.connect()
    conn.execute("SET TimeZone = 'Asia/Tokyo'")
    stage_files(conn, request_, tmp_path / "data", {})
    assert conn.execute("SELECT current_setting('TimeZone'), current_setting('errors_as_json')").fetchall() == [("Asia/Tokyo", False)]
    assert conn.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("staged",)]


@pytest.fixture
def database(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    engine = create_engine(url)
    with engine.begin() as conn:
        conn.execute(text("CREATE TABLE log (id INTEGER, company TEXT, event TEXT, field TEXT, value, at TEXT)"))
        insert = text("INSERT INTO log VALUES (:id, 'c1', :event, :field, :value, :at)")
        conn.execute(insert, {"id": 1, "event": "product.login", "field": None, "value": None, "at": "2026-04-07 10:00:00"})
        conn.execute(insert, {"id": 2, "event": None, "field": "product.seats", "value": 3.0, "at": "2026-04-08T10:00:00Z"})
        conn.execute(insert, {"id": 3, "event": "sfa.lost", "field": None, "value": None, "at": "2026-04-08 11:00:00"})
    engine.dispose()
    return url


DATABASE_SELECT = 'SELECT id AS source_id, company AS account_id, event, field, value, at AS occurred_at, \'{"t": "9:30"}\' AS properties FROM log'


def test_a_database_is_staged_like_files(request_: SourceRequest, database: str) -> None:
    conn = duckdb.connect()
    staged = stage_database(conn, replace(request_, sql=DATABASE_SELECT), database, None)
    rows = rows_of(conn)
    assert (staged.read, [refusal.reason for refusal in staged.refusals]) == (3, [Reason.FOREIGN_PREFIX])
    assert [(row["source_id"], row["occurred_at"], row["number"]) for row in rows] == [("1", AT_TEN, None), ("2", AT_TEN + 86_400_000_000, 3)]
    assert rows[0]["properties"] == '{"t": "9:30"}'


def test_a_database_is_asked_for_what_is_new(request_: SourceRequest, database: str) -> None:
    conn = duckdb.connect()
    request = replace(request_, sql=DATABASE_SELECT + " WHERE at >= :since")
    assert stage_database(conn, request, database, None).read == 3
    assert stage_database(conn, request, database, AT_TEN + 1).read == 2


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        pytest.param("SELECT nothing FROM log", "E608", id="SQL the database refuses"),
        pytest.param(DATABASE_SELECT.replace("event,", "event AS evnt,"), "E605", id="nothing a record has"),
        pytest.param(DATABASE_SELECT.replace(", at AS occurred_at", ""), "E606", id="no time"),
    ],
)
def test_faults_of_a_database_source(request_: SourceRequest, database: str, sql: str, code: str) -> None:
    with pytest.raises(BansoError) as caught:
        stage_database(duckdb.connect(), replace(request_, sql=sql), database, None)
    assert caught.value.faults[0].code == code


@pytest.mark.parametrize("url", ["nonsense", "nodialect://x/y", "sqlite:////nowhere/at/all.db"])
def test_a_database_that_cannot_be_reached_is_a_fault(request_: SourceRequest, url: str) -> None:
    with pytest.raises(BansoError) as caught:
        stage_database(duckdb.connect(), replace(request_, sql=DATABASE_SELECT), url, None)
    assert (caught.value.faults[0].code, caught.value.faults[0].place.file) == ("E608", "rules/sources/log.sql")
