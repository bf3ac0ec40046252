"""pyctcdecode behind the interface of our decoders: a second opinion, and the plain route in benchmarks."""

from __future__ import annotations

import logging
import math
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asrkit.config import DecodingConfig
from asrkit.decoder.emissions import FloatArray, PriorDivision
from asrkit.decoder.hypothesis import Decoder, Hypothesis, Word
from asrkit.errors import LanguageModelError
from asrkit.language_model import NgramModel
from asrkit.language_model.files import COMPRESSED_SUFFIXES, decompressed, open_raw
from asrkit.packages import needed
from asrkit.text import Alphabet


class PyctcdecodeDecoder(Decoder):
    """pyctcdecode with the settings it shares with our search: beam, lm_weight, word_bonus, priors, thresholds.

    Its ``acoustic_score`` comes from the search and includes pyctcdecode's penalty for unknown words; confidences
    are shares among the hypotheses it returned.

    Args:
        alphabet: Symbols of the emissions.
        lm: A model read from an ARPA file, or the path of one; KenLM reads the same file.
        config: Search settings.

    Raises:
        MissingPackageError: pyctcdecode is not installed.
        LanguageModelError: The language model did not come from a file that KenLM can read.
        DecodingError: The priors do not fit the alphabet.
    """

    def __init__(
        self, alphabet: Alphabet, lm: NgramModel | Path | str | None = None, config: DecodingConfig | None = None
    ) -> None:
        modules = ["pyctcdecode"] if lm is None else ["pyctcdecode", "kenlm"]
        with needed("the decoder 'pyctcdecode'", *modules, instead="use the decoder 'beam'"):
            import pyctcdecode

        self._module: Any = pyctcdecode
        self.config = config or DecodingConfig()
        self.lm = NgramModel.load(lm) if isinstance(lm, Path | str) else lm
        self.num_symbols = len(alphabet)
        self._divide = PriorDivision(self.config, self.num_symbols, has_lm=self.lm is not None)
        # It warns about every alphabet without apostrophe, and about LM words in capitals.
        logging.getLogger("pyctcdecode").setLevel(logging.ERROR)
        self._decoder = self._build_decoder([*alphabet.symbols, ""])

    def _build_decoder(self, labels: list[str]) -> Any:
        if self.lm is None:
            return self._module.build_ctcdecoder(labels)
        if self.lm.path is None:
            raise LanguageModelError("pyctcdecode needs the model's ARPA file; load the model from a file")
        arguments = {
            "unigrams": self.lm.words,
            "alpha": float(self.config.lm_weight),
            "beta": float(self.config.word_bonus),
        }
        path = self.lm.path
        if path.suffix not in COMPRESSED_SUFFIXES:
            return self._module.build_ctcdecoder(labels, str(path), **arguments)
        with tempfile.TemporaryDirectory() as folder, open_raw(path) as packed:
            plain = Path(folder) / "model.arpa"
            with plain.open("wb") as file:
                shutil.copyfileobj(decompressed(packed, path), file)
            return self._module.build_ctcdecoder(labels, str(plain), **arguments)

    def _decode_all(self, emissions: Sequence[FloatArray], threads: int) -> list[list[Hypothesis]]:
        return [self._decode(array) for array in emissions]

    def _decode(self, emissions: FloatArray) -> list[Hypothesis]:
        if len(emissions) == 0:
            return [Hypothesis("", 0.0, 0.0, 0.0, (), 1.0)]
        beam_threshold, symbol_threshold = self.config.thresholds(
            is_guided=self.lm is not None and self.config.lm_weight > 0
        )
        beams = self._decoder.decode_beams(
            self._divide(emissions),
            beam_width=self.config.beam,
            beam_prune_logp=-beam_threshold,
            token_min_logp=-symbol_threshold,
        )[: self.config.n_best]
        total = sum(math.exp(beam[-1] - beams[0][-1]) for beam in beams)
        return [_hypothesis(beam, math.exp(beam[-1] - beams[0][-1]) / total, self.lm is not None) for beam in beams]


def _hypothesis(beam: Any, confidence: float, has_lm: bool) -> Hypothesis:
    text, _, frames, logit_score, score = beam
    words = tuple(Word(word, start, end, confidence) for word, (start, end) in frames)
    # pyctcdecode reports the weighted language model score with the word bonus in it.
    return Hypothesis(text, score, logit_score, score - logit_score if has_lm else 0.0, words, confidence)
