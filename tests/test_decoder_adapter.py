"""The adapter takes pyctcdecode's calls, and answers alike where the two are meant to agree."""

from __future__ import annotations

import inspect
import math
from pathlib import Path

import numpy as np
import pytest
from test_decoder import ALPHABET, planted

from asrkit.decoder import build_ctcdecoder
from asrkit.errors import DecodingError

TINY = Path(__file__).parents[1] / "lm" / "tiny.arpa"
LABELS = [*ALPHABET.symbols, ""]


def test_signatures_are_those_of_pyctcdecode() -> None:
    peer = pytest.importorskip("pyctcdecode", reason="pyctcdecode is not installed")
    ours = build_ctcdecoder(LABELS)
    assert list(inspect.signature(build_ctcdecoder).parameters) == list(
        inspect.signature(peer.build_ctcdecoder).parameters
    )
    for name in ("decode", "decode_beams", "decode_batch", "decode_beams_batch"):
        theirs = dict(inspect.signature(getattr(peer.BeamSearchDecoderCTC, name)).parameters)
        del theirs["self"]
        mine = inspect.signature(getattr(ours, name)).parameters
        assert {key: p.default for key, p in mine.items()} == {key: p.default for key, p in theirs.items()}


def test_texts_and_frames_agree_with_pyctcdecode() -> None:
    peer = pytest.importorskip("pyctcdecode", reason="pyctcdecode is not installed")
    unigrams = ["the", "a", "cat", "dog", "sat", "ran", "on", "mat", "red", "is", "big", "end"]
    arguments = {"kenlm_model_path": str(TINY), "unigrams": unigrams, "alpha": 0.5, "beta": 1.0}
    ours, theirs = build_ctcdecoder(LABELS, **arguments), peer.build_ctcdecoder(LABELS, **arguments)
    for seed, text in enumerate(["the cat sat on the mat", "a big dog ran", "the mat is red"]):
        logits = planted(text, seed=seed, noise=1.5)
        assert ours.decode(logits) == theirs.decode(logits) == text
        mine, other = ours.decode_beams(logits)[0], theirs.decode_beams(logits)[0]
        assert mine[0] == other[0]
        for (word, (begin, end)), (other_word, (other_begin, other_end)) in zip(mine[2], other[2], strict=True):
            assert word == other_word
            assert abs(begin - other_begin) <= 1 and abs(end - other_end) <= 2
        assert mine[3] == pytest.approx(other[3], abs=0.5)


def test_logits_probabilities_and_log_probabilities_are_the_same() -> None:
    decoder = build_ctcdecoder(LABELS)
    log_probs = planted("the cat", noise=2.0)
    expected = decoder.decode_beams(log_probs, beam_width=5)
    for other in (log_probs + 3.0, np.exp(log_probs), log_probs.astype(np.float64)):
        found = decoder.decode_beams(other, beam_width=5)
        assert [beam[0] for beam in found] == [beam[0] for beam in expected]
        assert [beam[4] for beam in found] == pytest.approx([beam[4] for beam in expected], abs=1e-2)


def test_batches_and_pools() -> None:
    decoder = build_ctcdecoder(LABELS, TINY)
    batch = [planted(text) for text in ("the cat", "a dog", "")]
    assert decoder.decode_batch(None, batch) == decoder.decode_batch(3, batch) == ["the cat", "a dog", ""]
    assert decoder.decode_beams_batch(None, batch)[1][0][0] == "a dog"


def test_hotwords_apply_to_one_call() -> None:
    decoder = build_ctcdecoder(LABELS, TINY)
    logits = np.logaddexp(planted("smith", hold=1) + math.log(0.3), planted("smyth", hold=1) + math.log(0.7))
    assert decoder.decode(logits) == "smyth"
    assert decoder.decode(logits, hotwords=["smith"]) == "smith"
    assert decoder.decode(logits) == "smyth"


@pytest.mark.parametrize(
    "labels",
    [
        ["<pad>", "|", "a", "b"],
        ["[PAD]", " ", "a", "b"],
        ["_", " ", "a", "b"],
        ["", "|", "a", "b"],
        ["<blank>", "|", "a", "b"],
        ["<blk>", " ", "a", "b"],
        ["-", " ", "a", "b"],
        ["<b>", " ", "a", "b"],
        ["<ctc_blank>", " ", "a", "b"],
        ["<eps>", "|", "a", "b"],
    ],
)
def test_labels_as_models_name_them(labels: list[str]) -> None:
    logits = np.full((5, 4), -9.0)
    logits[np.arange(5), [2, 0, 1, 3, 0]] = 0.0
    assert build_ctcdecoder(labels).decode(logits) == "a b"
    assert build_ctcdecoder(labels[1:]).decode(np.roll(logits, -1, axis=1)) == "a b", "the blank comes last"


def test_of_two_that_may_be_the_blank_the_surer_one_is() -> None:
    logits = np.full((5, 5), -9.0)
    logits[np.arange(5), [2, 4, 1, 3, 4]] = 0.0
    assert build_ctcdecoder(["<pad>", " ", "a", "b", "<blank>"]).decode(logits) == "a b"


def test_a_blank_that_no_label_names_is_told() -> None:
    with pytest.raises(
        DecodingError, match=r"not \(frames, 5\): a column for each label, the last for the blank; .*''"
    ):
        build_ctcdecoder(["~", " ", "a", "b"]).decode(np.zeros((5, 4)))


def test_what_is_not_supported_says_so() -> None:
    with pytest.raises(DecodingError, match="lm_score_boundary"):
        build_ctcdecoder(LABELS, lm_score_boundary=False)
    with pytest.raises(DecodingError, match="lm_start_state"):
        build_ctcdecoder(LABELS).decode(planted("a"), lm_start_state=object())  # type: ignore[arg-type]
