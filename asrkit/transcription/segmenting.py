"""Long recordings with their text to a corpus of utterances, cut in pauses."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby, pairwise, repeat
from pathlib import Path

import numpy as np

from asrkit.audio import FloatArray, iterate_waveform, probe, write_waveform
from asrkit.config import TranscriptionConfig
from asrkit.data import Utterance, write_manifest
from asrkit.data.preparation import keep_others
from asrkit.errors import TranscriptionError
from asrkit.transcription.aligning import KnownTexts, align
from asrkit.transcription.naming import absolute
from asrkit.transcription.outputs import unwritable
from asrkit.transcription.recognizer import Model, Network
from asrkit.transcription.results import read_results
from asrkit.transcription.summary import Observer, TranscriptionSummary
from asrkit.transcription.transcript import TimedWord, Transcript
from asrkit.writing import refuse_links, write_whole

SHORTEST_S, LONGEST_S = 2.0, 15.0
LEAST_CONFIDENCE = 0.3
ALIGNED, AUDIO, MANIFEST, DOUBTFUL, UNMATCHED = "aligned", "audio", "corpus.tsv", "doubtful.tsv", "unmatched.tsv"
_PAUSE_S = 0.15  # between two words, at least, to cut there
_MARGIN_S = 0.3  # of a pause that stays with an utterance, at most
_USUAL_S = 8.0
_BLOCK_S = 30.0
# What a cut costs: a short pause, the middle of a sentence, an unusual length, what must be left out.
_SHORT_PAUSE, _MID_SENTENCE, _UNUSUAL, _LEFT_OUT, _LEFT_OUT_PER_S = 0.5, 0.3, 0.03, 3.0, 1.0
_LONG_PAUSE_S = 0.5
_UNSAID = "written, not said"

Unmatched = tuple[str, float, float, str, str]  # recording, start, end, kind, text


@dataclass(frozen=True)
class Segment:
    """A stretch of a recording with its words."""

    recording: str  # its id
    start_s: float  # where it begins
    end_s: float  # where it ends
    text: str  # as it is written
    confidence: float  # the mean of its words
    problem: str | None = None  # why it is no utterance, where it is none

    @property
    def id(self) -> str:
        """Unique in a corpus: the recording and where in it, in milliseconds."""
        return f"{_name(self.recording)}-{round(self.start_s * 1000):08d}-{round(self.end_s * 1000):08d}"

    @property
    def duration_s(self) -> float:
        """Its length."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class SegmentedCorpus:
    """What was written."""

    summary: TranscriptionSummary  # of the alignment
    sure: Sequence[Segment]  # the utterances of the manifest
    doubtful: Sequence[Segment]  # those left to be heard
    unmatched: Sequence[Unmatched]  # recording, start, end, kind and text of what did not match


def segment(
    inputs: Sequence[Path | str],
    model: Model,
    texts: KnownTexts,
    output_dir: Path | str,
    *,
    least_confidence: float = LEAST_CONFIDENCE,
    config: TranscriptionConfig | None = None,
    network: Network | None = None,
    observer: Observer | None = None,
) -> SegmentedCorpus:
    """Make a corpus of long recordings and their text.

    The folder gets ``audio/``, ``corpus.tsv``, what is to be heard first in ``doubtful.tsv``, what did not match in
    ``unmatched.tsv``, and the whole alignment in ``aligned/``. A second run does only what is missing; the same
    recordings and text give the same bytes.

    Each recording may hold any part of the text; the other arguments are those of ``align``.

    Raises:
        MissingPathError: A named path does not exist.
        TranscriptionError: Nothing can be used of the recordings, or the folder cannot be written.
        ManifestError: The folder has a ``corpus.tsv`` or recordings in ``audio/`` of somebody else.
    """
    folder = Path(output_dir)
    for name in (AUDIO, ALIGNED):  # where files are removed, too
        try:
            refuse_links(folder / name, folder)
        except OSError as error:
            raise unwritable(folder / name, error) from None
    keep_others([folder / MANIFEST, *(folder / AUDIO).glob("*")], folder / ALIGNED)
    config = config or TranscriptionConfig()
    own = glob.escape(absolute(folder / AUDIO).as_posix())  # of an earlier run, where it lies below the recordings
    config = config.replace(format=("json",), exclude=(*config.exclude, f"{own}/*"))
    summary = align(
        inputs, model, texts, output_dir=folder / ALIGNED, config=config, network=network, observer=observer
    )
    failed = {failure.utterance_id for failure in summary.failures} | set(summary.orphans)
    transcripts = [made for made in read_results(folder / ALIGNED) if made.utterance_id not in failed]
    if not transcripts:
        raise TranscriptionError("no recording could be aligned; failures.tsv says why", path=folder / ALIGNED)
    _require_names([made.utterance_id for made in transcripts], folder)
    segments = [cut_transcript(transcript) for transcript in transcripts]
    (folder / AUDIO).mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(config.jobs or os.cpu_count() or 1) as pool:
        list(pool.map(_write_audio, transcripts, segments, repeat(folder)))
    usable = [part for parts in segments for part in parts if part.problem is None]
    sure = [part for part in usable if part.confidence >= least_confidence]
    doubtful = sorted((part for part in usable if part.confidence < least_confidence), key=lambda s: s.confidence)
    _remove_others(folder / AUDIO, {f"{part.id}.flac" for part in usable})
    for name, parts in ((MANIFEST, sure), (DOUBTFUL, doubtful)):
        _write_corpus(folder / name, parts)
    unmatched = [
        row
        for made, parts in zip(transcripts, segments, strict=True)
        for row in _unmatched(made, parts, texts.is_shared)
    ]
    unmatched += _said_by_none(transcripts) if texts.is_shared else []
    lines: list[tuple[str, ...]] = [("recording", "start_s", "end_s", "kind", "text")]
    lines += [(name, f"{start_s:.3f}", f"{end_s:.3f}", *others) for name, start_s, end_s, *others in unmatched]
    write_whole(folder / UNMATCHED, "".join("\t".join(" ".join(c.split()) for c in line) + "\n" for line in lines))
    return SegmentedCorpus(summary, sure, doubtful, unmatched)


def cut_transcript(
    transcript: Transcript, shortest_s: float = SHORTEST_S, longest_s: float = LONGEST_S
) -> list[Segment]:
    """Cut an aligned recording in pauses into utterances, and into what cannot be used; in the order of time.

    Of all ways to cut, it is the one with the longest pauses and the most usual lengths that leaves out the least.
    """
    words = transcript.words
    if not words:
        return []
    flaws = _flaws(transcript)
    gaps = [after.start_s - before.end_s for before, after in pairwise(words)]
    # A cut before the word of each number; between two of them lies a segment.
    cuts = [0, *(place + 1 for place, gap in enumerate(gaps) if gap >= _PAUSE_S), len(words)]
    pieces = [_bounds(transcript, low, high) for low, high in pairwise(cuts)]
    best = [0.0] + [np.inf] * (len(cuts) - 1)
    before = [0] * len(cuts)
    for end in range(1, len(cuts)):
        for start in range(end - 1, -1, -1):
            length_s = pieces[end - 1][1] - pieces[start][0]
            if length_s > longest_s and start < end - 1:
                break
            low, high = cuts[start], cuts[end]
            is_usable = shortest_s <= length_s <= longest_s and not _has_flaw(flaws, words[low:high])
            if not is_usable and start < end - 1:
                continue
            cost = _cost(length_s, gaps, words, high) if is_usable else _LEFT_OUT + _LEFT_OUT_PER_S * length_s
            if best[start] + cost < best[end]:
                best[end], before[end] = best[start] + cost, start
    chosen = [len(cuts) - 1]
    while chosen[-1]:
        chosen.append(before[chosen[-1]])
    limits = (shortest_s, longest_s)
    return [_segment(transcript, cuts[start], cuts[end], flaws, limits) for start, end in pairwise(reversed(chosen))]


def _cost(length_s: float, gaps: Sequence[float], words: Sequence[TimedWord], high: int) -> float:
    cost = _UNUSUAL * (length_s - _USUAL_S) ** 2 / _USUAL_S
    if high < len(words):
        cost += _SHORT_PAUSE * max(0.0, 1.0 - gaps[high - 1] / _LONG_PAUSE_S)
        cost += _MID_SENTENCE * (words[high - 1].word[-1] not in '.!?…"”’)')
    return cost


def _flaws(transcript: Transcript) -> list[tuple[float, float]]:
    """Return where something is said and not written, or written and not said."""
    alignment = transcript.alignment or {}
    spans = [(passage["start_s"], passage["end_s"]) for passage in alignment.get("unwritten", ())]
    return sorted([*spans, *((passage["after_s"], passage["after_s"]) for passage in alignment.get("unsaid", ()))])


def _has_flaw(flaws: Sequence[tuple[float, float]], words: Sequence[TimedWord]) -> bool:
    """Whether a flaw lies between the first and the last of some words."""
    return any(begin < words[-1].start_s and end > words[0].start_s for begin, end in flaws)


def _bounds(transcript: Transcript, low: int, high: int) -> tuple[float, float]:
    """Return where words begin and end with their share of the pauses around them, on whole milliseconds."""
    words, begin_s = transcript.words, transcript.start_s or 0.0
    before_s = words[low - 1].end_s if low else begin_s
    after_s = words[high].start_s if high < len(words) else begin_s + transcript.duration_s
    start_s = max(words[low].start_s - _MARGIN_S, (before_s + words[low].start_s) / 2)
    end_s = min(words[high - 1].end_s + _MARGIN_S, (words[high - 1].end_s + after_s) / 2)
    for begin, end in _flaws(transcript):  # what is not written stays outside
        if before_s <= begin < end <= words[low].start_s + _PAUSE_S:
            start_s = max(start_s, min(end, words[low].start_s))
        if words[high - 1].end_s - _PAUSE_S <= begin < end <= after_s:
            end_s = min(end_s, max(begin, words[high - 1].end_s))
    return round(start_s, 3), round(end_s, 3)


def _segment(
    transcript: Transcript,
    low: int,
    high: int,
    flaws: Sequence[tuple[float, float]],
    limits: tuple[float, float],
) -> Segment:
    words = transcript.words[low:high]
    start_s, end_s = _bounds(transcript, low, high)
    problem = None
    if _has_flaw(flaws, words):
        problem = "not cut from what does not match"
    elif not limits[0] <= end_s - start_s <= limits[1]:
        problem = "too short" if end_s - start_s < limits[0] else "no pause to cut in"
    separator = "" if len(words) > 1 and "".join(w.word for w in words) in transcript.text else " "
    confidence = float(np.mean([word.confidence for word in words]))
    return Segment(
        transcript.utterance_id, start_s, end_s, separator.join(w.word for w in words), round(confidence, 4), problem
    )


def _unmatched(transcript: Transcript, parts: Sequence[Segment], is_shared: bool) -> Iterator[Unmatched]:
    """Yield what did not match, in the order of time; what is not said of a shared text concerns all recordings."""
    name, alignment = transcript.utterance_id, transcript.alignment or {}
    unsaid = () if is_shared else alignment.get("unsaid", ())
    rows = [
        *((p["after_s"], p["after_s"], _UNSAID, p["text"]) for p in unsaid),
        *((p["start_s"], p["end_s"], "said, not written", p["heard"]) for p in alignment.get("unwritten", ())),
        *((part.start_s, part.end_s, part.problem, part.text) for part in parts if part.problem is not None),
    ]
    yield from ((name, *row) for row in sorted(rows))


def _said_by_none(transcripts: Sequence[Transcript]) -> Iterator[Unmatched]:
    """Yield the passages of a shared text that none of the recordings says, with the one that says most around them."""
    words: dict[int, tuple[str, float, str]] = {}
    counts: Counter[int] = Counter()
    left_out = [(made.utterance_id, p) for made in transcripts for p in (made.alignment or {}).get("unsaid", ())]
    for name, passage in sorted(left_out, key=lambda one: len(one[1]["text"])):
        for place, word in enumerate(passage["text"].split(" "), passage["first_word"]):
            counts[place] += 1
            words.setdefault(place, (name, passage["after_s"], word))
    places = sorted(place for place, count in counts.items() if count == len(transcripts))
    for _, run in groupby(enumerate(places), key=lambda item: item[1] - item[0]):
        said = [words[place] for _, place in run]
        yield said[0][0], said[0][1], said[0][1], _UNSAID, " ".join(word for *_, word in said)


def _write_audio(transcript: Transcript, parts: Sequence[Segment], folder: Path) -> None:
    """Write the audio of the utterances that are not there yet, in one pass over the recording."""
    wanted = [part for part in parts if part.problem is None]
    stamp = folder / AUDIO / f".{_name(transcript.utterance_id)}.made"
    made_from = f"{transcript.audio_fingerprint}\n"
    if not (stamp.is_file() and stamp.read_text(encoding="utf-8") == made_from):
        missing = wanted
    else:
        missing = [part for part in wanted if not (folder / AUDIO / f"{part.id}.flac").is_file()]
    if missing:
        stamp.unlink(missing_ok=True)
        rate_hz = probe(Path(transcript.audio)).sample_rate_hz
        blocks = iterate_waveform(Path(transcript.audio), rate_hz, _BLOCK_S, transcript.channel)
        for part, waveform in zip(missing, cut_waveform(blocks, rate_hz, missing), strict=True):
            write_waveform(folder / AUDIO / f"{part.id}.flac", waveform, rate_hz)
        write_whole(stamp, made_from)


def cut_waveform(blocks: Iterator[FloatArray], rate_hz: int, parts: Sequence[Segment]) -> Iterator[FloatArray]:
    """Yield the samples of segments, which are in the order of time, from a stream of samples."""
    kept, first = np.zeros(0, np.float32), 0
    for part in parts:
        begin, end = round(part.start_s * rate_hz), round(part.end_s * rate_hz)
        while first + len(kept) < end and (block := next(blocks, None)) is not None:
            drop = min(max(0, begin - first), len(kept))
            kept, first = np.concatenate([kept[drop:], block]), first + drop
        yield kept[begin - first : end - first]


def _name(utterance_id: str) -> str:
    return utterance_id.replace("/", "_")


def _require_names(utterance_ids: Sequence[str], folder: Path) -> None:
    """Refuse recordings whose utterances would have one name.

    Raises:
        TranscriptionError: There are such.
    """
    owners: dict[str, str] = {}
    for name in utterance_ids:
        if (other := owners.setdefault(_name(name), name)) != name:
            raise TranscriptionError(
                f"the utterances of {other!r} and {name!r} would have the same names; rename one of them", path=folder
            )


def _write_corpus(path: Path, parts: Sequence[Segment]) -> None:
    utterances = [
        Utterance(part.id, path.parent / AUDIO / f"{part.id}.flac", part.text, part.duration_s) for part in parts
    ]
    columns = {
        "recording": [part.recording for part in parts],
        "confidence": [f"{part.confidence:.4f}" for part in parts],
    }
    write_manifest(path, utterances, columns)


def _remove_others(folder: Path, names: set[str]) -> None:
    """Remove what an earlier run cut otherwise."""
    for path in folder.glob("*.flac"):
        if path.name not in names:
            path.unlink()
