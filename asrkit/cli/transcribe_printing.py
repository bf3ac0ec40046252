"""What ``asrkit transcribe`` and ``asrkit decode`` print on stdout: a plan, a dry run, transcripts."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from asrkit.cli.showing import show
from asrkit.config import TranscriptionConfig
from asrkit.text.identifiers import printable
from asrkit.transcription.formats import FORMATS
from asrkit.transcription.summary import TranscriptionSummary
from asrkit.transcription.transcript import Transcript


def print_planned(summary: TranscriptionSummary, *, as_json: bool) -> None:
    """Print what a dry run found, one line a recording: state, id, path."""
    if as_json:
        names = ("utterance_id", "state", "audio")
        show(json.dumps([dict(zip(names, map(str, row), strict=True)) for row in summary.planned]), exact=True)
        return
    for utterance_id, state, path in summary.planned:
        show(f"{state}\t{utterance_id}\t{printable(str(path))}")


def print_estimate(summary: TranscriptionSummary, *, as_json: bool) -> None:
    """Print what a run would cost."""
    estimate = summary.estimate
    assert estimate is not None
    if as_json:
        show(json.dumps(estimate.to_dict()), exact=True)
        return
    show(f"to do    {estimate.num_todo:,} of {estimate.num_recordings:,}, {estimate.audio_s / 3600:.2f} h of audio")
    if estimate.speed is None or estimate.work_s is None:
        why = "unknown: nothing could be tried" if estimate.num_todo else "none: there is nothing left to transcribe"
        show(f"time     {why}")
        return
    finish = time.strftime("%a %H:%M", time.localtime(time.time() + estimate.work_s))
    show(f"speed    {estimate.speed:,.0f}x real time, measured on {estimate.measured_s:,.0f} s of it")
    amount = f"{estimate.work_s / 60:,.1f} minutes" if estimate.work_s > 100 else f"{estimate.work_s:,.1f} seconds"
    show(f"time     {amount}, until {finish} if started now")
    if estimate.peak_mb is not None:
        show(f"memory   about {estimate.peak_mb:,.0f} MB at most")


def print_transcripts(transcripts: Sequence[Transcript], config: TranscriptionConfig) -> None:
    """Print transcripts in the only format, sorted by id; txt is the text alone of a single one, else ``id text``."""
    (format,) = config.format
    for transcript in sorted(transcripts, key=lambda transcript: transcript.utterance_id):
        if format != "txt":
            show(FORMATS[format].render(transcript, config), nl=False, exact=True)
        elif len(transcripts) == 1:
            show(transcript.text, exact=True)
        else:
            show(f"{transcript.utterance_id} {transcript.text}".rstrip(), exact=True)
