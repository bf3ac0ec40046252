"""What ``asrkit score`` needs to find the causes of errors: stored emissions and the decoder's own settings."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asrkit.errors import ConfigError

if TYPE_CHECKING:
    from asrkit.config import DecodingConfig
    from asrkit.metrics.blame import Blame, Evidence
    from asrkit.metrics.scoring import ScoreReport
    from asrkit.model.bundle import Bundle


def blame_errors(
    report: ScoreReport, emissions: Path, lm: Path | None = None, lexicon: Path | None = None, model: Path | None = None
) -> Blame:
    """Find the causes of all errors in the emissions of a run with ``--keep-emissions``.

    ``lm``, ``lexicon`` and ``model``, a bundle that has both, are what they were decoded with; the bundle in the box is
    found by itself.

    Raises:
        MissingPathError: The folder, the language model or the lexicon does not exist.
        ConfigError: The hypotheses are joined by line, so that their emissions cannot be found, or were decoded with
            a lexicon that is not named.
        DecodingError: The priors of the hypotheses' settings do not fit the emissions.
    """
    from asrkit.alignment import Aligner
    from asrkit.decoder.emissions import PriorDivision
    from asrkit.metrics.blame import Evidence, Judge, assign_blame
    from asrkit.text import Lexicon
    from asrkit.transcription.stored import find_emissions

    if report.pairs.joined_by != "id":
        raise ConfigError(
            "emissions are found by utterance id, but these files have none; use id lines or results.jsonl"
        )
    config, told = decoding_settings(report), _provenance(report)
    if (bundle := _bundle_of(told, model)) is not None:
        own = bundle.language_model
        lm = own if lm is None and own is not None and told.get("lm") == own.name else lm
        lexicon = lexicon or (bundle.lexicon if told.get("lexicon") else None)
    stored, recordings = find_emissions(emissions)
    divide = PriorDivision(config, len(stored.symbols), has_lm=lm is not None, silent=stored.symbols.silent)
    is_spelled = config.vocabulary == "spelled"
    if lexicon is None and not is_spelled and (used := told.get("lexicon")):
        raise ConfigError(f"the hypotheses were decoded with a lexicon, {used}; name it with --lexicon, or --model")
    said = None if lexicon is None or is_spelled else Lexicon.read(lexicon)
    scorer = Aligner(stored.symbols, said)
    kept = {recording.utterance_id: recording.emissions for recording in recordings}

    def find_evidence(utterance_id: str) -> Evidence | None:
        emissions = kept.get(utterance_id)
        return None if emissions is None else Evidence(divide(emissions.read()), scorer)

    if lm is None:
        return assign_blame(report, find_evidence, Judge())
    from asrkit.language_model import NgramModel

    ngrams = NgramModel.load(lm)
    known = frozenset(ngrams.vocabulary)

    def score(text: str) -> float:
        """Ask for words in the case of the language model; texts that are scored have one of their own."""
        forms = ((word, word.lower(), word.upper()) for word in text.split())
        return math.log(10.0) * ngrams.score(" ".join(next((f for f in form if f in known), form[0]) for form in forms))

    words = known if said is None else said.pronunciations
    judge = Judge(score, config.lm_weight, config.word_bonus, frozenset(form for w in words for form in (w, w.lower())))
    return assign_blame(report, find_evidence, judge)


def _provenance(report: ScoreReport) -> dict[str, Any]:
    told: Any = (report.pairs.columns.get("provenance") or [None])[0]
    return told if isinstance(told, dict) else {}


def _bundle_of(told: dict[str, Any], model: Path | None) -> Bundle | None:
    """Return the bundle that is named, else that in the box if the hypotheses are its own."""
    from asrkit.cli.settings import boxed_models, named_model
    from asrkit.model.bundle import Bundle

    if model is not None:
        return Bundle.load(named_model(model, "--model"))
    boxed = (Bundle.load(path) for path in boxed_models() if path.name == told.get("model"))
    return next((bundle for bundle in boxed if bundle.fingerprint == told.get("model_fingerprint")), None)


def decoding_settings(report: ScoreReport) -> DecodingConfig:
    """Return the settings that the hypotheses say they were decoded with, else those of ``asrkit.toml``."""
    from asrkit.cli.settings import Project, resolve
    from asrkit.config import DecodingConfig

    told = _provenance(report).get("decoding")
    names = ("lm_weight", "word_bonus", "prior_scale", "log_priors", "vocabulary")
    known = {name: told[name] for name in names if name in told} if isinstance(told, dict) else {}
    return resolve(DecodingConfig, "decoding", known, project=Project.load())
