"""Tables with and without a header, and icefall's files of results."""

from __future__ import annotations

import ast
import csv
import io
import re
from collections.abc import Callable, Sequence

from asrkit.errors import ScoringError
from asrkit.metrics.transcripts.fields import Record, Table, column_names, names_text
from asrkit.metrics.transcripts.values import looks_like_id, shorten, split_lines

_SAMPLE = 200  # so many lines show what a file is
_DELIMITERS = ",;|\t"
# A first cell without spaces, and a text that follows at once: no sentence is set like that. 1,000 is a number.
_CELLS = {
    sign: re.compile(
        rf"\"?(?:[^\s{sign}\"]*[^\s\d{sign}\"][^\s{sign}\"]*\"?[{sign}](?=\S|$)|\d+\"?[{sign}](?=[^\s\d]|$))"
    )
    for sign in ",;|"
}
_EXCEL = re.compile(r"\Asep=[,;|\t]$", re.MULTILINE)  # a first line that names the sign between cells
_RECOG = re.compile(r"(?:(?P<id>\S+?):\s+)?(?P<side>ref|hyp)=(?P<value>.*)\Z", re.DOTALL)


def read_tsv(path: str, text: str) -> Table:
    """Read a table separated by tabs, without quoting; its first line is the header unless it holds no names."""
    rows = _tsv_rows(text)
    is_header = bool(rows) and (names_text(rows[0][1]) or _are_plain_names(rows[0][1]))
    return _headed(path, "tsv", rows) if is_header else _headless(path, "tsv", rows, "\t", '"' in text)


def read_csv(path: str, text: str) -> Table:
    """Read a table whose cells may be quoted, with or without a header, separated by commas, semicolons or bars."""
    text = _EXCEL.sub("", text)
    sign = _header_delimiter(text) or _delimiter(split_lines(text)) or ","
    rows = _csv_rows(path, text, sign)
    is_header = bool(rows) and (names_text(rows[0][1]) or _is_unknown_header([cells for _, cells in rows[:_SAMPLE]]))
    return _headed(path, "csv", rows) if is_header else _headless(path, "csv", rows, sign, '"' in text)


def read_headed(path: str, text: str, is_header: Callable[[Sequence[str]], bool]) -> Table | None:
    """Read a table of any kind by a header that is known; None where the first line, cut at no sign, is one."""
    text = _EXCEL.sub("", text)
    sign = _header_delimiter(text, is_header)
    if sign is None:
        return None
    return _headed(path, "tsv", _tsv_rows(text)) if sign == "\t" else _headed(path, "csv", _csv_rows(path, text, sign))


def _headed(path: str, format: str, rows: Sequence[tuple[int, list[str]]]) -> Table:
    names = column_names(rows[0][1])
    for number, cells in rows[1:]:
        if len(cells) != len(names):
            raise ScoringError(f"has {len(cells)} cells but the header has {len(names)}", path=path, line=number)
    return Table(path, format, [Record(number, dict(zip(names, cells, strict=True))) for number, cells in rows[1:]])


def _headless(path: str, format: str, rows: Sequence[tuple[int, list[str]]], sign: str, is_quoted: bool) -> Table:
    """Find the ids, the first column of single words that differ, and the texts, that of the most words."""
    if not rows:
        return Table(path, format, [])
    fewest = min(len(cells) for _, cells in rows)
    if fewest < 2:
        number = next(number for number, cells in rows if len(cells) < 2)
        raise ScoringError(
            f"has one cell; an id and a text are needed, with {sign!r} between, or --format lines",
            path=path,
            line=number,
        )
    width = fewest if is_quoted or not _has_bare_signs(rows) else 2
    names = [f"column_{place}" for place in range(1, width + 1)]
    # The last cell takes what is beyond: commas of an unquoted text.
    tables = [
        (number, dict(zip(names, [*cells[: width - 1], sign.join(cells[width - 1 :])], strict=True)))
        for number, cells in rows
    ]
    key = next((name for name in names if _are_keys([values[name] for _, values in tables])), names[0])
    place = max((name for name in names if name != key), key=lambda name: _words_in(name, tables))
    records = [Record(number, {**values, "id": values[key], "text": values[place]}) for number, values in tables]
    return Table(path, format, records, (_said(path, f"a {format.upper()} table without a header", records, place),))


def _has_bare_signs(rows: Sequence[tuple[int, list[str]]]) -> bool:
    """Tell whether signs stand in texts that are not quoted: a space follows, or rows differ in their cells."""
    spaced = any(cell.startswith(" ") for _, cells in rows for cell in cells[2:])
    return spaced or len({len(cells) for _, cells in rows}) > 1


def _are_keys(cells: Sequence[str]) -> bool:
    return len(set(cells)) == len(cells) and all(len(cell.split()) == 1 for cell in cells)


def _words_in(name: str, rows: Sequence[tuple[int, dict[str, str]]]) -> int:
    return sum(len(values[name].split()) for _, values in rows[:_SAMPLE])


def read_ljspeech(path: str, text: str) -> Table:
    """Read ``id|text`` or LJSpeech's ``id|raw text|text``, without quoting; the last column is the text."""
    records = []
    for number, row in enumerate(split_lines(text), 1):
        cells = row.split("|")
        if not row.strip():
            continue
        if len(cells) not in (2, 3):
            raise ScoringError(f"has {len(cells)} cells instead of id|text|normalized text", path=path, line=number)
        names = ("id", "raw_text", "text") if len(cells) == 3 else ("id", "text")
        records.append(Record(number, {name: cell.strip() for name, cell in zip(names, cells, strict=True)}))
    if any(not record.values["text"] and record.values.get("raw_text") for record in records):
        records = [
            Record(line, {"id": values["id"], "text": values.get("raw_text", values["text"])})
            for line, values in records
        ]
    return Table(path, "ljspeech", records, (_said(path, "a table without a header, as LJSpeech's", records, "last"),))


def _said(path: str, what: str, records: Sequence[Record], place: str) -> str:
    if not records:
        return f"{path}: read as {what}"
    first = records[0].values
    which = "the last column" if place == "last" else place.replace("_", " ")
    return f"{path}: read as {what}: id {shorten(first['id'])}, text {shorten(first['text'])} ({which})"


def _tsv_rows(text: str) -> list[tuple[int, list[str]]]:
    return [(number, row.split("\t")) for number, row in enumerate(split_lines(text), 1) if row.strip()]


def _csv_rows(path: str, text: str, sign: str) -> list[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=sign)
    rows = []
    try:
        line = 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise ScoringError(f"is no CSV: {error}", path=path, line=reader.line_num) from None
    return rows


def has_tsv_header(lines: Sequence[str]) -> bool:
    """Tell whether the first line names the columns of a tab-separated table."""
    return bool(lines) and "\t" in lines[0] and names_text(lines[0].split("\t"))


def is_csv(lines: Sequence[str]) -> bool:
    """Tell whether lines are a CSV table, by their header or by a first cell that text follows at once in each."""
    if not lines:
        return False
    is_named = _EXCEL.match(lines[0]) or _header_delimiter(lines[0])
    return is_named is not None or _delimiter(lines[:_SAMPLE]) in (",", ";")


def is_ljspeech(lines: Sequence[str]) -> bool:
    """Tell whether all lines have the same number of bars, one or two, the first of them after the first word."""
    numbers = {line.count("|") for line in lines[:_SAMPLE]}
    return numbers in ({1}, {2}) and _delimiter(lines[:_SAMPLE]) == "|" and _header_delimiter(lines[0]) is None


def _header_delimiter(text: str, is_header: Callable[[Sequence[str]], bool] = names_text) -> str | None:
    first = text.lstrip("\n").split("\n", 1)[0]
    return next((sign for sign in _DELIMITERS if sign in first and is_header(first.split(sign))), None)


def _delimiter(lines: Sequence[str]) -> str | None:
    """Return the sign that ends the first cell of every line, if all first cells differ."""
    for sign, cell in _CELLS.items():
        found = [cell.match(line) for line in lines if line.strip()]
        heads = {match[0] for match in found if match}
        if sign == "," and not all(any(letter.isdigit() for letter in head) for head in heads):
            continue  # a comma may lack its space: well,I think
        if len(heads) == len(found) and (len(found) > 1 or any(looks_like_id(head.strip('",;|')) for head in heads)):
            return sign
    return None


def _is_unknown_header(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether the first row names columns by words we do not know: each id below holds a sign that no name has."""
    return (
        len(rows) > 2
        and _are_plain_names(rows[0])
        and not any(_are_plain_names(row[:1]) for row in rows[1:])
        and len({len(row) for row in rows}) == 1
    )


def _are_plain_names(cells: Sequence[str]) -> bool:
    """Tell whether cells are words of letters alone, such as a column may be called; one that numbers rows has none."""
    names = [cell.strip().strip('"').replace("_", "") for cell in cells]
    return any(names) and all(not name or name.isalpha() for name in names)


def is_icefall(lines: Sequence[str]) -> bool:
    """Tell whether lines are ``id: ref=[...]`` and ``id: hyp=[...]``."""
    found = [_RECOG.match(line) for line in lines[:_SAMPLE]]
    return len(found) > 1 and all(found) and len({match["side"] for match in found if match}) == 2


def read_icefall(path: str, text: str) -> Table:
    """Read the recogs files of icefall: for each utterance a line with its reference and one with its hypothesis."""
    records: dict[str, Record] = {}
    unnamed = 0
    for number, line in enumerate(split_lines(text), 1):
        if not line.strip():
            continue
        match = _RECOG.match(line)
        if match is None:
            raise ScoringError("is neither ref=[...] nor hyp=[...]", path=path, line=number)
        unnamed += match["id"] is None and match["side"] == "ref"
        name = match["id"] or str(unnamed)
        record = records.setdefault(name, Record(number, {"id": name}))
        if match["side"] in record.values:
            raise ScoringError(f"repeats {match['side']} of {name!r}", path=path, line=number, utterance_ids=[name])
        record.values[match["side"]] = _words(path, number, match["value"])
    return Table(path, "icefall", list(records.values()))


def _words(path: str, number: int, value: str) -> str:
    """Return the words of a Python list, or a text that is no list as it stands."""
    if not value.startswith("["):
        return value.strip().strip("'\"")
    try:
        words = ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        raise ScoringError("holds no list of words", path=path, line=number) from None
    return " ".join(map(str, words))
