"""Recordings whose text is known: a transcript of each, with the times of the words as they are written."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from asrkit.alignment import GLUE, AlignedWord, Aligner, Alignment, Token, read_tokens
from asrkit.alignment.lattice import Speller
from asrkit.audio import FloatArray
from asrkit.config import DecodingConfig, TranscriptionConfig
from asrkit.data import scan_manifest
from asrkit.decoder import Word, greedy_decode
from asrkit.errors import ConfigError, MissingPathError, TranscriptionError
from asrkit.reading import read_bounded
from asrkit.text import get_normalizer
from asrkit.text.lexicon import Lexicon
from asrkit.transcription.naming import absolute
from asrkit.transcription.pieces import AlignedHypothesis
from asrkit.transcription.recognizer import Model, Network
from asrkit.transcription.recordings import Recording, is_manifest
from asrkit.transcription.run import transcribe
from asrkit.transcription.summary import Observer, TranscriptionSummary

LEAST_AGREEMENT = 0.2  # a text of something else has 0, seldom more than 0.15
_MAX_TEXT_BYTES = 256 << 20
_SHOWN_WORDS = 8


@dataclass(frozen=True)
class KnownTexts:
    """The texts of recordings."""

    source: Path  # where they come from
    # By utterance id, absolute path of the audio, or name of the audio without suffix, with or without the folders it
    # is in; "" is that of any.
    texts: Mapping[str, str]
    problems: Sequence[str] = ()  # lines of a manifest that hold none

    @classmethod
    def read(cls, path: Path | str) -> KnownTexts:
        """Read a text, a folder of texts named like the recordings, or a manifest.

        Raises:
            MissingPathError: There is no such file or folder.
            ConfigError: It is empty, or no text.
            ManifestError: It is a manifest in no known format.
        """
        path = Path(path)
        if not path.exists():
            raise MissingPathError("no such text", path=path)
        problems: Sequence[str] = ()
        if path.is_dir():
            texts = _of_folder(path)
        elif is_manifest(path):
            texts, problems = _of_manifest(path)
        else:
            texts = {"": read_text(path)}
        if not any(text.split() for text in texts.values()):
            raise ConfigError(f"{path}: holds no words; name the text that is said")
        return cls(path, texts, problems)

    @property
    def is_shared(self) -> bool:
        """Whether it is one text for all recordings."""
        return "" in self.texts

    def of(self, recording: Recording) -> str:
        """Return the text of a recording.

        Raises:
            TranscriptionError: There is none.
        """
        names = [recording.utterance_id]
        if not recording.is_segment:
            parts = recording.path.with_suffix("").parts
            names += [str(recording.path), *("/".join(parts[first:]) for first in range(1, len(parts)))]
        text = next((self.texts[name] for name in (*names, "") if name in self.texts), "")
        if not text.split():
            raise TranscriptionError(f"{self.source} holds no text for it")
        return text


def read_text(path: Path) -> str:
    """Read a text file.

    Raises:
        ConfigError: It cannot be read, or is no UTF-8 text.
    """
    try:
        return read_bounded(path, _MAX_TEXT_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8; save it as UTF-8 text") from None


def _of_folder(folder: Path) -> dict[str, str]:
    """Return texts by their paths below a folder, and by their names where no other has the same."""
    files = [path for path in sorted(folder.rglob("*.txt")) if path.is_file()]  # a pipe would keep us waiting
    if not files:
        raise ConfigError(f"{folder}: holds no .txt file; name the folder of the texts")
    texts = {file.relative_to(folder).with_suffix("").as_posix(): read_text(file) for file in files}
    counts = Counter(file.stem for file in files)
    return {Path(name).name: text for name, text in texts.items() if counts[Path(name).name] == 1} | texts


def _of_manifest(path: Path) -> tuple[dict[str, str], list[str]]:
    """Return texts by id, and those of all parts of a recording together; and what is wrong with which lines."""
    texts: dict[str, str] = {}
    parts: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    utterances, problems = scan_manifest(path, require_audio=False)
    for utterance in utterances:
        texts[utterance.id] = utterance.text or ""
        parts[str(absolute(utterance.audio_path))].append((utterance.start_s or 0.0, utterance.text or ""))
    for audio, spoken in parts.items():
        texts[audio] = "\n\n".join(text for _, text in sorted(spoken, key=lambda part: part[0]))
        texts.setdefault(Path(audio).stem, texts[audio])
    return texts, [str(problem) for problem in problems]


class TextAligner:
    """Stands in for a decoder: finds when the words of known texts are said.

    ``with_symbols``: transcripts tell the times of the model's outputs too.

    Raises:
        LexiconError: The model's lexicon cannot be used.
        MissingPackageError: The model's normalizer needs a package that is not installed.
    """

    def __init__(self, model: Model, texts: KnownTexts, *, with_symbols: bool = False) -> None:
        lexicon = None if model.lexicon is None else Lexicon.read(model.lexicon)
        self.aligner = Aligner(model.symbols, lexicon)
        self._lexicon = lexicon
        self._model = model
        self._texts = texts
        self._say: Callable[[str], str] = get_normalizer(model.normalizer, model.language).said
        self._with_symbols = with_symbols
        self._versions: dict[str, str] = {}  # of texts that can be used; recordings may share one

    def prepare(self, recording: Recording) -> Recording:
        """Return a recording with what its text tells: its version, or why it cannot be aligned."""
        if recording.problem is not None:
            return recording
        try:
            text = self._texts.of(recording)
            if text not in self._versions:
                _require_spelled(self.aligner.speller, [word for token in self._tokens(text) for word in token.said])
                self._versions[text] = _digest(text)
        except TranscriptionError as error:
            return replace(recording, problem=str(error), version="none")
        return replace(recording, version=self._versions[text])

    def _tokens(self, text: str) -> Sequence[Token]:
        return read_tokens(text, self._say, divides_words=self.aligner.speller.divides_words)

    def decode(self, emissions: FloatArray) -> list[Any]:
        """Refuse emissions of which nobody knows whose they are."""
        raise TypeError("a text aligner needs to know the recording")

    def decode_whole(self, recording: Recording, emissions: FloatArray) -> list[AlignedHypothesis]:
        """Align the text of a recording with ``(steps, symbols)`` natural-log probabilities of all of it.

        Raises:
            TranscriptionError: It has no text, or its text is not what is said.
        """
        found = align_tokens(self.aligner, emissions, self._tokens(self._texts.of(recording)))
        words = [word for token in found.tokens for word in token.words]
        said = sorted((token for token in found.tokens if token.is_said), key=lambda token: token.start_step)
        details = self._details(found, recording, emissions)
        doubt = sum(min(word.doubt, 50.0) for word in words)
        return [
            AlignedHypothesis(
                text=(" " if self.aligner.speller.divides_words else "")
                .join(t.written for t in said)
                .replace(GLUE, " "),
                score=-doubt,
                acoustic_score=-doubt,
                lm_score=0.0,
                words=tuple(Word(t.written, t.start_step, t.end_step, t.confidence) for t in said),
                confidence=float(np.mean([token.confidence for token in said])),
                alignment=details,
                remarks=_remarks(found, details),
            )
        ]

    def _details(self, found: AlignedText, recording: Recording, emissions: FloatArray) -> dict[str, Any]:
        step_s, offset_s = self._model.step_ms / 1000, recording.start_s or 0.0

        def second(step: int) -> float:
            return round(offset_s + step * step_s, 3)

        unsaid, after, place = [], 0, 0
        for is_said, group in groupby(found.tokens, key=lambda token: token.is_said):
            tokens = [*group]
            if not is_said:
                text = " ".join(token.written for token in tokens)
                unsaid.append({"after_s": second(after), "first_word": place, "text": text})
            after, place = tokens[-1].end_step if is_said else after, place + len(tokens)
        unwritten = [
            {
                "start_s": second(begin),
                "end_s": second(end),
                "heard": greedy_decode(emissions[begin:end], self._model.symbols, self._lexicon).text,
            }
            for begin, end in found.alignment.extra
        ]
        details: dict[str, Any] = {"agreement": round(found.alignment.agreement, 4)}
        details |= {"unsaid": unsaid, "unwritten": unwritten}
        details["unspelled"] = sorted({token.written for token in found.tokens if not token.is_spelled})
        if self._with_symbols:
            symbols = [span for token in found.tokens for word in token.words for span in word.symbols if span[0] >= 0]
            labels = self._model.symbols.labels
            details["symbols"] = [
                [labels[output], second(begin), second(end)]
                for output, begin, end in sorted(symbols, key=lambda span: span[1])
            ]
        return details


@dataclass(frozen=True)
class AlignedToken:
    """A word of a text as it is written, with what was found of the words that are said for it."""

    token: Token
    words: Sequence[AlignedWord]

    @property
    def written(self) -> str:
        """With its punctuation."""
        return self.token.written

    @property
    def is_said(self) -> bool:
        """Whether any of it was found."""
        return any(word.is_said for word in self.words)

    @property
    def is_spelled(self) -> bool:
        """Whether the model can spell it."""
        return all(word.is_spelled for word in self.words)

    @property
    def start_step(self) -> int:
        """First step."""
        return min(word.start_step for word in self.words if word.is_said)

    @property
    def end_step(self) -> int:
        """One past the last step."""
        return max(word.end_step for word in self.words if word.is_said)

    @property
    def confidence(self) -> float:
        """The mean of its words."""
        return float(np.mean([word.confidence for word in self.words]))


@dataclass(frozen=True)
class AlignedText:
    """A text as it is written, aligned."""

    tokens: Sequence[AlignedToken]
    alignment: Alignment


def align_tokens(aligner: Aligner, emissions: FloatArray, tokens: Sequence[Token]) -> AlignedText:
    """Align words as they are written.

    Raises:
        TranscriptionError: They are not what is said, or the model cannot spell them.
    """
    words = [word for token in tokens for word in token.said]
    starts = np.cumsum([0, *(len(token.said) for token in tokens)])
    _require_spelled(aligner.speller, words)
    breaks = [int(starts[place]) for place, token in enumerate(tokens) if token.begins_part]
    found = aligner.align(emissions, words, breaks)
    if found.agreement < LEAST_AGREEMENT:
        raise TranscriptionError(
            f"its text is not what is said: {found.num_sure:,} of {len(words):,} words agree with what is heard; "
            "name the right text, or a better model"
        )
    parts = [found.words[low:high] for low, high in pairwise(starts)]
    return AlignedText([AlignedToken(t, w) for t, w in zip(tokens, parts, strict=True)], found)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _require_spelled(speller: Speller, words: Sequence[str]) -> None:
    unspelled = [word for word in words if speller.units(speller.fold(word)) is None]
    if not words:
        raise TranscriptionError("its text holds no words")
    if len(unspelled) > len(words) / 2:
        raise TranscriptionError(
            f"the model cannot spell {len(unspelled):,} of {len(words):,} words of its text, such as {unspelled[0]!r}; "
            "name a model of its language"
        )


def _remarks(found: AlignedText, details: Mapping[str, Any]) -> tuple[str, ...]:
    """Say in a line each what a user should know."""
    num_said = sum(token.is_said for token in found.tokens)
    parts = [f"{num_said:,} of {len(found.tokens):,} words found"]
    if unsaid := details["unsaid"]:
        inner = [p for p in unsaid if 0 < p["first_word"] < len(found.tokens) - p["text"].count(" ") - 1]
        if inner:
            longest = max((passage["text"] for passage in inner), key=len).split()
            shown = " ".join(longest[:_SHOWN_WORDS]) + " ..." * (len(longest) > _SHOWN_WORDS)
            parts.append(f"{_num_words(inner):,} not said in {_passages(inner)} ({shown!r})")
        if outer := _num_words(unsaid) - _num_words(inner):  # of a text that other recordings say, too
            parts.append(f"{outer:,} before or after it")
    if unwritten := details["unwritten"]:
        seconds = sum(passage["end_s"] - passage["start_s"] for passage in unwritten)
        parts.append(f"{seconds:,.1f} s not written in {_passages(unwritten)}")
    if unspelled := details["unspelled"]:
        parts.append(
            f"the model cannot spell {', '.join(unspelled[:3])}"
            + f" and {len(unspelled) - 3:,} more" * (len(unspelled) > 3)
        )
    if found.alignment.order != sorted(found.alignment.order):
        parts.append(f"{len(found.alignment.order)} parts in another order")
    return ("; ".join(parts),) if len(parts) > 1 else ()


def _num_words(passages: Sequence[Any]) -> int:
    return sum(passage["text"].count(" ") + 1 for passage in passages)


def _passages(found: Sequence[Any]) -> str:
    return f"{len(found):,} passage{'s' * (len(found) != 1)}"


def align(
    inputs: Sequence[Path | str],
    model: Model,
    texts: KnownTexts,
    *,
    with_symbols: bool = False,
    output_dir: Path | str | None = "aligned",
    config: TranscriptionConfig | None = None,
    network: Network | None = None,
    in_place: bool = False,
    overwrite: bool = False,
    observer: Observer | None = None,
) -> TranscriptionSummary:
    """Find when the words of known texts are said; files, resume and failures are as of ``transcribe``.

    What is missing in a text or in its recording is found, and moves no other word. A recording whose text is not what
    is said fails.

    ``with_symbols`` tells the times of the model's outputs too; the other arguments are those of ``transcribe``.

    Raises:
        MissingPathError: A named path does not exist.
        TranscriptionError: There is nothing to align, or the folder cannot be used.
    """
    aligner = TextAligner(model, texts, with_symbols=with_symbols)
    return transcribe(
        inputs,
        model,
        output_dir=output_dir,
        decoding=DecodingConfig(decoder="greedy"),
        config=config,
        # A text of all decides for all, asked for or not: only together do they tell what nobody says of it.
        deciding={"aligned": _digest(texts.texts.get("", "")), "with_symbols": with_symbols},
        in_place=in_place,
        overwrite=overwrite,
        network=network,
        make_decoder=lambda: aligner,
        prepare=aligner.prepare,
        observer=observer,
    )
