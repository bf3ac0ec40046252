"""The files in which toolkits keep the labels of a model's outputs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from asrkit.errors import ConfigError, MissingPathError
from asrkit.reading import parse_json, read_bounded
from asrkit.text.symbols import Symbols, WordRule

_MAX_BYTES = 64 << 20
_NUMBERED = re.compile(r"(?:(.*?)[ \t])?[ \t]*(-?[0-9]{1,9})[ \t]*")
_NUMBER_FIRST = re.compile(r"([0-9]{1,9})[ \t](.+)")
_SCORED = re.compile(r"(.+)\t(-?[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]+)?)")


def read_labels(path: Path | str) -> tuple[str, ...]:
    """Read the label of each output.

    Taken are ``piece id`` lines (``tokens.txt``, ``units.txt``: icefall, WeNet, sherpa-onnx), where an id alone is that
    of the space and the ``#0``, ``#1``, ... of a graph at the end are no outputs; the same with the id first;
    sentencepiece's ``.vocab`` with its scores; a label a line; and in ``.json`` a list of labels, an object of ids
    (``vocab.json``), pyctcdecode's ``alphabet.json`` and ``tokenizer.json`` of Hugging Face.

    Raises:
        MissingPathError: There is no such file.
        ConfigError: The file, or one of its lines, cannot be used.
    """
    path = Path(path)
    try:
        text = read_bounded(path, _MAX_BYTES).decode("utf-8-sig")
    except FileNotFoundError:
        raise MissingPathError("no such file of labels", path=path) from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text; give tokens.txt, vocab.json or a label a line") from None
    labels = _from_json(text, path) if path.suffix == ".json" else _from_lines(text, path)
    if not labels:
        raise ConfigError(f"{path}: holds no labels")
    return tuple(labels)


def read_symbols(
    path: Path | str, num_outputs: int | None = None, blank: int | None = None, words: WordRule | None = None
) -> Symbols:
    """Read the labels of a model and recognize what they spell; see ``Symbols.recognize``.

    Args:
        path: The file of labels.
        num_outputs: Outputs of the model, where that is known. With one more than there are labels, and none of them
            the blank, the blank comes last.
        blank: The output that is the blank, where it is known.
        words: How labels show words, where it is known.

    Raises:
        MissingPathError: There is no such file.
        ConfigError: The file cannot be used, or does not fit the model.
    """
    labels = read_labels(path)
    if num_outputs is not None and num_outputs - len(labels) not in (0, 1):
        raise ConfigError(f"{path}: has {len(labels)} labels, the model has {num_outputs} outputs; name its own file")
    if blank is not None and num_outputs == len(labels) and blank == num_outputs:
        raise ConfigError(f"the blank cannot be output {blank} of {num_outputs}; they count from 0")
    try:
        symbols = Symbols.recognize(labels, blank, words)
    except ConfigError as error:
        if blank is not None or num_outputs != len(labels) + 1:
            raise ConfigError(f"{path}: {error}") from None
        return read_symbols(path, num_outputs, len(labels), words)
    if num_outputs is not None and num_outputs != len(symbols):
        raise ConfigError(f"{path}: has {len(labels)} labels, the model has {num_outputs} outputs; name its own file")
    return symbols


def _from_lines(text: str, path: Path) -> list[str]:
    # Only line feeds end a line: other Unicode line ends may be labels.
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []
    scored = [match for line in lines if (match := _SCORED.fullmatch(line))]
    if len(scored) == len(lines) and not all(match[2].isdigit() for match in scored):
        return [match[1] for match in scored]
    matches = [_NUMBERED.fullmatch(line) for line in lines]
    if sum(match is not None and match[1] is not None for match in matches) * 2 <= len(lines):
        numbered = {int(match[1]): match[2] for line in lines if (match := _NUMBER_FIRST.fullmatch(line))}
        are_ids = len(numbered) > 0 and sorted(numbered) == list(range(len(lines)))
        return [numbered[i] for i in range(len(lines))] if are_ids else lines
    rows = []
    for number, (line, match) in enumerate(zip(lines, matches, strict=True), 1):
        if match is None and line.strip():
            raise ConfigError(f"{path}:{number}: {line!r} ends with no number; each line is a label and its id")
        if match is not None:
            rows.append((f"{path}:{number}", match[1] or " ", int(match[2])))
    labels = _in_order(rows, path)
    first = labels.index("#0") if "#0" in labels else len(labels)
    return labels[:first] if labels[first:] == [f"#{i}" for i in range(len(labels) - first)] else labels


def _in_order(rows: Iterable[tuple[str, str, int]], path: Path) -> list[str]:
    """Return labels in the order of their ids, which must be 0, 1, ... without a hole; rows: place, label, id."""
    places: dict[int, tuple[str, str]] = {}
    for place, label, index in rows:
        if index in places:
            raise ConfigError(f"{place}: {label!r} has the id {index}, which is that of {places[index][1]!r}")
        if index < 0:
            raise ConfigError(f"{place}: {label!r} has the id {index}; ids count from 0")
        places[index] = place, label
    for index in range(len(places)):
        if index not in places:
            raise ConfigError(f"{path}: no label has the id {index}, of {len(places)}; ids count from 0 without a hole")
    return [places[index][1] for index in range(len(places))]


def _from_json(text: str, path: Path) -> list[str]:
    try:
        value = parse_json(text, object_pairs_hook=_unrepeated)
    except ValueError as error:
        raise ConfigError(f"{path}: cannot be read as JSON: {error}") from None
    if isinstance(value, dict) and isinstance(value.get("model"), dict) and "vocab" in value["model"]:
        return _from_tokenizer(value, path)
    if isinstance(value, dict) and isinstance(value.get("labels"), list):
        value = value["labels"]
    if isinstance(value, list):
        for index, label in enumerate(value):
            if not isinstance(label, str):
                raise ConfigError(f"{path}: label {index} is {label!r}, not text")
        return value
    if isinstance(value, dict) and value and all(isinstance(ids, dict) for ids in value.values()):
        names = ", ".join(list(value)[:5])
        raise ConfigError(f"{path}: holds the labels of {len(value)} languages ({names}); save those of one as a file")
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: is neither a list of labels nor an object of labels and their ids")
    return _in_order(_numbered(value, path), path)


def _from_tokenizer(value: dict[str, Any], path: Path) -> list[str]:
    """Return the labels of Hugging Face's ``tokenizer.json``: pieces with ids or scores, and tokens added to them."""
    vocab = value["model"]["vocab"]
    if isinstance(vocab, list):
        try:
            vocab = {piece: index for index, (piece, _) in enumerate(vocab)}
        except (TypeError, ValueError):
            raise ConfigError(f"{path}: model.vocab is not a list of pieces and their scores") from None
    added = value.get("added_tokens") or []
    try:
        rows = {**vocab, **{token["content"]: token["id"] for token in added}}
    except (TypeError, KeyError):
        raise ConfigError(f"{path}: model.vocab and added_tokens do not name tokens with their ids") from None
    return _in_order(_numbered(rows, path), path)


def _numbered(ids: dict[str, Any], path: Path) -> Iterable[tuple[str, str, int]]:
    for label, index in ids.items():
        if not isinstance(index, int) or isinstance(index, bool):
            raise ConfigError(f"{path}: the id of {label!r} is {index!r}, not a number")
        yield str(path), label, index


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name!r} stands twice")
        found[name] = value
    return found
