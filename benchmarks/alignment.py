"""How exactly are known words found? ``python benchmarks/alignment.py sentences.txt`` (minutes).

espeak-ng speaks sentences in one piece and tells when each word begins. Sentences are then taken out of the text and
others put in. With ctc-segmentation installed (``pip install "ctc-segmentation>=1.7"``) it aligns the same emissions.

``--hour`` times ``asrkit align`` on an hour of it; ``--chapters manifest.tsv`` makes four chapters of real utterances,
whose ids are READER-CHAPTER-NUMBER, shuffles them in the text, and looks where ``asrkit data segment`` puts them.
"""

from __future__ import annotations

import argparse
import csv
import ctypes
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from timing import interleaved, machine, markdown_table

from asrkit.alignment import Aligner
from asrkit.audio import load_waveform
from asrkit.data.lines import read_lines
from asrkit.features import extract_features
from asrkit.model.bundle import Bundle
from asrkit.model.inference import Emitter
from asrkit.text import Lexicon
from asrkit.transcription.windows import EmissionsJoiner, WindowPlan

_WORD, _PHONEME, _WITH_PHONEMES = 1, 7, 0x0001
_WORDS_A_MINUTE = 150
_SHARE = 0.05  # of the words that are taken out, and put in


class Event(ctypes.Structure):
    """What espeak-ng tells of the speech it makes (speak_lib.h)."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("number", ctypes.c_uint),
        ("position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    )


@dataclass(frozen=True)
class Spoken:
    """A word and its sentence; times are None where espeak-ng joins it to a neighbor."""

    word: str
    start_s: float | None
    end_s: float | None
    sentence: int


class Engine:
    """The one espeak-ng of this process, which keeps what it tells of the last text."""

    def __init__(self) -> None:
        import espeakng_loader

        self.library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = str(espeakng_loader.get_data_path()).encode()
        self.rate_hz = self.library.espeak_Initialize(1, 0, data, 0x8000 | _WITH_PHONEMES)
        self.blocks: list[np.ndarray] = []
        self.events: list[tuple[int, int, int, bytes]] = []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))
        self._callback = kind(self._receive)
        self.library.espeak_SetSynthCallback(self._callback)

    def _receive(self, samples: Any, count: int, told: Any) -> int:
        if samples and count:
            self.blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        place = 0
        while told and told[place].type:
            event = told[place]
            self.events.append((event.type, event.position - 1, event.sample, bytes(event.name)))
            place += 1
        return 0


@cache
def engine() -> Engine:
    return Engine()


def speak(sentences: Sequence[str], minutes: float, voice: str) -> tuple[np.ndarray, list[Spoken]]:
    """Return speech of so many minutes at 16 kHz, and its words."""
    espeak = engine()
    library, rate_hz, blocks, events = espeak.library, espeak.rate_hz, espeak.blocks, espeak.events
    library.espeak_SetVoiceByName(voice.encode())
    library.espeak_SetParameter(1, _WORDS_A_MINUTE, 0)
    waveforms: list[np.ndarray] = []
    words: list[Spoken] = []
    first = 0
    for number, sentence in enumerate(sentences):
        blocks.clear()
        events.clear()
        content = sentence.encode() + b"\0"
        size = ctypes.c_size_t(len(content))
        library.espeak_Synth(content, size, 0, 1, 0, 1, None, None)
        library.espeak_Synchronize()
        words += _timed(sentence, number, events, first, rate_hz)
        waveforms.append(np.concatenate(blocks))
        first += len(waveforms[-1])
        if first >= 60 * minutes * rate_hz:
            break
    speech = np.concatenate(waveforms).astype(np.float32) / 32_768
    return soxr.resample(speech, rate_hz, 16_000), words


def _timed(
    sentence: str, number: int, events: Sequence[tuple[int, int, int, bytes]], first: int, rate_hz: int
) -> Iterator[Spoken]:
    """Yield the words of a sentence; one ends where a pause or the next one begins."""
    begins = {position: place for place, (kind, position, *_) in enumerate(events) if kind == _WORD}
    words = sentence.split()
    starts = [sum(len(word) + 1 for word in words[:place]) for place in range(len(words) + 1)]
    for place, word in enumerate(words):
        at = begins.get(starts[place])
        if at is None:
            yield Spoken(word, None, None, number)
            continue
        later = (e for e in events[at + 1 :] if e[0] == _WORD or (e[0] == _PHONEME and e[3].startswith(b"_")))
        end = next(later, None)
        is_its_end = end is not None and (end[0] == _PHONEME or end[1] == starts[place + 1])
        end_s = (first + end[2]) / rate_hz if end is not None and is_its_end else None
        yield Spoken(word, (first + events[at][2]) / rate_hz, end_s, number)


def spoil(words: Sequence[Spoken], others: Sequence[str], seed: int) -> list[Spoken | str]:
    """Return a text in which sentences are missing, and others stand: the latter as bare words."""
    rng = random.Random(seed)
    sentences: defaultdict[int, list[Spoken]] = defaultdict(list)
    for word in words:
        sentences[word.sentence].append(word)
    numbers = [*sentences]
    missing: set[int] = set()
    while sum(len(sentences[number]) for number in missing) < _SHARE * len(words):
        start = rng.randrange(2, len(numbers) - 6)
        missing.update(numbers[start : start + rng.randint(1, 4)])
    strange: defaultdict[int, list[str]] = defaultdict(list)
    while sum(map(len, strange.values())) < _SHARE * len(words):
        start = rng.randrange(len(others) - 4)
        more = others[start : start + rng.randint(1, 4)]
        strange[rng.choice(numbers)] += " ".join(more).split()
    text: list[Spoken | str] = []
    for number in numbers:
        text += strange[number]
        text += [] if number in missing else sentences[number]
    return text


def lexicon_of(bundle: Bundle) -> Lexicon | None:
    return None if bundle.lexicon is None else Lexicon.read(bundle.lexicon)


def emissions_of(bundle: Bundle, waveform: np.ndarray) -> np.ndarray:
    """Return the emissions of a long recording, in the windows of ``asrkit transcribe``."""
    emitter = Emitter(bundle, threads=1)
    plan = WindowPlan.fit(30.0, 6.0, bundle.features, bundle.step_ms)
    joiner = EmissionsJoiner(plan.stride_steps, bundle.symbols.blank_index)
    for window in plan.windows([waveform]):
        joiner.add(emitter.emissions([extract_features(window, bundle.features)])[0])
    return joiner.join()


def errors_of(text: Sequence[Spoken | str], times: Sequence[tuple[float, float] | None]) -> list[str]:
    """Return the cells of a row: distance of starts and ends from the truth, words lost and made up."""
    starts, ends = [], []
    for word, found in zip(text, times, strict=True):
        if isinstance(word, Spoken) and found is not None:
            starts += [] if word.start_s is None else [abs(found[0] - word.start_s)]
            ends += [] if word.end_s is None else [abs(found[1] - word.end_s)]
    lost = sum(isinstance(word, Spoken) and found is None for word, found in zip(text, times, strict=True))
    made_up = sum(isinstance(word, str) and found is not None for word, found in zip(text, times, strict=True))
    cells = [f"{1000 * float(np.quantile(off, share)):.0f}" for off in (starts, ends) for share in (0.5, 0.95)]
    return [*cells, str(lost), str(made_up)]


def with_ctc_segmentation(
    bundle: Bundle, lexicon: Lexicon | None, emissions: np.ndarray, words: Sequence[str]
) -> list[tuple[float, float]]:
    """Return the times that ctc-segmentation finds, each word an utterance, said in the first way of a lexicon."""
    import ctc_segmentation

    config = ctc_segmentation.CtcSegmentationParameters()
    config.char_list = [*bundle.symbols.labels[:-1], "-"]
    config.blank, config.space, config.index_duration = bundle.symbols.blank_index, " ", bundle.step_ms / 1000
    if lexicon is not None:
        spelled = [" ".join(lexicon.pronunciations[word][0]) for word in words]
        truth, begins = ctc_segmentation.prepare_tokenized_text(config, spelled)
    else:
        known = set(bundle.symbols.labels)
        spelled = ["".join(character for character in word if character in known) for word in words]
        truth, begins = ctc_segmentation.prepare_text(config, spelled)
    timings, chars, _ = ctc_segmentation.ctc_segmentation(config, emissions, truth)
    segments = ctc_segmentation.determine_utterance_segments(config, begins, chars, timings, spelled)
    return [(start, end) for start, end, _ in segments]


def compare(bundle: Bundle, sentences: Sequence[str], minutes: float, voice: str, rounds: int) -> None:
    """Print how well a spoiled text is aligned, and at which cost."""
    lexicon = lexicon_of(bundle)
    if lexicon is not None:  # ctc-segmentation can leave no word out
        sentences = [sentence for sentence in sentences if lexicon.pronunciations.keys() >= set(sentence.split())]
    waveform, words = speak(sentences, minutes, voice)
    text = spoil(words, sentences[words[-1].sentence + 1 :], seed=1)
    said = [word if isinstance(word, str) else word.word for word in text]
    emissions, step_s = emissions_of(bundle, waveform), bundle.step_ms / 1000
    aligner = Aligner(bundle.symbols, lexicon)
    found = aligner.align(emissions, said)
    times = [(w.start_step * step_s, w.end_step * step_s) if w.is_said else None for w in found.words]
    rows = [["asrkit", *errors_of(text, times)]]
    functions = {"asrkit": lambda: aligner.align(emissions, said)}
    try:
        rows.append(["ctc-segmentation", *errors_of(text, with_ctc_segmentation(bundle, lexicon, emissions, said))])
        functions["ctc-segmentation"] = lambda: with_ctc_segmentation(bundle, lexicon, emissions, said)
    except ImportError:
        print("ctc-segmentation is not installed; asrkit is measured alone", file=sys.stderr)
    seconds = interleaved(functions, rounds, time.process_time)
    header = ["", "start, median ms", "95 %", "end, median ms", "95 %", "words lost", "made up", "CPU s"]
    table = [[*row, f"{seconds[row[0]]:.2f}"] for row in rows]
    missing_s = _missing_s(words, text)
    heard = sum(end - begin for begin, end in found.extra) * step_s
    print(f"{minutes:g} minutes, {len(words):,} words spoken, {len(said):,} written")
    print("\n".join(markdown_table(header, table)))
    print(f"said and not written: {missing_s:.1f} s in truth, {heard:.1f} s in {len(found.extra)} passages found")


def _missing_s(words: Sequence[Spoken], text: Sequence[Spoken | str]) -> float:
    kept = {word.sentence for word in text if isinstance(word, Spoken)}
    sentences: defaultdict[int, list[float]] = defaultdict(list)
    for word in words:
        sentences[word.sentence] += [at for at in (word.start_s, word.end_s) if at is not None]
    return sum(max(times) - min(times) for number, times in sentences.items() if number not in kept)


def align_an_hour(sentences: Sequence[str], voice: str) -> None:
    """Print what ``asrkit align`` takes for an hour of speech."""
    waveform, words = speak(sentences, 60.0, voice)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        soundfile.write(folder / "hour.flac", waveform, 16_000)
        (folder / "hour.txt").write_text(" ".join(word.word for word in words), encoding="utf-8")
        command = ["align", "hour.flac", "--text", "hour.txt", "-o", "out", "-q"]
        start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "asrkit", *command], cwd=folder, check=True)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
        rows = (folder / "out" / "hour.ctm").read_text().splitlines()
    took = f"{time.perf_counter() - start:.0f} s, {cpu_s:.0f} s of CPU, {used.ru_maxrss / 1024:.0f} MB"
    print(f"an hour: {len(words):,} words, {len(rows):,} found, {took}; load {os.getloadavg()[0]:.1f}")


def find_chapters(manifest: Path) -> None:
    """Print where ``asrkit data segment`` finds four chapters of real utterances that the text has in another order."""
    with manifest.open(encoding="utf-8") as file:
        rows = [*csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    chapters: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["utterance_id"]):
        chapters[row["utterance_id"].rpartition("-")[0]].append(row)
    longest = sorted(chapters.values(), key=lambda part: -sum(float(row["seconds"]) for row in part))[:4]
    pause = np.zeros(8_000, np.float32)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "chapters").mkdir()
        texts, parts = [], []
        for number, chapter in enumerate(longest, 1):
            spoken = [load_waveform(manifest.parent / row["path"], 16_000) for row in chapter]
            parts.append(np.concatenate([sound for waveform in spoken for sound in (waveform, pause)]))
            soundfile.write(folder / "chapters" / f"{number}.flac", parts[-1], 16_000)
            texts.append(". ".join(row["text"] for row in chapter) + ".")
        soundfile.write(folder / "all.flac", np.concatenate(parts), 16_000)
        (folder / "book.txt").write_text("\n\n".join(texts[place] for place in (2, 0, 3, 1)), encoding="utf-8")
        for source in ("chapters", "all.flac"):
            command = [sys.executable, "-m", "asrkit", "data", "segment", source, "--text", "book.txt", "-q"]
            subprocess.run([*command, "-o", f"corpus-{source}"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
            print(f"data segment, {'a file a chapter' if source == 'chapters' else 'all in one file'}:")
            rows_of_chapters = _kept(folder / f"corpus-{source}", texts)
            print("\n".join(markdown_table(["chapter", "words", "kept", "hours kept"], rows_of_chapters)))


def _kept(corpus: Path, texts: Sequence[str]) -> list[list[str]]:
    """Return a row for each chapter: the words and hours of utterances whose text stands in it."""
    with (corpus / "corpus.tsv").open(encoding="utf-8") as file:
        utterances = [*csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    rows = []
    for number, text in enumerate(texts, 1):
        own = [row for row in utterances if row["text"].rstrip(".") in text]
        num_kept = sum(len(row["text"].split()) for row in own)
        hours = sum(float(row["seconds"]) for row in own) / 3600
        rows.append([str(number), f"{len(text.split()):,}", f"{num_kept:,}", f"{hours:.3f}"])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sentences", type=Path, help="normalized sentences, one a line")
    parser.add_argument("--model", type=Path, default=Path("asrkit/models/english-small"))
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--voice", default="en-us")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--skip-comparison", action="store_true")
    parser.add_argument("--hour", action="store_true")
    parser.add_argument("--chapters", type=Path)
    options = parser.parse_args()
    sentences = [line for line in map(str.strip, read_lines(options.sentences)) if line]
    print(machine())
    if not options.skip_comparison:
        compare(Bundle.load(options.model), sentences, options.minutes, options.voice, options.rounds)
    if options.hour:
        align_an_hour(sentences, options.voice)
    if options.chapters is not None:
        find_chapters(options.chapters)


if __name__ == "__main__":
    main()
