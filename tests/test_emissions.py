from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asrkit.config.recognition import GUIDED_THRESHOLDS, LEXICON_MARGIN, UNGUIDED_THRESHOLDS
from asrkit.emissions import EmissionsInfo, as_stored, pack_emissions, read_emissions, read_info
from asrkit.errors import DecodingError
from asrkit.text import Alphabet, Symbols, WordRule

INFO = EmissionsInfo("u", Alphabet(" ab"), 40.0, 1.5, "/u.wav", "10-20", "m", "f1")


def test_emissions_survive_storage_as_they_are_decoded(tmp_path: Path) -> None:
    emissions = np.log(np.random.default_rng(1).dirichlet(np.ones(4), size=9)).astype(np.float32)
    emissions[0, 0] = -np.inf
    stored = as_stored(emissions)
    assert np.isfinite(stored).all()
    assert np.abs(stored[1:].astype(np.float32) / emissions[1:] - 1).max() < 1e-3
    (tmp_path / "e.npz").write_bytes(pack_emissions(stored, INFO))
    info, read = read_emissions(tmp_path / "e.npz")
    assert info == INFO == read_info(tmp_path / "e.npz")
    np.testing.assert_array_equal(read, stored)


def test_a_large_vocabulary_is_packed_to_what_a_search_may_try(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 3, (40, 3000))
    logits[np.arange(40), rng.integers(0, 3000, 40)] += 25
    logits[0] = 0  # nothing is rare
    logits[1] = [0, *[-np.inf] * 2999]
    emissions = (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)
    stored = as_stored(emissions)
    thresholds = [symbol for modes in (GUIDED_THRESHOLDS, UNGUIDED_THRESHOLDS) for _, symbol in modes.values()]
    assert max(thresholds) + LEXICON_MARGIN < 14
    likely = emissions >= -14
    assert likely[2:].mean() < 0.1
    np.testing.assert_array_equal(stored[likely], emissions[likely].astype(np.float16))
    np.testing.assert_allclose(np.exp(stored.astype(np.float64)).sum(axis=1), 1, atol=2e-3)
    assert stored[~likely].max() < -14
    assert all(len(np.unique(row[rare])) == 1 for row, rare in zip(stored[1:], ~likely[1:], strict=True))
    np.testing.assert_array_equal(as_stored(stored), stored)  # what is decoded again is kept as it is
    for given in (
        emissions.copy(),
        np.asfortranarray(emissions),
        np.frombuffer(emissions.tobytes(), "f4").reshape(40, -1),
    ):
        np.testing.assert_array_equal(as_stored(given, out=given), stored)
        assert np.array_equal(given, stored) == (given.flags.c_contiguous and given.flags.writeable)
    info = replace(INFO, symbols=Symbols(tuple(f"▁{i}" for i in range(3000)), 0, WordRule.PIECE))
    (tmp_path / "e.npz").write_bytes(pack_emissions(stored, info))
    np.testing.assert_array_equal(read_emissions(tmp_path / "e.npz")[1], stored)
    assert (tmp_path / "e.npz").stat().st_size < stored.nbytes / 10
    assert np.isnan(as_stored(np.full((1, 3000), np.nan, np.float32))).all(), "what is no number is not made one"


def test_emissions_of_earlier_versions_stay_readable(tmp_path: Path) -> None:
    facts = {name: value for name, value in vars(INFO).items() if name not in ("symbols", "normalizer", "language")}
    (tmp_path / "e.npz").write_bytes(packed({"format_version": 1, "alphabet": " ab", **facts}, VALUES))
    info, _ = read_emissions(tmp_path / "e.npz")
    assert (info.symbols, info.normalizer, info.language) == (Alphabet(" ab"), "standard-1", "en")


def test_labels_and_what_texts_passed_survive_storage(tmp_path: Path) -> None:
    symbols = Symbols(("<blk>", "▁a", "b", "<unk>"), 0, WordRule.PIECE, frozenset({3}))
    info = replace(INFO, symbols=symbols, normalizer="standard-2", language="de")
    (tmp_path / "e.npz").write_bytes(pack_emissions(VALUES, info))
    assert read_info(tmp_path / "e.npz") == info


def packed(description: Any, values: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, log_probs=values, description=np.frombuffer(json.dumps(description).encode(), np.uint8))
    return buffer.getvalue()


GOOD = {"format_version": 1, **vars(INFO), "alphabet": " ab"}
del GOOD["symbols"]
VALUES = np.zeros((3, 4), np.float16)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an emissions file"),
        (b"PK\x03\x04 torn", "not an emissions file"),
        (pack_emissions(VALUES, INFO)[:-30], "not an emissions file"),
        (packed(GOOD | {"format_version": 3}, VALUES), "upgrade asrkit"),
        (packed(GOOD | {"step_ms": "x"}, VALUES), "not an emissions file"),
        *((packed(GOOD | {"step_ms": n}, VALUES), r"\(step_ms is ") for n in (0, -5, math.nan, 1e308, 10**400, None)),
        *((packed(GOOD | {"duration_s": n}, VALUES), r"\(duration_s is ") for n in (-1, math.nan, math.inf, 10**400)),
        (packed(GOOD | {"more": 1}, VALUES), "not an emissions file"),
        (packed([1], VALUES), "not an emissions file"),
        (packed(GOOD, np.zeros((3, 9), np.float16)), "do not fit a model of 4 outputs"),
        (packed(GOOD, np.zeros(4, np.float16)), "do not fit"),
        (packed(GOOD, np.array([[object()]])), "not an emissions file"),  # would need pickle
    ],
)
def test_files_of_strangers_are_refused(data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "e.npz").write_bytes(data)
    with pytest.raises(DecodingError, match=message):
        read_emissions(tmp_path / "e.npz")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DecodingError, match="no such emissions file"):
        read_info(tmp_path / "absent.npz")
