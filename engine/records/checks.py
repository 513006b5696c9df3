"""What a row must be to become a record, as DuckDB expressions over the columns a source may select."""

from collections.abc import Iterable, Mapping

from engine.calendar import EARLIEST, LATEST, MINUTE
from engine.records.intake import LONGEST, Reason
from engine.records.readers import quoted

TIME_PATTERN = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ](?:[01][0-9]|2[0-3]):[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?)?"
)
OFFSET_PATTERN = r":[0-9.]+([+-][0-9]{2}:?[0-9]{2})$"
# DuckDB takes NaN and Infinity for JSON, and nobody after it has to: outside of texts the letters n and f stand only in null and false.
NO_NUMBER = (
    r"""(regexp_matches(properties, 'nan|inf', 'i') AND regexp_matches(regexp_replace(properties, '"(?:[^"\\]|\\.)*"', '', 'g'), 'nan|inf', 'i'))"""
)
NAME_PATTERN = r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*"


def text_of(column: str, types: Mapping[str, str]) -> str:
    """A column as text as it was given; NULL if the source does not select it."""
    if column not in types:
        return "(NULL::VARCHAR)"
    return f"({column} ->> '$')" if types[column] == "JSON" else f"({column}::VARCHAR)"


def id_of(column: str, types: Mapping[str, str]) -> str:
    """Text without space around it, where empty means nothing."""
    return f"nullif(trim({text_of(column, types)}), '')"


def instant_of(column: str, types: Mapping[str, str]) -> str:
    """Microseconds UTC. What has no offset is UTC and a date its midnight; NULL for what is no time."""
    kind = types.get(column, "")
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"epoch_us({column})"
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return f"epoch_us({column}::TIMESTAMP)"
    return _instant_of_text(text_of(column, types))


def _instant_of_text(text: str) -> str:
    # Up to whole seconds in UTC, which nearly all texts are, a cast is enough: measured at half the time of the regular expressions.
    plain = f"epoch_us(try_cast({text}[:19] AS TIMESTAMP))"
    return f"""
        CASE WHEN NOT regexp_full_match({text}, '{TIME_PATTERN}') THEN NULL
             WHEN {text}[20:] IN ('', 'Z') THEN {plain} ELSE {_instant_with_offset(text)} END"""


def _instant_with_offset(text: str) -> str:
    # The offset is taken off here: DuckDB's cast to TIMESTAMP passes over it, and its cast to TIMESTAMPTZ asks the session's zone.
    offset = f"regexp_extract({text}, '{OFFSET_PATTERN}', 1)"
    minutes = f"({offset}[2:3]::BIGINT * 60 + right({offset}, 2)::BIGINT)"
    signed = f"CASE {offset}[1] WHEN '' THEN 0 WHEN '-' THEN -{minutes} ELSE {minutes} END"
    wall = f"regexp_replace({text}, '(?:Z|[+-][0-9]{{2}}:?[0-9]{{2}})$', '')"
    return f"epoch_us(try_cast({wall} AS TIMESTAMP)) - ({signed}) * {MINUTE}"


def properties_of(types: Mapping[str, str]) -> str:
    """Properties as JSON text; a struct or map becomes JSON, JSON's null is nothing."""
    kind = types.get("properties", "VARCHAR")
    given = text_of("properties", {**types, "properties": "VARCHAR"} if "properties" in types else types)
    text = given if kind in {"VARCHAR", "JSON"} else "CASE WHEN properties IS NOT NULL THEN to_json(properties)::VARCHAR END"
    return f"nullif(nullif(trim({text}), ''), 'null')"


def reason_of(prefixes: Iterable[str], *, known_at: str) -> str:
    """The first thing wrong with a row of cleaned columns, as the text of a `Reason`; NULL if nothing is. `known_at`: as given."""
    named = "coalesce(event, field)"
    allowed = ", ".join(quoted(prefix) for prefix in sorted(prefixes))
    too_long = " OR ".join(f"length({column}) > {LONGEST}" for column in ("source_id", "account_id", "contact_id", "value", "properties"))
    wrong = {
        Reason.NO_ACCOUNT: "account_id IS NULL",
        Reason.NO_TIME: f"occurred_at IS NULL OR (known_at IS NULL AND {known_at} IS NOT NULL)",
        Reason.TIME_OUT_OF_RANGE: f"{_outside('occurred_at')} OR {_outside('known_at')}",
        Reason.NO_EVENT_OR_FIELD: f"{named} IS NULL",
        Reason.BOTH_EVENT_AND_FIELD: "event IS NOT NULL AND field IS NOT NULL",
        Reason.BAD_NAME: f"NOT regexp_full_match({named}, '{NAME_PATTERN}')",
        Reason.FOREIGN_PREFIX: f"split_part({named}, '.', 1) NOT IN ({allowed})",
        Reason.VALUE_TOO_LONG: too_long,
        Reason.BAD_PROPERTIES: f"properties IS NOT NULL AND CASE WHEN json_valid(properties) THEN json_type(properties) <> 'OBJECT' OR {NO_NUMBER} ELSE true END",
    }
    return "CASE " + " ".join(f"WHEN {test} THEN {quoted(reason)}" for reason, test in wrong.items()) + " END"


def _outside(instant: str) -> str:
    return f"{instant} < {EARLIEST} OR {instant} >= {LATEST}"
