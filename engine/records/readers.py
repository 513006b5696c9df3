"""Where a source's SQL reads files: the calls of DuckDB's readers and the file names that stand as tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from engine.errors import Place, refuse

BY_SUFFIX = {
    ".csv": "read_csv",
    ".tsv": "read_csv",
    ".txt": "read_csv",
    ".json": "read_json",
    ".jsonl": "read_json",
    ".ndjson": "read_json",
    ".parquet": "read_parquet",
}
PACKED = {".gz", ".zst"}
LINES_OF_JSON = {".jsonl", ".ndjson"}
OPENING = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE}
CLOSING = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE}


@dataclass(frozen=True)
class Reader:
    """One place in the SQL that reads files. Offsets are characters of the SQL, ends exclusive.

    `options` is the text after the first argument, with its leading comma; `alias` is what the query calls the reader if it gives no
    name itself, `in_from` says that it stands as a table.
    """

    function: str
    start: int
    end: int
    patterns: tuple[tuple[str, int], ...]
    options: str
    alias: str | None
    in_from: bool

    @property
    def is_csv(self) -> bool:
        return self.function.startswith("read_csv")

    @property
    def is_json_lines(self) -> bool:
        """JSON with one object a line; other JSON has no lines to count and no last line to be unfinished."""
        lines = "ndjson" in self.function or "newline_delimited" in self.options or "'nd'" in self.options
        auto = self.function.startswith("read_json") and "format" not in self.options.lower()
        return lines or (auto and all(suffix_of(pattern) in LINES_OF_JSON for pattern, _ in self.patterns))

    def call(self, files: Sequence[Path], extra: str = "") -> str:
        return f"{self.function}([{', '.join(quoted(str(file)) for file in files)}]{self.options}{extra})"


def suffix_of(path: str) -> str:
    name = Path(path)
    return (name.with_suffix("") if name.suffix in PACKED else name).suffix.lower()


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def place_in(sql: str, file: str, offset: int) -> Place:
    """The line and column of an offset in the text of a file."""
    before = sql[:offset]
    return Place(file, before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)


class SqlText:
    """Finds in the tokens what the syntax tree does not keep: where a call ends, and where a list of columns ends."""

    def __init__(self, sql: str, file: str, tokens: Sequence[Token]) -> None:
        self.sql, self.file, self.tokens = sql, file, tokens
        self.index = {token.start: index for index, token in enumerate(tokens)}

    def reader(self, node: exp.Expr, ctes: set[str]) -> tuple[exp.Expr, Reader] | None:
        if isinstance(node, exp.Func) and self._names_reader(node):
            return node, self._called(node)
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier) and node.this.quoted and not node.args.get("db"):
            return (node, self._bare(node, node.this)) if node.name not in ctes else None
        return None

    def _names_reader(self, node: exp.Func) -> bool:
        start = node.meta.get("start")
        name = self.tokens[self.index[start]].text.lower() if start in self.index else ""
        return name.startswith("read_") or name.endswith("_scan") or name in {"glob", "sniff_csv"}

    def _called(self, node: exp.Func) -> Reader:
        first = self.index[node.meta["start"]]
        comma, close = self._argument_ends(first + 1)
        argument = self.tokens[first + 2 : comma]
        literals = argument[1:-1] if argument and argument[0].token_type is TokenType.L_BRACKET else argument
        allowed = {TokenType.STRING, TokenType.COMMA}
        if not literals or any(token.token_type not in allowed for token in literals):
            raise refuse("E604", self._place(first), problem="files are named by literals", near=None)
        patterns = tuple((token.text, token.start) for token in literals if token.token_type is TokenType.STRING)
        name = self.tokens[first].text
        table = node.parent if isinstance(node.parent, exp.Table) else None
        options = self.sql[self.tokens[comma].start : self.tokens[close].start].rstrip() if comma < close else ""
        start, end = self.tokens[first].start, self.tokens[close].end + 1
        return Reader(name.lower(), start, end, patterns, options, None if table is None or table.alias else name, table is not None)

    def _bare(self, table: exp.Table, name: exp.Identifier) -> Reader:
        start, end = name.meta["start"], name.meta["end"] + 1
        function = BY_SUFFIX.get(suffix_of(name.this))
        if function is None:
            raise refuse("E604", self._place(self.index[start]), problem=f"no reader for the file {name.this}", near=None)
        stem = Path(name.this).name.split(".")[0]
        return Reader(function, start, end, ((name.this, start),), "", None if table.alias else stem, in_from=True)

    def _argument_ends(self, opening: int) -> tuple[int, int]:
        """The tokens that end the first argument and the whole call."""
        depth, comma = 0, None
        for index in range(opening, len(self.tokens)):
            depth += _depth(self.tokens[index])
            if depth == 0:
                return (comma or index), index
            if depth == 1 and comma is None and self.tokens[index].token_type is TokenType.COMMA:
                comma = index
        raise refuse("E604", self._place(opening), problem="a bracket is not closed", near=None)

    def end_of_list(self, table_start: int) -> int | None:
        """Where the list of columns before `FROM <table>` ends; None if FROM does not follow a SELECT's list."""
        origin = self.index[table_start] - 1
        if origin < 1 or self.tokens[origin].token_type is not TokenType.FROM:
            return None
        depth = 0
        for index in range(origin - 1, -1, -1):
            depth -= _depth(self.tokens[index])
            if depth == 0 and self.tokens[index].token_type is TokenType.SELECT:
                return int(self.tokens[origin].start)
            if depth < 0:
                return None
        return None

    def _place(self, index: int) -> Place:
        return place_in(self.sql, self.file, self.tokens[index].start)


def _depth(token: Token) -> int:
    return (token.token_type in OPENING) - (token.token_type in CLOSING)
