"""pyctcdecode's interface over our search: change one import and keep the calls.

    from asrkit.decoder import build_ctcdecoder  # instead of pyctcdecode

What differs:

- Scores: ``logit_score`` is the exact sum over all alignments; the second score adds the weighted language model, the
  word bonus and the hotwords.
- Words outside the vocabulary are scored by ``<unk>`` and a character n-gram of the known words. ``unigrams`` and
  ``unk_score_offset`` are therefore not needed, and ignored; an ARPA file, our own binary and a KenLM binary all work.
- A hotword of several words is one phrase; its words alone earn nothing.
- ``pool`` may be a number of threads; a process pool is not used, as threads do not wait for Python here.
- Stateful language model scores (``lm_start_state``) and subword labels are refused.
- Frames of words come from the most likely alignment of the final text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asrkit.config import DecodingConfig
from asrkit.decoder.beam import BeamSearchDecoder
from asrkit.decoder.emissions import Emissions, FloatArray
from asrkit.decoder.hypothesis import Hypothesis
from asrkit.errors import DecodingError
from asrkit.language_model import NgramModel

# text, language model state (always None), frames of the words, acoustic score, total score
OutputBeam = tuple[str, None, list[tuple[str, tuple[int, int]]], float, float]

_BLANK = re.compile(r"^[<\[]pad[>\]]$", re.IGNORECASE)
_UNKNOWN = re.compile(r"^[<\[]unk[>\]]$", re.IGNORECASE)
_SUBWORD = "▁"


def build_ctcdecoder(
    labels: Sequence[str],
    kenlm_model_path: Path | str | None = None,
    unigrams: Collection[str] | None = None,
    alpha: float = 0.5,
    beta: float = 1.5,
    unk_score_offset: float = -10.0,
    lm_score_boundary: bool = True,
) -> CtcDecoder:
    """Build a decoder as ``pyctcdecode.build_ctcdecoder`` does.

    Args:
        labels: Text of each output. The blank is ``""``, ``<pad>``, ``[PAD]`` or ``_``, or comes after the last label;
            ``|`` stands for the space when there is none.
        kenlm_model_path: A language model: ARPA, our binary or KenLM's.
        unigrams: Ignored; the model's own words are used.
        alpha: Weight of the language model.
        beta: Bonus per word.
        unk_score_offset: Ignored; unknown words are scored by their spelling.
        lm_score_boundary: Must be True: sentences have a begin and an end.

    Raises:
        DecodingError: The labels are subwords, repeated or empty, or ``lm_score_boundary`` is False.
        LanguageModelError: The language model cannot be used.
    """
    if not lm_score_boundary:
        raise DecodingError("lm_score_boundary=False is not supported: sentences are scored with their begin and end")
    if any(label.startswith((_SUBWORD, "##")) for label in labels):
        raise DecodingError("subword labels are not supported; use a model with character outputs")
    texts, blank = _normalize_labels(labels)
    lm = None if kenlm_model_path is None else NgramModel.load(kenlm_model_path)
    config = DecodingConfig(lm_weight=float(alpha), word_bonus=float(beta))
    return CtcDecoder(BeamSearchDecoder.from_labels(texts, blank, lm, config))


def _normalize_labels(labels: Sequence[str]) -> tuple[list[str], int]:
    """Return the labels with plain space and unknown sign, and the place of the blank."""
    texts = ["⁇" if _UNKNOWN.match(label) else "" if _BLANK.match(label) else label for label in labels]
    if "|" in texts and " " not in texts:
        texts[texts.index("|")] = " "
    if "" not in texts:
        if "_" in texts:
            texts[texts.index("_")] = ""
        else:
            texts.append("")
    return texts, texts.index("")


class CtcDecoder:
    """A decoder with the methods of ``pyctcdecode.BeamSearchDecoderCTC``; ``build_ctcdecoder`` makes one.

    Logits may be logits, probabilities or log-probabilities, ``(frames, labels)``.
    """

    def __init__(self, decoder: BeamSearchDecoder) -> None:
        self._decoder = decoder

    def decode(
        self,
        logits: Emissions,
        beam_width: int = 100,
        beam_prune_logp: float = -10.0,
        token_min_logp: float = -5.0,
        hotwords: Iterable[str] | None = None,
        hotword_weight: float = 10.0,
        lm_start_state: None = None,
    ) -> str:
        """Return the best text."""
        settings = _settings(beam_width, beam_prune_logp, token_min_logp, hotwords, hotword_weight, n_best=1)
        return self._decoder_with(settings, lm_start_state).decode_texts([_log_softmax(logits)])[0]

    def decode_beams(
        self,
        logits: Emissions,
        beam_width: int = 100,
        beam_prune_logp: float = -10.0,
        token_min_logp: float = -5.0,
        prune_history: bool = False,
        hotwords: Iterable[str] | None = None,
        hotword_weight: float = 10.0,
        lm_start_state: None = None,
    ) -> list[OutputBeam]:
        """Return the best texts with their frames and scores, best first; ``prune_history`` changes nothing."""
        settings = _settings(beam_width, beam_prune_logp, token_min_logp, hotwords, hotword_weight, n_best=beam_width)
        return [_output_beam(h) for h in self._decoder_with(settings, lm_start_state).decode(_log_softmax(logits))]

    def decode_batch(
        self,
        pool: Any,
        logits_list: Sequence[Emissions],
        beam_width: int = 100,
        beam_prune_logp: float = -10.0,
        token_min_logp: float = -5.0,
        hotwords: Iterable[str] | None = None,
        hotword_weight: float = 10.0,
    ) -> list[str]:
        """Return the best text of each utterance."""
        settings = _settings(beam_width, beam_prune_logp, token_min_logp, hotwords, hotword_weight, n_best=1)
        return self._decoder_with(settings).decode_texts(
            [_log_softmax(logits) for logits in logits_list], threads=_threads(pool)
        )

    def decode_beams_batch(
        self,
        pool: Any,
        logits_list: Sequence[Emissions],
        beam_width: int = 100,
        beam_prune_logp: float = -10.0,
        token_min_logp: float = -5.0,
        prune_history: bool = False,
        hotwords: Iterable[str] | None = None,
        hotword_weight: float = 10.0,
    ) -> list[list[OutputBeam]]:
        """Return the best texts of each utterance; see ``decode_beams``."""
        settings = _settings(beam_width, beam_prune_logp, token_min_logp, hotwords, hotword_weight, n_best=beam_width)
        batch = [_log_softmax(logits) for logits in logits_list]
        found = self._decoder_with(settings).decode_batch(batch, threads=_threads(pool))
        return [[_output_beam(h) for h in hypotheses] for hypotheses in found]

    def _decoder_with(self, settings: dict[str, Any], lm_start_state: object = None) -> BeamSearchDecoder:
        """Return the decoder with these settings; it is kept, as the next call most likely wants the same."""
        if lm_start_state is not None:
            raise DecodingError("lm_start_state is not supported; push the pieces of one utterance into stream()")
        config = self._decoder.config.replace(**settings)
        if config != self._decoder.config:
            self._decoder = self._decoder.with_config(config)
        return self._decoder


def _settings(
    beam_width: int,
    beam_prune_logp: float,
    token_min_logp: float,
    hotwords: Iterable[str] | None,
    hotword_weight: float,
    *,
    n_best: int,
) -> dict[str, Any]:
    return {
        "beam": beam_width,
        "beam_threshold": min(-float(beam_prune_logp), 80.0),
        "symbol_threshold": -float(token_min_logp),
        "hotwords": tuple(hotwords or ()),
        "hotword_weight": float(hotword_weight),
        "n_best": n_best,
    }


def _threads(pool: Any) -> int:
    """Return the number of threads: that of the pool's workers, or the number itself."""
    if isinstance(pool, int):
        return pool
    return int(getattr(pool, "_processes", 1) or 1)


def _log_softmax(logits: Emissions) -> FloatArray:
    values = np.asarray(logits, np.float64)
    if values.ndim != 2:
        return values.astype(np.float32)  # refused by the decoder, with a message
    if len(values) and np.isclose(values.sum(axis=1).mean(), 1.0):
        return np.log(np.clip(values, 1e-15, 1.0)).astype(np.float32)
    peak = values.max(axis=1, keepdims=True, initial=-np.inf)
    shifted: npt.NDArray[np.float64] = values - np.where(np.isfinite(peak), peak, 0.0)
    log_probs: FloatArray = (shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))).astype(np.float32)
    return log_probs


def _output_beam(h: Hypothesis) -> OutputBeam:
    frames = [(word.text, (word.start_step, word.end_step)) for word in h.words]
    return h.text, None, frames, h.acoustic_score, h.score
