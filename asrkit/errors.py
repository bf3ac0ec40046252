"""Every exception asrkit raises on purpose.

AsrkitError
├── ConfigError            unknown key, value out of range (also a ValueError)
├── MissingPackageError    a task needs a package that is not installed (also an ImportError)
├── MissingPathError       a path named by the user does not exist           .path
├── AudioError             unreadable, empty, unsupported recording          .path
├── ManifestError          malformed line, duplicate id, missing text        .path .line
├── DownloadError          a corpus cannot be fetched, damaged, hostile      .path
├── BundleError            missing part, newer format, hostile content       .path
├── DecodingError          wrong shape, NaN, labels do not match (also a ValueError)
│   ├── LanguageModelError unusable n-gram model or text to build one from   .path .line
│   └── LexiconError       a lexicon that cannot be read or spelled          .path .line
├── ScoringError           ids missing on one side, unreadable transcripts   .utterance_ids
├── SynthesisError         no speech synthesizer at hand
├── TrainingError          nothing to train on, diverged, unusable checkpoint
└── TranscriptionError     nothing to transcribe, output folder unusable
    └── InUseError         another run is writing into a folder; a TrainingError, too   .path

A message says what was wrong and where, then what to do. The command line prints it as one line and ends
with ``exit_code``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class AsrkitError(Exception):
    """Base of all errors that a user can mend."""

    exit_code = 1


class ConfigError(AsrkitError, ValueError):
    """A setting is unknown or out of range."""

    exit_code = 2


class MissingPackageError(AsrkitError, ImportError):
    """A package that only some tasks need is not installed."""


class _FileError(AsrkitError):
    """An error about one file, maybe about one of its lines."""

    def __init__(self, message: str, *, path: Path | str | None = None, line: int | None = None) -> None:
        self.path = None if path is None else Path(path)
        self.line = line
        self.message = message  # without path and line
        where = "" if path is None else f"{path}:{line}: " if line is not None else f"{path}: "
        super().__init__(where + message)


class MissingPathError(_FileError):
    """A path the user named does not exist."""

    exit_code = 2


class AudioError(_FileError):
    """A recording cannot be used."""


class ManifestError(_FileError):
    """A manifest, or one of its lines, cannot be used."""

    exit_code = 2


class DownloadError(_FileError):
    """A corpus cannot be fetched or unpacked."""


class BundleError(_FileError):
    """A model bundle cannot be used."""


class DecodingError(_FileError, ValueError):
    """Emissions or decoding settings cannot be used."""


class LanguageModelError(DecodingError):
    """A language model cannot be used or built."""


class LexiconError(DecodingError):
    """A lexicon, or one of its lines, cannot be used."""


class ScoringError(_FileError):
    """Hypotheses and references cannot be compared."""

    exit_code = 2

    def __init__(
        self,
        message: str,
        *,
        path: Path | str | None = None,
        line: int | None = None,
        utterance_ids: Sequence[str] = (),
    ) -> None:
        super().__init__(message, path=path, line=line)
        self.utterance_ids = tuple(utterance_ids)


class SynthesisError(AsrkitError):
    """Speech cannot be synthesized here."""


class TrainingError(_FileError):
    """Training cannot start or go on."""


class TranscriptionError(_FileError):
    """A transcription run cannot start or go on."""


class InUseError(TranscriptionError, TrainingError):
    """Another run, transcribing or training, is writing into a folder."""
