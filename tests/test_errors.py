from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from asrkit import errors
from asrkit.errors import AsrkitError, AudioError, ConfigError, LanguageModelError, ManifestError, ScoringError

PUBLIC = [
    error
    for _, error in inspect.getmembers(errors, inspect.isclass)
    if issubclass(error, Exception) and not error.__name__.startswith("_")
]


def test_the_tree_in_the_docstring_is_complete() -> None:
    drawn = set(re.findall(r"\b([A-Z]\w+Error)\b", errors.__doc__ or ""))
    assert drawn - {"ValueError", "ImportError"} == {error.__name__ for error in PUBLIC}


@pytest.mark.parametrize("error", PUBLIC)
def test_every_error_is_an_asrkit_error_with_an_exit_code(error: type[AsrkitError]) -> None:
    assert issubclass(error, AsrkitError)
    assert error.exit_code in (1, 2)
    assert str(error("what was wrong; what to do")) == "what was wrong; what to do"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (AudioError("is empty", path="a.wav"), "a.wav: is empty"),
        (ManifestError("no text", path=Path("m.tsv"), line=3), "m.tsv:3: no text"),
        (ManifestError("no text", line=3), "no text"),  # a line without its file helps nobody
        (ScoringError("ids are missing", path="hyp.txt"), "hyp.txt: ids are missing"),
    ],
)
def test_a_message_begins_with_the_place(error: AsrkitError, message: str) -> None:
    assert str(error) == message


def test_errors_carry_what_a_caller_acts_on() -> None:
    error = ManifestError("no text", path="m.tsv", line=3)
    assert (error.path, error.line) == (Path("m.tsv"), 3)
    assert AudioError("is empty").path is None
    assert ScoringError("missing", utterance_ids=["a", "b"]).utterance_ids == ("a", "b")


def test_settings_errors_are_value_errors_and_lm_errors_are_decoding_errors() -> None:
    assert issubclass(ConfigError, ValueError)
    assert issubclass(LanguageModelError, errors.DecodingError)


@pytest.mark.parametrize(
    ("error", "code"),
    [(ConfigError, 2), (errors.MissingPathError, 2), (ManifestError, 2), (ScoringError, 2), (AudioError, 1)],
)
def test_wrong_usage_is_2_and_failure_is_1(error: type[AsrkitError], code: int) -> None:
    assert error.exit_code == code
