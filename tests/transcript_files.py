"""Transcripts in the formats of other programs, ``{}`` for a word, and how to score files of them."""

from __future__ import annotations

from pathlib import Path

from asrkit.config import ScoringConfig
from asrkit.metrics.scoring import ScoreReport, score

Content = str | bytes
SRT = "1\n00:00:00,000 --> 00:00:02,000\nhello {}\n\n2\n00:00:02,000 --> 00:00:03,000\n<i>a</i> b &amp; c\n"
VTT = (
    "WEBVTT\n\nNOTE not said\nat all\n\nSTYLE\n::cue {{}}\n\n1\n00:00.000 --> 00:02.000 align:start\n<v Ann>hello {}\n"
)
WHISPER = {
    "text": " hello {}",
    "segments": [{"id": 0, "start": 0.0, "end": 1.0, "text": " hello {}"}],
    "language": "en",
}
WHISPERX = {"segments": [{"start": 0, "end": 1, "text": " hello"}, {"start": 1, "end": 2, "text": " {}", "words": []}]}
WHISPER_CPP = {"result": {"language": "en"}, "transcription": [{"offsets": 0, "text": " hello {}"}]}
VOSK = {"result": [{"conf": 1.0, "start": 0, "end": 1, "word": "hello"}], "text": "hello {}"}
SEGMENTS = [{"start": 0.0, "end": 1.0, "text": "hello"}, {"start": 1.0, "end": 2.0, "text": "{}"}]
AMAZON = {"results": {"transcripts": [{"transcript": "hello {}"}], "items": []}, "status": "COMPLETED"}
GOOGLE = {
    "results": [
        {"alternatives": [{"transcript": "hello "}, {"transcript": "no"}]},
        {"alternatives": [{"transcript": "{}"}]},
    ]
}
DEEPGRAM = {
    "results": {
        "channels": [{"alternatives": [{"transcript": text}, {"transcript": "no"}]} for text in ("hello", "{}")]
    }
}
ITEMS = [{"id": "1", "text": "hello {}"}, {"id": "2", "text": "x y"}]


def write(path: Path, content: Content) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def report_on(folder: Path, hyp: tuple[str, Content], ref: tuple[str, Content] | None, **config: str) -> ScoreReport:
    """Score two files, or one against itself."""
    one = write(folder / "hyp" / hyp[0], hyp[1])
    other = one if ref is None else write(folder / "ref" / ref[0], ref[1])
    return score(one, other, ScoringConfig(resamples=0, **config))  # type: ignore[arg-type]


def counts(report: ScoreReport) -> tuple[int, int]:
    total = report.raw.words.total()
    return total.errors, total.num_reference
