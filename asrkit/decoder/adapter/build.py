"""pyctcdecode's way to a decoder."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from asrkit.decoder.adapter.calls import check_boundary
from asrkit.decoder.adapter.decoder import BeamSearchDecoderCTC
from asrkit.decoder.adapter.labels import Alphabet
from asrkit.decoder.adapter.language_model import LanguageModel


def build_ctcdecoder(
    labels: Sequence[str],
    kenlm_model_path: Path | str | None = None,
    unigrams: Collection[str] | None = None,
    alpha: float = 0.5,
    beta: float = 1.5,
    unk_score_offset: float = -10.0,
    lm_score_boundary: bool = True,
) -> BeamSearchDecoderCTC:
    """Build a decoder as ``pyctcdecode.build_ctcdecoder`` does.

    Args:
        labels: Text of each output; see ``Alphabet.build_alphabet``.
        kenlm_model_path: A language model: ARPA, our binary or KenLM's.
        unigrams: The known words; the model's own when None.
        alpha: Weight of the language model.
        beta: Bonus per word.
        unk_score_offset: See ``LanguageModel``.
        lm_score_boundary: Must be True: sentences have a begin and an end.

    Raises:
        DecodingError: The labels are repeated, or ``lm_score_boundary`` is False.
        LanguageModelError: The language model cannot be used.
    """
    alphabet = Alphabet.build_alphabet(labels)
    if kenlm_model_path is None:
        check_boundary(lm_score_boundary)
        return BeamSearchDecoderCTC(alphabet)
    path = Path(kenlm_model_path)
    return BeamSearchDecoderCTC(
        alphabet, LanguageModel(path, unigrams, alpha, beta, unk_score_offset, lm_score_boundary)
    )
