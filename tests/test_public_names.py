from __future__ import annotations

import ast
from pathlib import Path

import pytest

import asrkit

SOURCE = Path(asrkit.__file__)


def test_the_list_is_exact_and_sorted() -> None:
    assert asrkit.__all__ == sorted(asrkit._HOMES)
    assert set(asrkit.__all__) <= set(dir(asrkit))


@pytest.mark.parametrize("name", asrkit.__all__)
def test_every_public_name_resolves(name: str) -> None:
    value = getattr(asrkit, name)
    assert value.__name__ == name
    assert value.__doc__, f"{name} has no docstring"


def test_type_checkers_see_the_same_names() -> None:
    """The imports under TYPE_CHECKING and the table of lazy names say the same."""
    guarded = next(node for node in ast.parse(SOURCE.read_text(encoding="utf-8")).body if isinstance(node, ast.If))
    seen = {
        alias.name: node.module for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert seen == asrkit._HOMES


def test_no_public_name_hides_a_module() -> None:
    modules = {path.stem for path in SOURCE.parent.iterdir()}
    assert not modules & set(asrkit.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'transcribe_everything'"):
        _ = asrkit.transcribe_everything
