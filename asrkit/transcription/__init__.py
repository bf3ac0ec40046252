"""Transcription: folders of recordings to transcripts, safely, quickly, and the same however it is run."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asrkit.transcription.recordings import Recording, find_recordings
    from asrkit.transcription.run import decode_emissions, transcribe
    from asrkit.transcription.summary import Failure, Observer, TranscriptionSummary
    from asrkit.transcription.transcript import Alternative, TimedWord, Transcript

_HOME = {
    "Alternative": "transcript",
    "Failure": "summary",
    "Observer": "summary",
    "Recording": "recordings",
    "TimedWord": "transcript",
    "Transcript": "transcript",
    "TranscriptionSummary": "summary",
    "decode_emissions": "run",
    "find_recordings": "recordings",
    "transcribe": "run",
}

__all__ = [
    "Alternative",
    "Failure",
    "Observer",
    "Recording",
    "TimedWord",
    "Transcript",
    "TranscriptionSummary",
    "decode_emissions",
    "find_recordings",
    "transcribe",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
