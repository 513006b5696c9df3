"""The lake the benchmarks read: 20 records an account, the same for the same number of accounts: `python -m benchmarks.lake --accounts 1000000`.

No two values of a field of an account share an instant, as in real logs of microseconds; a few records lie after `INSTANT` or become known after it.
"""

import argparse
import json
import shutil
import sys
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import DATA
from engine.calendar import DAY, HOUR, SECOND, instant_of
from engine.records.lake import DuckSettings, Part, connect, write_parts
from engine.records.record import NO_NUMBER

INSTANT = instant_of(datetime(2026, 1, 15, 17, tzinfo=UTC))  # 02:00 in Tokyo on 16 January
DAYS = 130
RECORDS_EACH = 20
WRITING = DuckSettings(threads=2, memory="4GB", scratch=DATA / "tmp")

FIELDS = ("hearing.recruit_kind", "hearing.will", "hearing.guidance_start", "sfa.contract", "sfa.seats")
STEPS = ("sfa.applied", "product.account_issued", "product.login", "product.settings_completed", "product.flow_published")
EVENTS = (
    *("product.login",) * 6,
    *("product.page_viewed",) * 4,
    *("product.setting_saved",) * 3,
    *("product.application_received",) * 3,
    *("product.applicant_replied",) * 2,
    *("product.setting_error", "product.flow_saved", "product.flow_published", "product.settings_completed", "product.interview_booked"),
    *("product.interview_held", "product.briefing_held", "product.search", "product.help_viewed", "support.case_opened", "support.case_closed"),
    *("call.talked", "product.exported"),
)


def listed(values: tuple[str, ...]) -> str:
    return "[" + ", ".join(f"'{value}'" for value in values) + "]"


def records_sql(accounts: int) -> str:
    """All records: fifteen events and five values an account; of each five, some stand for another than their own."""
    return f"""
    WITH drawn AS (
        SELECT a, k, 'a' || lpad(a::VARCHAR, 7, '0') AS account_id, md5_number_lower(a || '-' || k) AS r
        FROM range({accounts}) accounts(a), range({RECORDS_EACH}) places(k)),
    named AS (
        SELECT *,
            CASE WHEN k < {len(STEPS)} AND r % 100 < 85 - 12 * k THEN {listed(STEPS)}[1 + k]
                 WHEN k < {RECORDS_EACH - len(FIELDS)} THEN {listed(EVENTS)}[1 + (r // 100 % {len(EVENTS)})::INT] END AS event,
            CASE WHEN k < {RECORDS_EACH - len(FIELDS)} THEN NULL
                 WHEN r % 100 < 80 THEN {listed(FIELDS)}[1 + k - {RECORDS_EACH - len(FIELDS)}]
                 ELSE {listed(FIELDS)}[1 + (r // 100 % {len(FIELDS)})::INT] END AS field,
            {INSTANT} - {(DAYS - 1) * DAY} + (r // 10000 % {DAYS * DAY // SECOND})::BIGINT * {SECOND} + k AS occurred_at
        FROM drawn),
    valued AS (
        SELECT *, CASE field
            WHEN 'sfa.seats' THEN 1 + (r // 1000 % 80)::BIGINT
            WHEN 'hearing.guidance_start' THEN {INSTANT // DAY} - 40 + (r // 1000 % 200)::BIGINT
            ELSE {NO_NUMBER} END AS number
        FROM named)
    SELECT md5(account_id)[1:2] AS bucket, split_part(coalesce(event, field), '.', 1) AS source, 'r' || a || '-' || k AS source_id, account_id,
        occurred_at, occurred_at + (r // 7 % 6)::BIGINT * {HOUR} AS known_at,
        CASE WHEN k % 5 = 0 THEN account_id || '-' || (r % 3) END AS contact_id,
        event, field,
        CASE field
            WHEN 'hearing.recruit_kind' THEN ['new_grad', 'mid_career', 'new_grad', 'mid_career', ''][1 + (r // 1000 % 5)::INT]
            WHEN 'hearing.will' THEN ['|schedule|', '|briefing|', '|briefing|schedule|', '|list|', '|list|schedule|'][1 + (r // 1000 % 5)::INT]
            WHEN 'hearing.guidance_start' THEN (DATE '1970-01-01' + number::INT)::VARCHAR
            WHEN 'sfa.contract' THEN CASE WHEN r // 1000 % 100 < 3 THEN 'closed' WHEN r // 1000 % 100 < 30 THEN 'trial' ELSE 'active' END
            WHEN 'sfa.seats' THEN number::VARCHAR END AS value,
        CASE WHEN field IS NOT NULL THEN number END AS number,
        CASE WHEN event LIKE 'support.case%' THEN 'c' || (r // 1000 % 2) WHEN event LIKE 'product.applica%' THEN 'p' || (r // 1000 % 4) END AS key,
        NULL::VARCHAR AS properties
    FROM valued"""


def lake_folder(accounts: int) -> Path:
    return DATA / f"lake-{accounts}"


def ready_lake(accounts: int) -> Path:
    """The lake of so many accounts, written first if it is not there yet or if the product keeps something else of a file by now."""
    folder = lake_folder(accounts)
    manifest = folder / "manifest.json"
    kept = json.loads(manifest.read_text(encoding="utf-8")) if manifest.is_file() else [{}]
    if set(kept[0]) != {each.name for each in fields(Part)}:
        _write_lake(folder, accounts)
    return folder


def _write_lake(folder: Path, accounts: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    connection = connect(WRITING)
    connection.execute(f"CREATE TEMP VIEW drawn_records AS {records_sql(accounts)}")
    parts = [asdict(part) for part in write_parts(connection, "drawn_records", folder, "0", "benchmark", frozenset())]
    (folder / "manifest.json").write_text(json.dumps(parts, indent=1), encoding="utf-8")


def read_manifest(folder: Path) -> list[Part]:
    return [Part(**part) for part in json.loads((folder / "manifest.json").read_text(encoding="utf-8"))]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description="Write the benchmarks' lake.")
    parser.add_argument("--accounts", type=int, default=1_000_000)
    folder = ready_lake(parser.parse_args(arguments).accounts)
    print(sum(part.rows for part in read_manifest(folder)), "records in", folder)


if __name__ == "__main__":
    main(sys.argv[1:])
