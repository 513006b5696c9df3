"""The simulated town: its stories, its determinism, and the truth it knows about each mail."""

import csv
import json
import re
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from engine.simulator import Delivered, Effect, World
from engine.simulator.days import instant

TOKYO = timezone(timedelta(hours=9))
START = date(2026, 1, 5)
FILES = {"product.jsonl", "help.jsonl", "sfa.csv", "crm.csv", "cti.csv", "hearing.csv"}
ROUND = ("guided", "slots_offered", "booked", "held", "evaluated")
CONTRACT_EVENTS = {
    "product.jsonl": {
        *("account_issued", "login", "setting_saved", "settings_completed", "flow_saved", "flow_published"),
        *(f"{kind}_{part}" for kind in ("briefing", "interview") for part in ROUND),
        *("calendar_linked", "setting_error", "application_received", "applicant_replied"),
    },
    "help.jsonl": {"opened", "viewed", "search_no_hit"},
    "sfa.csv": {"applied", "renewed", "lost", ""},
    "crm.csv": {"course_held", "seminar_attended", ""},
    "cti.csv": {"case_opened", "case_closed", "call_talked", "call_absent"},
}
CONTRACT_FIELDS = {
    "sfa.csv": {"company_name", "plan", "renewal_date", "contract", ""},
    "crm.csv": {"owner", "email", "name", "role", "main", ""},
    "hearing.csv": {"recruit_kind", "will", "guidance_start"},
}
STEP_EVENTS = {"first_login": "login", "initial_settings": "settings_completed", "flow_designed": "flow_published"}

Row = dict[str, str]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO)


def a_world(*, seed: int = 7, companies: int = 300) -> World:
    return World(seed=seed, companies=companies, start=START)


def a_mail(company: int, moment: datetime, *, step: str = "initial_settings", rule: str = "push") -> Delivered:
    return Delivered(f"c{company:06d}", f"u{company:06d}-1", rule, step, moment)


def rows(directory: Path, file: str) -> list[Row]:
    with (directory / file).open(encoding="utf-8", newline="") as lines:
        return [json.loads(line) for line in lines] if file.endswith("jsonl") else list(csv.DictReader(lines))


def contents(world: World, directory: Path) -> dict[str, bytes]:
    world.export(directory)
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def mail_everybody(world: World, *, days: int, step: str, companies: int) -> None:
    """Every second business morning a mail on `step` to each company that applied before the start."""
    for day in range(0, days, 2):
        moment = at("2026-01-05 08:30") + timedelta(days=day)
        world.advance(moment)
        for company in range(1, companies + 1):
            world.deliver(a_mail(company, moment, step=step))
    world.advance(at("2026-01-09 00:00") + timedelta(days=days))


@pytest.fixture(scope="module")
def quarter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine months of history and a quarter without a single mail, until May so that briefings take place."""
    world = a_world(companies=600)
    world.advance(at("2026-05-20 12:00"))
    directory = tmp_path_factory.mktemp("quarter")
    world.export(directory)
    return directory


@pytest.fixture(scope="module")
def mailed(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Path]:
    world = a_world(companies=1200)
    mail_everybody(world, days=14, step="initial_settings", companies=600)
    directory = tmp_path_factory.mktemp("mailed")
    world.export(directory)
    return world, directory


class TestFiles:
    def test_the_six_files_of_the_contract_are_written(self, quarter: Path) -> None:
        assert {path.name for path in quarter.iterdir()} == FILES

    @pytest.mark.parametrize("file", sorted(FILES))
    def test_ids_are_unique_and_times_never_go_back(self, quarter: Path, file: str) -> None:
        found = rows(quarter, file)
        assert len({row["id"] for row in found}) == len(found) > 0
        times = [row["at"] for row in found]
        assert times == sorted(times)
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+09:00", time) for time in times)

    def test_every_event_and_field_belongs_to_the_contract_and_occurs(self, quarter: Path) -> None:
        for file, events in CONTRACT_EVENTS.items():
            assert {row["event"] for row in rows(quarter, file)} == events, file
        for file, fields in CONTRACT_FIELDS.items():
            assert {row["field"] for row in rows(quarter, file)} == fields, file

    def test_a_later_export_only_adds_lines(self, tmp_path: Path) -> None:
        world = a_world()
        earlier = contents(world, tmp_path)
        world.advance(at("2026-01-20 11:00"))
        later = contents(world, tmp_path)
        for file in FILES:
            assert later[file].startswith(earlier[file])
            assert len(later[file]) > len(earlier[file]), file

    def test_a_removed_or_shortened_file_is_written_anew(self, tmp_path: Path) -> None:
        world = a_world()
        whole = contents(world, tmp_path)
        (tmp_path / "sfa.csv").unlink()
        (tmp_path / "crm.csv").write_text("id\n", encoding="utf-8")
        assert contents(world, tmp_path) == whole


class TestDeterminism:
    def test_the_same_seed_and_calls_give_the_same_bytes(self, tmp_path: Path) -> None:
        once, again = a_world(), a_world()
        for world in (once, again):
            mail_everybody(world, days=4, step="initial_settings", companies=100)
        assert contents(once, tmp_path / "once") == contents(again, tmp_path / "again")
        assert once.truth() == again.truth()

    def test_another_seed_gives_another_town(self, tmp_path: Path) -> None:
        assert contents(a_world(seed=1), tmp_path / "1") != contents(a_world(seed=2), tmp_path / "2")

    def test_many_small_advances_equal_one_large(self, tmp_path: Path) -> None:
        whole, pieces = a_world(), a_world()
        whole.advance(at("2026-03-10 15:30"))
        moment = at("2026-01-05 00:00")
        while moment < at("2026-03-10 15:30"):
            moment += timedelta(hours=7, minutes=13, seconds=5)
            pieces.advance(min(moment, at("2026-03-10 15:30")))
        assert contents(whole, tmp_path / "whole") == contents(pieces, tmp_path / "pieces")

    def test_the_zone_of_the_caller_does_not_matter(self, tmp_path: Path) -> None:
        tokyo, utc = a_world(), a_world()
        tokyo.advance(at("2026-01-20 12:00"))
        utc.advance(datetime(2026, 1, 20, 3, 0, tzinfo=UTC))
        assert contents(tokyo, tmp_path / "tokyo") == contents(utc, tmp_path / "utc")


class TestStories:
    def test_half_of_the_companies_applied_before_the_start(self, quarter: Path) -> None:
        applied = [row["at"] for row in rows(quarter, "sfa.csv") if row["event"] == "applied"]
        assert len(applied) == 600
        assert sum(time < START.isoformat() for time in applied) == 300
        assert min(applied) >= "2025-04-01"

    def test_companies_take_the_steps_in_the_order_of_the_route(self, quarter: Path) -> None:
        route = ["account_issued", "login", "settings_completed", "flow_published"]
        route += [f"{kind}_{part}" for kind in ("briefing", "interview") for part in ROUND]
        first: dict[str, list[int]] = defaultdict(list)
        for row in rows(quarter, "product.jsonl"):
            place = route.index(row["event"]) if row["event"] in route else None
            if place is not None and place not in first[row["company"]]:
                first[row["company"]].append(place)
        assert all(places == sorted(places) for places in first.values())
        # Setup and one whole round; the second round of new graduates begins in June only.
        assert max(map(len, first.values())) == 4 + len(ROUND)

    def test_there_are_companies_at_many_positions_and_the_big_stops_hold_most(self, quarter: Path) -> None:
        reached = Counter(row["event"] for row in rows(quarter, "product.jsonl"))
        issued, settled, published = (reached[e] for e in ("account_issued", "settings_completed", "flow_published"))
        assert 0.4 * issued < settled < 0.8 * issued
        assert 0.4 * settled < published < 0.85 * settled

    def test_briefings_are_for_new_graduates_between_march_and_may(self, quarter: Path) -> None:
        heard = {r["company"]: r["value"] for r in rows(quarter, "hearing.csv") if r["field"] == "recruit_kind"}
        briefings = [row for row in rows(quarter, "product.jsonl") if row["event"].startswith("briefing_")]
        assert {row["at"][5:7] for row in briefings} <= {"03", "04", "05"}
        assert {heard.get(row["company"], "new_grad") for row in briefings} == {"new_grad"}

    def test_new_graduate_interviews_keep_to_june_until_september(self, quarter: Path) -> None:
        heard = {r["company"]: r["value"] for r in rows(quarter, "hearing.csv") if r["field"] == "recruit_kind"}
        interviews = [row for row in rows(quarter, "product.jsonl") if row["event"].startswith("interview_")]
        months = {row["at"][5:7] for row in interviews if heard.get(row["company"]) == "new_grad"}
        assert months <= {"06", "07", "08", "09"}
        assert len({row["at"][5:7] for row in interviews if heard.get(row["company"]) == "mid_career"}) > 6

    def test_some_never_answered_and_the_others_spell_dates_in_four_ways(self, quarter: Path) -> None:
        starts = [row["value"] for row in rows(quarter, "hearing.csv") if row["field"] == "guidance_start"]
        assert 0.75 * 600 < len(starts) < 0.92 * 600
        shapes = (r"\d{4}-\d\d-\d\d", r"\d{4}/\d+/\d+", r"\d+月[上中下]旬", r"令和\d+年\d+月\d+日")
        matches = Counter(shape for start in starts for shape in shapes if re.fullmatch(shape, start))
        assert set(matches) == set(shapes)
        assert sum(matches.values()) == len(starts)

    def test_setting_errors_come_in_bursts_for_some(self, quarter: Path) -> None:
        errors = [row for row in rows(quarter, "product.jsonl") if row["event"] == "setting_error"]
        assert all(row["props"]["screen"] for row in errors)
        per_day = Counter((row["company"], row["at"][:10]) for row in errors)
        assert 0.15 < sum(number >= 3 for number in per_day.values()) / len(per_day) < 0.55

    def test_most_support_cases_are_closed_and_each_only_once(self, quarter: Path) -> None:
        cases = rows(quarter, "cti.csv")
        opened = {row["case_id"] for row in cases if row["event"] == "case_opened"}
        closed = [row["case_id"] for row in cases if row["event"] == "case_closed"]
        assert len(closed) == len(set(closed))
        assert 0.8 * len(opened) < len(closed) < len(opened)
        assert set(closed) < opened

    def test_some_applications_stay_unanswered(self, quarter: Path) -> None:
        received, replied = (
            [r["props"]["application_id"] for r in rows(quarter, "product.jsonl") if r["event"] == event]
            for event in ("application_received", "applicant_replied")
        )
        assert len(received) == len(set(received))
        assert set(replied) < set(received)
        assert 0.6 < len(replied) / len(received) < 0.85

    def test_each_company_has_one_main_contact_and_addresses_are_unique(self, quarter: Path) -> None:
        fields = [row for row in rows(quarter, "crm.csv") if row["user"] and row["field"]]
        mains = Counter(row["company"] for row in fields if row["field"] == "main" and row["value"] == "true")
        assert set(mains.values()) == {1}
        assert len(mains) == 600
        emails = {row["user"]: row["value"] for row in fields if row["field"] == "email"}
        assert len(set(emails.values())) == len(emails)
        assert all(re.fullmatch(r"[a-z]+@c\d{6}\.example\.jp", email) for email in emails.values())
        without = {row["company"] for row in fields} - {row["company"] for row in fields if row["user"] in emails}
        assert 0 < len(without) < 30

    def test_a_closed_company_falls_silent(self, quarter: Path) -> None:
        lost = {row["company"]: row["at"] for row in rows(quarter, "sfa.csv") if row["event"] == "lost"}
        logins = [row for row in rows(quarter, "product.jsonl") if row["event"] == "login" and row["company"] in lost]
        assert len(lost) > 5
        assert not [row for row in logins if row["at"][:10] > lost[row["company"]][:10]]


class TestTruth:
    def test_mails_help_in_sum_but_most_of_them_do_nothing(self, mailed: tuple[World, Path]) -> None:
        effects = mailed[0].truth()
        caused = sum(effect.caused for effect in effects)
        assert len(effects) == 4200
        assert 20 < caused < 0.05 * len(effects)
        assert sum(effect.moved for effect in effects) > caused

    def test_a_mail_never_does_harm(self, mailed: tuple[World, Path]) -> None:
        assert not [effect for effect in mailed[0].truth() if effect.moved_without and not effect.moved]

    def test_a_company_that_never_reacts_shows_no_effect_and_no_click(self, mailed: tuple[World, Path]) -> None:
        world, directory = mailed
        deaf = {key for key, life in world._lives.items() if life.company.reaction == 0.0}
        effects = [effect for effect in world.truth() if effect.account_id in deaf]
        clicks = {r["company"] for r in rows(directory, "product.jsonl") if r["props"] == {"via": "mail"}}
        assert len(effects) > 1000
        assert not any(effect.caused for effect in effects)
        assert clicks
        assert not clicks & deaf

    def test_what_the_truth_calls_moved_stands_in_the_product_log(self, mailed: tuple[World, Path]) -> None:
        world, directory = mailed
        happened: dict[tuple[str, str], list[datetime]] = defaultdict(list)
        for row in rows(directory, "product.jsonl"):
            happened[row["company"], row["event"]].append(datetime.fromisoformat(row["at"]))
        checked = [effect for effect in world.truth() if effect.standing in STEP_EVENTS]
        for effect in checked:
            times = happened[effect.account_id, STEP_EVENTS[effect.standing or ""]]
            assert effect.moved == any(_in_three_days(effect, time) for time in times), effect
        assert len(checked) > 1000

    def test_without_mails_the_town_is_the_same_until_the_first_mail_acts(self, tmp_path: Path) -> None:
        quiet, mailed = a_world(), a_world()
        mailed.advance(at("2026-01-12 08:00"))
        quiet.advance(at("2026-01-12 08:00"))
        mailed.deliver(a_mail(1, at("2026-01-14 09:00")))
        for world in (quiet, mailed):
            world.advance(at("2026-01-14 09:00"))
        assert contents(quiet, tmp_path / "quiet") == contents(mailed, tmp_path / "mailed")

    def test_a_mail_to_one_company_changes_nothing_for_the_others(self, tmp_path: Path) -> None:
        def others(world: World, name: str) -> list[tuple[str, str, str]]:
            world.advance(at("2026-02-01 00:00"))
            world.export(tmp_path / name)
            found = rows(tmp_path / name, "product.jsonl")
            return [(row["company"], row["event"], row["at"]) for row in found if row["company"] != "c000005"]

        touched = a_world()
        for day in range(5, 20):
            touched.deliver(a_mail(5, at(f"2026-01-{day:02d} 08:00")))
        assert others(touched, "touched") == others(a_world(), "untouched")

    def test_a_fitting_mail_causes_more_than_one_on_another_subject(self) -> None:
        def caused(step: str) -> int:
            world = a_world(companies=1200)
            mail_everybody(world, days=8, step=step, companies=600)
            return sum(effect.caused for effect in world.truth() if effect.standing == "initial_settings")

        assert caused("initial_settings") > 1.5 * caused("interview_held")

    @pytest.mark.parametrize(
        ("until", "settled"),
        [
            pytest.param("2026-01-08 23:59", False, id="the last minute of day three is still open"),
            pytest.param("2026-01-09 00:00", True, id="the day of delivery was day one"),
        ],
    )
    def test_a_mail_is_settled_after_three_calendar_days(self, until: str, settled: bool) -> None:
        world = a_world()
        world.deliver(a_mail(1, at("2026-01-06 22:00")))
        world.advance(at(until))
        assert [effect.settled for effect in world.truth()] == [settled]


class TestRefusals:
    def test_time_does_not_run_backwards(self) -> None:
        with pytest.raises(ValueError, match="cannot go back"):
            a_world().advance(at("2026-01-04 23:59"))

    def test_a_moment_without_zone_is_refused(self) -> None:
        with pytest.raises(ValueError, match="no time zone"):
            a_world().advance(datetime(2026, 2, 1))

    @pytest.mark.parametrize(
        ("mail", "fault"),
        [
            pytest.param(a_mail(999, at("2026-01-06 09:00")), "no company c000999", id="unknown company"),
            pytest.param(a_mail(300, at("2026-01-06 09:00")), "has applied by", id="not yet a customer"),
            pytest.param(Delivered("c000001", "u000002-1", "r", "s", at("2026-01-06 09:00")), "no contact", id="stranger"),
            pytest.param(a_mail(1, at("2026-01-04 09:00")), "too late", id="already past"),
        ],
    )
    def test_a_mail_that_cannot_have_been_sent_is_refused(self, mail: Delivered, fault: str) -> None:
        with pytest.raises(ValueError, match=fault):
            a_world().deliver(mail)


def _in_three_days(effect: Effect, time: datetime) -> bool:
    """After the mail, on its day or one of the two days that follow; a click is no step."""
    days = time.date() - effect.at.date()
    return instant(time) > instant(effect.at) and days <= timedelta(days=2)
