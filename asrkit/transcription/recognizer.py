"""One batch of recordings to transcripts: the same code on a thread, in a process or on another machine.

Nothing a recording does can hurt its neighbors: whatever goes wrong with one becomes its ``problem``.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from asrkit.audio import FloatArray, Reading, iterate_waveform, load_waveform
from asrkit.config import FeatureConfig, TranscriptionConfig
from asrkit.decoder import Hypothesis
from asrkit.emissions import as_stored
from asrkit.features import extract_features, is_silent, sound_span
from asrkit.text import Symbols
from asrkit.transcription.pieces import Decoder, WholeDecoder, decode_in_pieces
from asrkit.transcription.recordings import Recording, reason
from asrkit.transcription.silence import SilenceSkipper, put_back, silent_emissions
from asrkit.transcription.speech import make_detector
from asrkit.transcription.transcript import Transcript, transcript_from
from asrkit.transcription.windows import EmissionsJoiner, WindowPlan
from asrkit.tuning.confidence import WordJudge


class Model(Protocol):
    """What transcription needs to know of a model; a ``Bundle`` is one."""

    @property
    def name(self) -> str:
        """What to call it."""

    @property
    def fingerprint(self) -> str:
        """What tells it from every other model."""

    @property
    def symbols(self) -> Symbols:
        """What it can write."""

    @property
    def lexicon(self) -> Path | None:
        """How words are said, where its outputs are no letters."""

    @property
    def normalizer(self) -> str:
        """Name and version of what its texts passed."""

    @property
    def language(self) -> str:
        """Of its texts."""

    @property
    def features(self) -> FeatureConfig:
        """What it listens to."""

    @property
    def step_ms(self) -> float:
        """Milliseconds per output step."""

    @property
    def longest_s(self) -> float | None:
        """The longest sound its network hears at once; None: any."""


class Network(Protocol):
    """Features to emissions; an ``Emitter`` is one."""

    def emissions(self, features: Sequence[FloatArray]) -> list[FloatArray]:
        """Turn ``(frames, bins)`` each into ``(steps, symbols)`` natural-log probabilities each."""


@dataclass(frozen=True)
class Outcome:
    """What became of one recording: a transcript or a problem."""

    recording: Recording
    transcript: Transcript | None = None
    problem: str | None = None
    emissions: npt.NDArray[np.float16] | None = None


@dataclass
class StageTimes:
    """CPU seconds of each stage, summed over threads (threads inside the network not counted)."""

    audio_s: float = 0.0
    features_s: float = 0.0
    network_s: float = 0.0
    decoder_s: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Add the CPU time of this thread inside the block to a stage."""
        start_s = time.thread_time()
        try:
            yield
        finally:
            self.add(stage, time.thread_time() - start_s)

    def add(self, stage: str, seconds: float) -> None:
        """Add CPU seconds to a stage."""
        with self._lock:
            setattr(self, stage, getattr(self, stage) + seconds)

    def to_dict(self) -> dict[str, float]:
        """Return the seconds by stage."""
        return {name: round(value, 3) for name, value in vars(self).items() if not name.startswith("_")}


@dataclass(frozen=True)
class Loaded:
    """A recording ready for the network, or found to be silent, long or unusable."""

    recording: Recording
    features: FloatArray | None = None
    is_long: bool = False
    problem: str | None = None
    reading: Reading | None = None
    gaps: Sequence[tuple[int, int]] = ()  # as of SilenceSkipper


class Recognizer:
    """Everything that turns recordings into transcripts.

    Args:
        model: Symbols and features.
        network: Features to emissions; None reads stored emissions instead of audio.
        make_decoder: Makes a decoder; called once in each thread.
        config: Windows and batch sizes.
        provenance: Written into every transcript.
        keep_emissions: Whether outcomes carry the emissions.
        judge: Tells how sure words are; without one it is what the decoder says.
    """

    def __init__(
        self,
        model: Model,
        network: Network | None,
        make_decoder: Callable[[], Decoder],
        config: TranscriptionConfig,
        provenance: Mapping[str, Any],
        *,
        keep_emissions: bool = False,
        judge: WordJudge | None = None,
    ) -> None:
        self.times = StageTimes()
        self._model = model
        self._symbols = model.symbols
        self._network = network
        self._make_decoder = make_decoder
        self._config = config
        self._provenance = provenance
        self._keep_emissions = keep_emissions
        self._judge = judge
        self._windows = WindowPlan.fit(config.window_s, config.overlap_s, model.features, model.step_ms)
        self._own = threading.local()
        self._stopped = False
        self.heard: Callable[[str, float], None] = lambda utterance_id, seconds: None  # of long ones, told now and then

    @property
    def device(self) -> str | None:
        """Where the network runs, if it tells."""
        return getattr(self._network, "device", None)

    def stop(self) -> None:
        """Ask threads at work to leave soon; what they return does not count."""
        self._stopped = True

    def load(self, recording: Recording) -> Loaded:
        """Read a recording and compute its features; never raises for a bad one."""
        if self._network is None:
            return Loaded(recording)
        reading = self._reading()
        try:
            with self.times.measure("audio_s"):
                windows = list(itertools.islice(self._waveforms(recording, reading), 2))
            if len(windows) > 1:
                return Loaded(recording, is_long=True)
            # Headers lie; the samples do not.
            duration_s = len(windows[0]) / self._model.features.sample_rate_hz
            with self.times.measure("features_s"):
                features, gaps = self._hear(windows[0])
            return Loaded(replace(recording, duration_s=duration_s), features, reading=reading, gaps=gaps)
        except Exception as error:
            return Loaded(recording, problem=reason(error, recording))

    def _hear(self, waveform: FloatArray) -> tuple[FloatArray | None, Sequence[tuple[int, int]]]:
        """Return the features of what is heard, None if that is nothing, and the silences left out."""
        num_steps, gaps = self._windows.num_steps, []
        start, end = self._bounds(waveform)
        sound = waveform[start:end]
        if (skipper := self._skipper()) is not None:
            sound = np.concatenate(list(skipper.speech([sound])))
            gaps = skipper.gaps
        if is_silent(sound):
            return None, [(0, num_steps(len(waveform)))]
        before, heard = round(start / self._windows.step_samples), num_steps(len(sound))
        behind = num_steps(len(waveform)) - before - heard - sum(steps for _, steps in gaps)
        gaps = [(0, before), *gaps, (heard, behind)]
        return extract_features(sound, self._model.features), [gap for gap in gaps if gap[1] > 0]

    def _bounds(self, waveform: FloatArray) -> tuple[int, int]:
        """Return where to begin and end to listen: zeros around a recording would only move the steps of the network.

        What models that count silence make of it stays as it was.
        """
        if self._model.features.silence == "counted":
            return 0, len(waveform)
        start, end = sound_span(waveform)
        least = self._model.features.window_samples  # single samples of zero are no silence
        return start if start >= least else 0, end if len(waveform) - end >= least else len(waveform)

    def recognize(self, batch: Sequence[Loaded], executor: Executor | None = None) -> list[Outcome]:
        """Transcribe a batch that ``load`` returned; one outcome for each recording, in order.

        The executor runs the windows of a long recording in parallel; without one they run one after the other.
        """
        emissions = iter(self._network_outputs([item.features for item in batch if item.features is not None]))
        outcomes = []
        for item in batch:
            if item.problem is not None:
                outcomes.append(Outcome(item.recording, problem=item.problem))
            elif self._network is None:
                outcomes.append(self._guarded(item.recording, self._decode_stored))
            elif item.is_long:
                outcomes.append(self._guarded(item.recording, lambda r: self._decode_long(r, executor)))
            else:
                values = next(emissions) if item.features is not None else silent_emissions(0, self._symbols)
                if item.gaps and not isinstance(values, Exception):
                    values = put_back(values, item.gaps, self._symbols)
                decode = partial(self._decode, emissions=values, reading=item.reading)
                outcomes.append(self._guarded(item.recording, decode))
        return outcomes

    def _skipper(self) -> SilenceSkipper | None:
        """Return what leaves silences out of one recording, if the run does so."""
        method = self._provenance.get("vad")
        if method is None:
            return None
        step_samples, rate_hz = self._windows.step_samples, self._model.features.sample_rate_hz
        return SilenceSkipper(step_samples, rate_hz, make_detector(method, step_samples, rate_hz))

    def _guarded(self, recording: Recording, work: Callable[[Recording], Outcome]) -> Outcome:
        try:
            return work(recording)
        except Exception as error:
            return Outcome(recording, problem=reason(error, recording))

    def _reading(self) -> Reading:
        return Reading(salvage=self._config.salvage, track=self._config.audio_track)

    def _waveforms(
        self, recording: Recording, reading: Reading, skipper: SilenceSkipper | None = None
    ) -> Iterator[FloatArray]:
        """Yield the windows of a recording, or of what a skipper leaves of it."""
        blocks = self._blocks(recording, reading)
        return self._windows.windows(blocks if skipper is None else skipper.speech(blocks))

    def _blocks(self, recording: Recording, reading: Reading) -> Iterable[FloatArray]:
        rate_hz, raw_rate_hz = self._model.features.sample_rate_hz, self._config.raw_rate_hz
        if recording.is_segment:
            waveform = load_waveform(
                recording.path,
                rate_hz,
                recording.channel,
                start_s=recording.start_s or 0.0,
                end_s=recording.end_s,
                raw_rate_hz=raw_rate_hz,
                reading=reading,
            )
            return [waveform]
        block_s = self._windows.stride_samples / rate_hz
        return iterate_waveform(
            recording.path, rate_hz, block_s, recording.channel, raw_rate_hz=raw_rate_hz, reading=reading
        )

    def _network_outputs(self, features: Sequence[FloatArray]) -> list[FloatArray | Exception]:
        """Run the network on a batch; where that fails, on each utterance alone, to find the culprit."""
        if not features:
            return []
        assert self._network is not None
        try:
            with self.times.measure("network_s"):
                return list(self._network.emissions(features))
        except Exception as error:
            if len(features) == 1:
                return [error]
            return [output for item in features for output in self._network_outputs([item])]

    def _decode_long(self, recording: Recording, executor: Executor | None) -> Outcome:
        joiner = EmissionsJoiner(self._windows.stride_steps, self._symbols.blank_index)
        features = self._model.features
        skipper = self._skipper()
        num_samples = 0
        ahead: deque[Any] = deque()
        per_batch = max(1, int(self._config.batch_seconds // self._config.window_s))
        reading = self._reading()
        waveforms = self._waveforms(recording, reading, skipper)
        stride = last_samples = self._windows.stride_samples
        while windows := list(itertools.islice(waveforms, per_batch)):
            if self._stopped:
                raise InterruptedError("interrupted")
            num_samples += stride * len(windows)
            last_samples = len(windows[-1])
            ahead.append(executor.submit(self._window_outputs, windows) if executor else self._window_outputs(windows))
            if len(ahead) > max(1, self._config.jobs):
                _join_next(joiner, ahead)
                num_joined = num_samples - len(ahead) * per_batch * stride
                self.heard(recording.utterance_id, num_joined / features.sample_rate_hz)
        while ahead:
            _join_next(joiner, ahead)
        num_samples += last_samples - stride
        emissions = joiner.join() if num_samples else silent_emissions(0, self._symbols)
        if skipper is not None:
            num_samples, emissions = skipper.num_samples, put_back(emissions, skipper.gaps, self._symbols)
        return self._decode(replace(recording, duration_s=num_samples / features.sample_rate_hz), emissions, reading)

    def _window_outputs(self, windows: Sequence[FloatArray]) -> list[FloatArray | Exception]:
        with self.times.measure("features_s"):
            features = {
                place: extract_features(window, self._model.features)
                for place, window in enumerate(windows)
                if not is_silent(window)
            }
        heard = dict(zip(features, self._network_outputs(list(features.values())), strict=True))
        return [
            heard[place] if place in heard else silent_emissions(self._windows.num_steps(len(window)), self._symbols)
            for place, window in enumerate(windows)
        ]

    def _decode_stored(self, recording: Recording) -> Outcome:
        assert recording.emissions is not None
        with self.times.measure("audio_s"):
            emissions = recording.emissions.read()
        return self._decode(recording, emissions)

    def _decode(
        self, recording: Recording, emissions: FloatArray | Exception, reading: Reading | None = None
    ) -> Outcome:
        if isinstance(emissions, Exception):
            raise emissions
        if np.isnan(emissions.max(initial=-np.inf)):
            return Outcome(recording, problem="the model gives NaN for it; check the model with `asrkit model info`")
        heard = as_stored(emissions, out=emissions)
        with self.times.measure("decoder_s"):
            hypotheses = self._hypotheses(recording, heard)
            sure = None if self._judge is None else self._judge.judge(heard, hypotheses[0].words)
        transcript = transcript_from(
            hypotheses,
            recording,
            sure,
            step_s=self._model.step_ms / 1000,
            provenance=self._provenance,
            reading=reading,
        )
        return Outcome(recording, transcript, emissions=heard.astype(np.float16) if self._keep_emissions else None)

    def _hypotheses(self, recording: Recording, emissions: FloatArray) -> Sequence[Hypothesis]:
        decoder = self._decoder()
        if isinstance(decoder, WholeDecoder):
            return decoder.decode_whole(recording, emissions)
        return decode_in_pieces(decoder, emissions, self._symbols, self._model.step_ms / 1000)

    def _decoder(self) -> Decoder:
        if not hasattr(self._own, "decoder"):
            self._own.decoder = self._make_decoder()
        decoder: Decoder = self._own.decoder
        return decoder


def _join_next(joiner: EmissionsJoiner, ahead: deque[Any]) -> None:
    outputs = ahead.popleft()
    for output in outputs.result() if hasattr(outputs, "result") else outputs:
        if isinstance(output, Exception):
            raise output
        joiner.add(output)
