"""Lines of a JSON file that are no object: taken out of a copy, so that one bad line does not stop the rest."""

import gzip
import json
import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO, cast

import duckdb
from duckdb import DuckDBPyConnection

from engine.records.files import opened
from engine.records.intake import Reason, Refusal
from engine.records.lines import Input, lines_with_text
from engine.records.readers import Reader, quoted

DEEPEST = 100  # DuckDB stops at 128, counting its own
STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')


def without_bad_lines(
    conn: DuckDBPyConnection, readers: Sequence[Reader], inputs: Sequence[Sequence[Input]], scratch: Path
) -> tuple[list[list[Input]], tuple[Refusal, ...]]:
    """The same files, those with bad lines as copies in `scratch` that have blank lines instead, and the lines left out."""
    refusals: dict[Refusal, None] = {}
    cleaned = []
    for index, (reader, entries) in enumerate(zip(readers, inputs, strict=True)):
        found = [_clean(conn, entry, scratch / str(index), refusals) if reader.is_json_lines else entry for entry in entries]
        cleaned.append(found)
    return cleaned, tuple(refusals)


def _clean(conn: DuckDBPyConnection, entry: Input, scratch: Path, refusals: dict[Refusal, None]) -> Input:
    bad = _bad_lines(conn, entry.file)
    if not bad:
        return entry
    copy = scratch / entry.path
    copy.parent.mkdir(parents=True, exist_ok=True)
    with opened(entry.file) as source, gzip.open(copy, "wb", 1) if copy.suffix == ".gz" else copy.open("wb") as target:
        texts = _copy_without(source, cast("BinaryIO", target), bad)
    for line, text in texts.items():
        content = json.dumps({"text": text.decode(errors="backslashreplace").strip()}, ensure_ascii=False)
        refusals[Refusal(Reason.STRUCTURE, content, entry.path, line, "no JSON object")] = None
    return Input(entry.path, copy)


def _bad_lines(conn: DuckDBPyConnection, file: Path) -> frozenset[int]:
    objects = f"SELECT row_number() OVER () AS n, json FROM read_ndjson_objects({quoted(str(file))}, ignore_errors = true)"
    try:
        found = conn.execute(f"SELECT n FROM ({objects}) WHERE json IS NULL OR json_type(json) <> 'OBJECT'").fetchall()
    except duckdb.Error:
        found = []
    if found:
        lines = lines_with_text(file)
        return frozenset(lines[number - 1] for (number,) in found)
    with opened(file) as stream:  # an object nested too deep is one for DuckDB until it looks inside, and then it stops
        return frozenset(number for number, line in enumerate(stream, 1) if line.strip() and not _is_object(line))


def _is_object(line: bytes) -> bool:
    try:
        return _depth(line) <= DEEPEST and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _depth(line: bytes) -> int:
    marks = accumulate(1 if mark in b"[{" else -1 for mark in STRING.sub(b"", line) if mark in b"[{]}")
    return max(marks, default=0)


def _copy_without(source: BinaryIO, target: BinaryIO, bad: frozenset[int]) -> Mapping[int, bytes]:
    texts = {}
    for number, line in enumerate(source, 1):
        if number in bad:
            texts[number] = line
        target.write(b"\n" if number in bad else line)
    return texts
