"""pyctcdecode's decoder over our search."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from asrkit.config import DecodingConfig
from asrkit.config.recognition import MOST_BONUS, MOST_WEIGHT
from asrkit.decoder.adapter.calls import Call, HotwordScorer, LMBeam, LMState, check_boundary, maps, search_config
from asrkit.decoder.adapter.labels import Alphabet
from asrkit.decoder.adapter.language_model import DEFAULT_OFFSET, LanguageModel, MultiLanguageModel, refuse_others
from asrkit.decoder.beam import BeamSearchDecoder
from asrkit.decoder.emissions import Emissions, FloatArray, listed
from asrkit.decoder.hypothesis import Hypothesis
from asrkit.emissions import tell_values, to_log_probabilities
from asrkit.errors import DecodingError
from asrkit.packages import needed
from asrkit.writing import write_whole

# text, language model state, frames of the words, acoustic score, total score
OutputBeam = tuple[str, LMState | None, list[tuple[str, tuple[int, int]]], float, float]
# the same without the state
OutputBeamMPSafe = tuple[str, list[tuple[str, tuple[int, int]]], float, float]
AnyLanguageModel = LanguageModel | MultiLanguageModel

_LN10 = math.log(10.0)
_ALPHABET_NAME, _MODEL_FOLDER = "alphabet.json", "language_model"


class BeamSearchDecoderCTC:
    """A decoder with the methods of pyctcdecode's; ``build_ctcdecoder`` makes one.

    Logits may be logits, probabilities or log-probabilities, ``(frames, labels)``, of any floating-point type. It can
    be pickled: the language model is named by its file, which processes read once.

    Args:
        alphabet: The labels, also as pyctcdecode's own ``Alphabet``.
        language_model: The language model.

    Raises:
        DecodingError: The settings cannot be used.
        LanguageModelError: The language model cannot be used.
    """

    # pyctcdecode keeps language models here until ``cleanup``; ours are names of files and weights, and light.
    model_container: ClassVar[dict[bytes, AnyLanguageModel | None]] = {}

    def __init__(self, alphabet: Alphabet | Any, language_model: AnyLanguageModel | None = None) -> None:
        self._alphabet = alphabet if isinstance(alphabet, Alphabet) else Alphabet(alphabet.labels, alphabet.is_bpe)
        self._language_model = language_model
        self._model_key = os.urandom(16)
        BeamSearchDecoderCTC.model_container[self._model_key] = language_model
        self._last: tuple[Any, BeamSearchDecoder] | None = None
        self._search(Call())

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._alphabet, self._language_model)

    def reset_params(
        self,
        alpha: float | None = None,
        beta: float | None = None,
        unk_score_offset: float | None = None,
        lm_score_boundary: bool | None = None,
    ) -> None:
        """Change the weights of the language model; what cannot be used is refused by the next call."""
        if self._language_model is not None:
            self._language_model.reset_params(
                alpha=alpha, beta=beta, unk_score_offset=unk_score_offset, score_boundary=lm_score_boundary
            )

    def cleanup(self) -> None:
        """Forget the decoder in ``model_container``."""
        BeamSearchDecoderCTC.model_container.pop(self._model_key, None)

    @classmethod
    def clear_class_models(cls) -> None:
        """Forget all decoders in ``model_container``."""
        BeamSearchDecoderCTC.model_container.clear()

    def decode(
        self,
        logits: Emissions,
        beam_width: int = 100,
        beam_prune_logp: float = -10.0,
        token_min_logp: float = -5.0,
        hotwords: Iterable[str] | None = None,
        hotword_weight: float = 10.0,
        lm_start_state: LMState | None = None,
    ) -> str:
        """Return the best text."""
        call = Call(beam_width, beam_prune_logp, token_min_logp, listed(hotwords, "hotwords"), hotword_weight)
        return self._decode(logits, call, lm_start_state)[0].text

    def decode_beams(
        self,
        logits: Emissions,
        beam_width: int = 100,
        beam_prune_logp: float = -10.0,
        token_min_logp: float = -5.0,
        prune_history: bool = False,
        hotwords: Iterable[str] | None = None,
        hotword_weight: float = 10.0,
        lm_start_state: LMState | None = None,
    ) -> list[OutputBeam]:
        """Return the best texts with their frames and scores, best first.

        With ``prune_history``, of texts that end with the same words only the best: as many words as the language model
        looks back on, at least one.
        """
        call = Call(
            beam_width, beam_prune_logp, token_min_logp, listed(hotwords, "hotwords"), hotword_weight, beam_width
        )
        found = self._decode(logits, call, lm_start_state)
        length = 0 if self._language_model is None else self._language_model.order - 1
        if prune_history:
            best: dict[tuple[str, ...], Hypothesis] = {}
            for h in found:
                best.setdefault(_words(h)[-max(1, length) :], h)
            found = list(best.values())
        return [self._beam(h, lm_start_state, length) for h in found]

    def get_starting_state(self) -> tuple[list[LMBeam], dict[str, Any], dict[str, Any]]:
        """Begin an utterance that comes in pieces: what ``partial_decode_beams`` takes the first time."""
        return [LMBeam("", [], 0.0, 0.0)], {}, {}

    def partial_decode_beams(
        self,
        logits: Emissions,
        cached_lm_scores: dict[str, Any],
        cached_p_lm_scores: dict[str, Any],
        beams: Sequence[LMBeam],
        processed_frames: int,
        beam_width: int = 100,
        beam_prune_logp: float = -10.0,
        token_min_logp: float = -5.0,
        prune_history: bool = False,
        hotword_scorer: HotwordScorer | None = None,
        force_next_word: bool = False,
        is_end: bool = False,
    ) -> list[LMBeam]:
        """Return the best texts of all pieces so far; at the end, those of the whole, as ``decode_beams`` gives them.

        The first dictionary of ``get_starting_state`` keeps the search, with the settings of the first piece;
        everything else is taken for the sake of pyctcdecode's callers.
        """
        if "stream" not in cached_lm_scores:
            hotwords = hotword_scorer or HotwordScorer((), 0.0)
            call = Call(beam_width, beam_prune_logp, token_min_logp, hotwords.hotwords, hotwords.weight, beam_width)
            cached_lm_scores["stream"] = self._search(call).stream()
        stream = cached_lm_scores["stream"]
        stream.push(self._log_probs(logits))
        return list(map(LMBeam.of, stream.finish()))

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
        """Return the best text of each utterance.

        ``pool`` is None, a number of threads (the fastest, as they do not wait for Python), or a pool with ``map``.
        """
        call = Call(beam_width, beam_prune_logp, token_min_logp, listed(hotwords, "hotwords"), hotword_weight)
        if maps(pool) or self._reranks():
            return list((pool.map if maps(pool) else map)(functools.partial(_decode_text, self, call), logits_list))
        threads = pool if isinstance(pool, int) else 1
        return self._search(call).decode_texts([self._log_probs(logits) for logits in logits_list], threads=threads)

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
    ) -> list[list[OutputBeamMPSafe]]:
        """Return the best texts of each utterance without states; see ``decode_batch`` and ``decode_beams``."""
        decode = functools.partial(
            self.decode_beams,
            beam_width=beam_width,
            beam_prune_logp=beam_prune_logp,
            token_min_logp=token_min_logp,
            prune_history=prune_history,
            hotwords=listed(hotwords, "hotwords"),
            hotword_weight=hotword_weight,
        )
        found = (pool.map if maps(pool) else map)(decode, logits_list)
        return [[(text, frames, *scores) for text, _, frames, *scores in beams] for beams in found]

    def save_to_dir(self, filepath: Path | str) -> None:
        """Write the decoder into a folder, in pyctcdecode's format.

        Raises:
            DecodingError: It has several language models, or the folder holds another one.
        """
        if isinstance(self._language_model, MultiLanguageModel):
            raise DecodingError("a MultiLanguageModel cannot be saved; save its language models one by one")
        folder = Path(filepath)
        if self._language_model is None:
            refuse_others(folder / _MODEL_FOLDER)
        else:
            self._language_model.save_to_dir(folder / _MODEL_FOLDER)
        write_whole(folder / _ALPHABET_NAME, self._alphabet.dumps())

    @staticmethod
    def parse_directory_contents(filepath: Path | str) -> dict[str, str | None]:
        """Return where the alphabet and the language model of a folder are.

        Raises:
            DecodingError: There is no alphabet.
        """
        folder = Path(filepath)
        if not (folder / _ALPHABET_NAME).exists():
            raise DecodingError(f"there is no {_ALPHABET_NAME}; name a folder that save_to_dir wrote", path=folder)
        model = folder / _MODEL_FOLDER
        return {"alphabet": str(folder / _ALPHABET_NAME), "language_model": str(model) if model.exists() else None}

    @classmethod
    def load_from_dir(cls, filepath: Path | str, unigram_encoding: str | None = None) -> Self:
        """Read a decoder that ``save_to_dir`` wrote, here or in pyctcdecode.

        Raises:
            DecodingError: The folder holds something else.
        """
        names = cls.parse_directory_contents(filepath)
        alphabet = Alphabet.loads(Path(str(names["alphabet"])).read_text(encoding="utf-8"))
        model = names["language_model"]
        return cls(alphabet, None if model is None else LanguageModel.load_from_dir(model, unigram_encoding))

    @classmethod
    def load_from_hf_hub(cls, model_id: str, cache_dir: str | None = None, **kwargs: Any) -> Self:
        """Read a decoder from Hugging Face's hub.

        Raises:
            MissingPackageError: huggingface_hub is not installed.
        """
        with needed("load_from_hf_hub", "huggingface_hub"):
            from huggingface_hub import snapshot_download
        cache_dir = cache_dir or str(Path.home() / ".cache" / "pyctcdecode")
        return cls.load_from_dir(snapshot_download(model_id, cache_dir=cache_dir, **kwargs))

    def _decode(self, logits: Emissions, call: Call, state: LMState | None = None) -> list[Hypothesis]:
        """Return the hypotheses of one utterance, best first."""
        if state is not None and not isinstance(state, LMState):
            raise DecodingError("lm_start_state is the second item of what decode_beams returned, or None")
        if self._reranks():
            call = replace(call, n_best=max(call.n_best, call.beam_width))
        search = self._search(call)
        found = (search if state is None else search.after(state.words)).decode(self._log_probs(logits))
        if self._reranks():
            assert self._language_model is not None
            alpha = self._language_model.alpha
            scored = [replace(h, score=h.score + alpha * h.lm_score) for h in found]
            found = sorted(scored, key=lambda h: -h.score)
        return found

    def _search(self, call: Call) -> BeamSearchDecoder:
        """Return the search with the settings of a call; it is kept, as the next call most likely wants the same."""
        hotwords = self._hotwords(call)
        config = self._config(call)
        lm = None if self._language_model is None else self._language_model.ngrams()
        last = self._last
        if last is not None and last[0] == (config, hotwords) and last[1].lm is lm:
            return last[1]
        if last is not None and last[1].lm is lm:
            search = last[1].with_config(config, hotwords=hotwords)
        else:
            search = BeamSearchDecoder(self._alphabet.symbols, lm, config, hotwords=hotwords)
        self._last = (config, hotwords), search
        return search

    def _config(self, call: Call) -> DecodingConfig:
        model = self._language_model
        settings = call.settings()
        if model is None:
            return search_config(settings)
        check_boundary(model.score_boundary)
        for name in ("alpha", "beta", "unk_score_offset"):
            if not math.isfinite(getattr(model, name)):
                raise DecodingError(f"{name} must be a finite number, not {getattr(model, name)!r}")
        alpha = max(float(model.alpha), 0.0)  # a negative one ranks the texts afterwards
        settings |= {"lm_weight": alpha, "word_bonus": float(model.beta)}
        if model.unk_score_offset != DEFAULT_OFFSET:
            share = 0.99 / max(alpha, 1.0)  # of the most that a search pays, which no rounding takes above it
            bonus = min(max(_LN10 * float(model.unk_score_offset), -MOST_WEIGHT * share), MOST_BONUS * share)
            settings |= {"unknown_weight": 0.0, "unknown_bonus": bonus}
        return search_config(settings)

    def _hotwords(self, call: Call) -> Mapping[str, float]:
        """Return words and phrases with their weights: what the labels cannot spell can never be said."""
        written = b"".join(spelling.text for spelling in self._alphabet.symbols.spellings if spelling)
        letters = set(written.decode("utf-8", "ignore"))
        weights: dict[str, float] = {}
        if self._language_model is not None:
            offset = self._language_model.alpha * self._language_model.unk_score_offset * _LN10
            if math.isfinite(offset) and offset < 0:
                weights = {word: offset for word in self._language_model.penalized() if letters.issuperset(word)}
        for hotword in call.hotwords:
            words = hotword.split()
            if words and letters.issuperset("".join(words)):
                weights[" ".join(words)] = call.hotword_weight
        return weights

    def _reranks(self) -> bool:
        """Whether the language model is to be opposed, which no search can do step by step."""
        return self._language_model is not None and self._language_model.alpha < 0

    def _log_probs(self, logits: Emissions) -> FloatArray:
        values = np.asarray(logits)
        if values.ndim != 2 or values.shape[1] != len(self._alphabet.labels):
            num_labels = len(self._alphabet.labels)
            is_short = values.ndim == 2 and values.shape[1] == num_labels - 1 and self._alphabet.labels[-1] == ""
            hint = ", the last for the blank; if one of yours is the blank, call it ''" if is_short else ""
            raise DecodingError(
                f"logits have the shape {values.shape}, not (frames, {num_labels}): a column for each label{hint}"
            )
        return to_log_probabilities(values, tell_values([values]))

    def _beam(self, h: Hypothesis, before: LMState | None, length: int) -> OutputBeam:
        frames = [(word.text, (word.start_step, word.end_step)) for word in h.words]
        state = None
        if self._language_model is not None:
            words = (*(before.words if before else ()), *_words(h))
            state = LMState(words[max(0, len(words) - length) :])
        return h.text, state, frames, h.acoustic_score, h.score


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


def _words(h: Hypothesis) -> tuple[str, ...]:
    return tuple(word.text for word in h.words)


def _decode_text(decoder: BeamSearchDecoderCTC, call: Call, logits: Emissions) -> str:
    return decoder._decode(logits, call)[0].text
