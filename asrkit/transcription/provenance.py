"""What a transcript was made from, so that a rerun redoes what changed and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from asrkit.config import Calibration, DecodingConfig, TranscriptionConfig
from asrkit.errors import LanguageModelError, MissingPathError
from asrkit.packages import version_of
from asrkit.reading import require_plain
from asrkit.transcription.speech import detection_method

_WHOLE_BYTES = 64 << 20
_SAMPLES = 64  # of a larger file
_SAMPLE_BYTES = 1 << 20
CALIBRATED, UNCALIBRATED = "calibrated", "uncalibrated"  # what confidences are: probabilities, or a mere ranking


def file_fingerprint(path: Path, kind: str = "language model") -> str:
    """Return a hash of a file's content; of a file beyond 64 MB, of its size and 64 MB spread over it.

    Raises:
        MissingPathError: There is no such file.
        LanguageModelError: It cannot be read.
    """
    try:
        if not path.is_dir():  # opening says what that is
            require_plain(path)
        with path.open("rb") as file:
            size = path.stat().st_size
            digest = hashlib.sha256(str(size).encode())
            if size <= _WHOLE_BYTES:
                digest.update(file.read())
            else:
                for index in range(_SAMPLES):
                    file.seek((size - _SAMPLE_BYTES) * index // (_SAMPLES - 1))
                    digest.update(file.read(_SAMPLE_BYTES))
    except FileNotFoundError:
        raise MissingPathError(f"no such {kind}", path=path) from None
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        hint = "name an ARPA file or a binary one" if kind == "language model" else "name another file"
        raise LanguageModelError(f"cannot be read ({why}); {hint}", path=path) from None
    return digest.hexdigest()[:16]


def describe(
    *,
    model: str,
    model_fingerprint: str,
    language_model: Path | None,
    calibration: Iterable[Calibration] = (),
    lexicon: Path | None = None,
    decoding: DecodingConfig,
    config: TranscriptionConfig,
    normalizer: str,
    language: str,
    others: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[dict[str, Any], Calibration | None]:
    """Return what decides a transcript, with a ``key`` that changes when it does, and what calibrates confidences.

    How the work is spread (jobs, batches) and which files are written is left out: it never changes an answer. What the
    model's texts passed is for those who score them.
    """
    deciding: dict[str, Any] = {
        "model": model,
        "model_fingerprint": model_fingerprint,
        "lm": None if language_model is None else language_model.name,
        "lm_fingerprint": None if language_model is None else file_fingerprint(language_model),
        "decoding": _brief(decoding, has_lm=language_model is not None),
        "window_s": config.window_s,
        "overlap_s": config.overlap_s,
        "raw_rate_hz": config.raw_rate_hz,
    }
    if lexicon is not None:
        deciding |= {"lexicon": lexicon.name, "lexicon_fingerprint": file_fingerprint(lexicon, "lexicon")}
    deciding |= others
    if config.vad:
        deciding["vad"] = detection_method()
    if config.audio_track is not None:
        deciding["audio_track"] = config.audio_track
    held = Calibration.choose(calibration, decoding, deciding["lm_fingerprint"])
    if held is not None:
        deciding["calibration"] = _digest(held.to_dict())
    key = _digest(deciding)
    texts = {"normalizer": normalizer, "language": language}
    told = {"confidence": UNCALIBRATED if held is None else CALIBRATED}
    return {"key": key, **deciding, **texts, **told, "asrkit": version_of()}, held


def _digest(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def _brief(decoding: DecodingConfig, *, has_lm: bool) -> dict[str, Any]:
    """Return the settings of the decoder without what has no effect, hotwords as a hash: they stand in every line."""
    settings = decoding.to_dict()
    del settings["max_unspelled"]  # decides whether there is an answer, never which
    for name in ("lm_units", "lm_case"):  # new settings left alone change nothing, and no run is to be done again
        if settings[name] == getattr(DecodingConfig, name):
            del settings[name]
    if not has_lm or decoding.prior_scale == 0.0:
        del settings["log_priors"]
    if decoding.hotwords:
        digest = hashlib.sha256("\n".join(decoding.hotwords).encode("utf-8", "surrogateescape")).hexdigest()
        settings["hotwords"] = f"{len(decoding.hotwords)} with hash {digest[:16]}"
    return settings
