"""Transcription: folders of recordings to transcripts, safely, quickly, and the same however it is run."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asrkit.transcription.recordings import Recording as Recording
    from asrkit.transcription.recordings import find_recordings as find_recordings
    from asrkit.transcription.run import decode_emissions as decode_emissions
    from asrkit.transcription.run import transcribe as transcribe
    from asrkit.transcription.summary import Failure as Failure
    from asrkit.transcription.summary import Observer as Observer
    from asrkit.transcription.summary import TranscriptionSummary as TranscriptionSummary
    from asrkit.transcription.transcript import Alternative as Alternative
    from asrkit.transcription.transcript import TimedWord as TimedWord
    from asrkit.transcription.transcript import Transcript as Transcript

# modules import each other through this one, so that it imports none before it is asked
_NAMES = {
    "recordings": "Recording find_recordings",
    "run": "decode_emissions transcribe",
    "summary": "Failure Observer TranscriptionSummary",
    "transcript": "Alternative TimedWord Transcript",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
