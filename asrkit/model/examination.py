"""The cross-examination of a foreign graph: what it really does is measured before it is trusted.

It runs in a process of its own with a limit of memory and of time, so that a graph that never ends, or wants all the
memory there is, costs no more than those limits. It tells what it finds in lines of JSON as it goes.
"""

from __future__ import annotations

import contextlib
import json
import math
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asrkit.config import FeatureConfig, GraphConfig, front_end_named, read_features
from asrkit.config.foreign import FRONT_ENDS, WAVEFORM
from asrkit.emissions import Values, tell_values, to_log_probabilities
from asrkit.errors import AsrkitError, BundleError
from asrkit.features import extract_features
from asrkit.model.graph import first_line
from asrkit.model.inference import feed, numpy_type, open_session
from asrkit.model.signature import Port, is_waveform_graph, read_signature

FloatArray = npt.NDArray[np.float32]

_MOST_S = 60.0  # of one processor for the whole, and as much again for each gigabyte of the graph
_PATIENCE = 5.0  # times as much by the clock, on a machine that has other work
_MOST_BYTES = 2 << 30  # of memory, and four times the graph
_LENGTHS_S = (5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0)  # tried as the longest input
_TIME_FOR_LENGTHS_S = 25.0
_COMPARED_S = (2.0, 3.1, 1.3, 2.6, 3.1)  # of the utterances of one batch
_DISTINCT_S = 8.0  # of a sound; a longer one is the same again
_FAINT = 1e-4  # amplitude of the noise in what stands for silence
_SYLLABLE_S = 0.22
_FORMANTS_HZ = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
_VOICE_S = 3.0  # of the voice in which a front end shows
# Outputs heard there a second, and their mean probability: what a trained model has at least, and by how much a wrong
# front end that flattens its answers takes from it.
_LIVELY, _SURE, _CLEARLY = 1.0, 0.6, 0.15


@dataclass(frozen=True)
class Findings:
    """What was measured of a graph."""

    graph: GraphConfig  # how to feed it
    num_outputs: int  # symbols in each step
    certificate: Mapping[str, Any]  # what was measured, for the model's card


def examine(
    path: Path,
    features: FeatureConfig | None,
    constants: Mapping[str, int],
    *,
    num_bytes: int,
    accept: Callable[[int], object] = lambda num_outputs: None,
    longest_s: float = _LENGTHS_S[-1],
    most_s: float = _MOST_S,
    most_bytes: int = _MOST_BYTES,
) -> Findings:
    """Run a checked graph in a process of its own and measure what it is.

    Args:
        path: The graph.
        features: What it is to be fed with; None: the samples, if that is what it takes.
        constants: Values of inputs that no sound decides.
        num_bytes: Size of the graph with all its tensors.
        accept: Told how many outputs it has after its first answer; what it raises ends the examination.
        longest_s: The longest input to try, from 5 s on.
        most_s: Seconds of one processor that it may take, for a graph of no size.
        most_bytes: Memory it may take, for a graph of no size.

    Raises:
        BundleError: It cannot be right; the reason is named.
    """
    cpu_s = math.ceil(most_s * (1 + num_bytes / 1e9))
    request = {
        "path": str(path),
        "features": None if features is None else features.to_dict(),
        "constants": dict(constants),
        "longest_s": longest_s,
        "most_bytes": most_bytes + 4 * num_bytes,
        "most_s": cpu_s,
    }
    command = [sys.executable, "-c", "from asrkit.model.examination import main; main()"]
    told: dict[str, Any] = {}
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere, text=True) as process:
        timer = threading.Timer(_PATIENCE * cpu_s, process.kill)
        timer.start()
        try:
            assert process.stdin is not None and process.stdout is not None
            with contextlib.suppress(BrokenPipeError), process.stdin:
                json.dump(request, process.stdin)
            for line in process.stdout:
                told |= (found := json.loads(line))
                if "num_outputs" in found:
                    accept(found["num_outputs"])
            is_late = not timer.is_alive() or process.wait() == -getattr(signal, "SIGXCPU", 0)
        finally:
            timer.cancel()
            process.kill()
    if "problem" in told:
        raise BundleError(told["problem"], path=path)
    if "longest_s" not in told:
        reason = f"does not answer within {cpu_s} s" if is_late else "cannot be run in the memory it may take"
        raise BundleError(f"the graph {reason}; refusing it", path=path)
    graph = GraphConfig.from_dict(told.pop("graph")).replace(longest_s=told["longest_s"])
    return Findings(graph, told.pop("num_outputs"), told)


def main() -> None:
    """Carry out the request on stdin and tell what is found on stdout."""
    request = json.load(sys.stdin)
    _set_limits(request["most_bytes"], request["most_s"])

    def tell(**found: Any) -> None:
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()

    try:
        given = request["features"]
        features = None if given is None else read_features(given)
        _Examination(Path(request["path"]), features, request["constants"], tell).find_longest(request["longest_s"])
    except AsrkitError as error:
        tell(problem=str(error))
    except MemoryError:
        tell(problem="the graph wants more memory than it may take; refusing it")


def _set_limits(most_bytes: int, most_s: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has none; the clock's limit holds there too
        return
    resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, most_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (most_s, most_s + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class _Examination:
    """Asks a graph one question after the other."""

    def __init__(
        self, path: Path, features: FeatureConfig | None, constants: Mapping[str, int], tell: Callable[..., None]
    ) -> None:
        self._tell = tell
        self._session = open_session(path, threads=1, device="cpu")
        inputs, outputs = Port.of(self._session.get_inputs()), Port.of(self._session.get_outputs())
        if features is None:
            if not is_waveform_graph(inputs):
                raise BundleError("takes features and not samples; name the --front-end it was trained with")
            features = read_features({"kind": "waveform"})
        self._features = features
        self._graph = read_signature(inputs, outputs, features, constants)
        self._types = {value.name: numpy_type(value) for value in self._session.get_inputs()}
        tell(features=features.to_dict())
        sounds = [self._hear(seconds, seed) for seed, seconds in enumerate(_COMPARED_S)]
        rows = [self._ask([sound])[0][0] for sound in sounds[:2]]
        if rows[0].shape[1] != rows[1].shape[1]:
            raise BundleError("answers with the steps last; export it to answer with (batch, steps, symbols)")
        tell(num_outputs=rows[0].shape[1])
        rows += [self._ask([sound])[0][0] for sound in sounds[2:]]
        self._check_answers(rows, sounds)
        values = tell_values(rows)
        self._graph = self._graph.replace(values=values.value)
        self._find_step()
        padded, equal = self._compare(rows, sounds)
        self._graph = self._graph.replace(batching=_batching(padded, equal))
        tell(
            graph=self._graph.to_dict(),
            step_ms=features.row_ms * self._graph.stride_frames,
            values=values.value,
            padding_changes=padded,
            neighbors_change=equal,
            batching=self._graph.batching,
            silence=self._in_silence(),
            **self._in_a_voice(),
        )

    def find_longest(self, most_s: float) -> None:
        """Try longer and longer inputs while there is time and memory."""
        began = time.process_time()
        for seconds in (s for s in _LENGTHS_S if s <= max(most_s, _LENGTHS_S[0])):
            sound = self._hear(seconds)
            start = time.process_time()
            try:
                self._ask([sound])
            except (BundleError, MemoryError):
                if seconds == _LENGTHS_S[0]:
                    raise
                return
            took_s = time.process_time() - start
            self._tell(longest_s=seconds, speed=round(seconds / max(took_s, 1e-6), 1), memory_mb=_peak_mb())
            # an input twice as long takes up to four times the time of a model that attends globally
            if time.process_time() - began + 4 * took_s > _TIME_FOR_LENGTHS_S:
                return

    def _hear(
        self, seconds: float, seed: int = 0, loudness: float = 0.3, features: FeatureConfig | None = None
    ) -> FloatArray:
        features = features or self._features
        return extract_features(made_sound(seconds, features.sample_rate_hz, seed, loudness), features)

    def _ask(self, features: Sequence[FloatArray]) -> tuple[npt.NDArray[Any], list[int] | None]:
        names = [name for name in (self._graph.output, self._graph.output_lengths) if name]
        try:
            outputs = self._session.run(names, feed(self._graph, self._types, features))
        except Exception as error:  # onnxruntime's own exception types are not public
            raise BundleError(f"onnxruntime cannot run the graph: {first_line(error)}") from None
        rows = outputs[0]
        if rows.ndim != 3 or len(rows) != len(features):
            raise BundleError(f"answers with the shape {rows.shape}, not (batch, steps, symbols)")
        return rows, [int(steps) for steps in outputs[1]] if len(outputs) > 1 else None

    def _check_answers(self, rows: Sequence[npt.NDArray[Any]], sounds: Sequence[FloatArray]) -> None:
        """Refuse what no recognizer does."""
        if not all(np.isfinite(r[~np.isneginf(r)]).all() for r in rows):
            raise BundleError("answers with NaN or infinite values; export the model again")
        if any(len(r) < 2 for r in rows):
            raise BundleError(f"answers {_COMPARED_S[2]} s of sound with one step; this is no CTC model")
        if not np.array_equal(self._ask([sounds[0]])[0][0], rows[0]):
            raise BundleError("answers the same sound differently each time; export it for inference")
        if all(np.ptp(r, axis=0).max() == 0 for r in rows):
            raise BundleError("gives the same answer whatever it hears; export the model again")

    def _find_step(self) -> None:
        """Find the rule of the number of steps: ``(frames + offset) // stride``."""
        base = self._hear(8.0)
        known: dict[int, int] = {}

        def steps(frames: int) -> int:
            if frames not in known:
                known[frames] = self._ask([base[:frames]])[0].shape[1]
            return known[frames]

        first = len(base) // 4
        second = 3 * first
        if steps(second) <= steps(first):
            raise BundleError(f"answers {second} frames with {steps(second)} steps, as {first}; this is no CTC model")
        stride = max(1, round((second - first) / (steps(second) - steps(first))))
        low, high = first, first + stride  # one step more begins between them
        if steps(high) != steps(low) + 1:
            self._graph = self._graph.replace(stride_frames=stride)
            return
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if steps(middle) == steps(first) else (low, middle)
        graph = self._graph.replace(stride_frames=stride, offset_frames=stride * steps(high) - high)
        tried = [first + first // 3, second - 1, second - stride // 2, *known]
        is_rule = all(graph.num_steps(frames) == steps(frames) for frames in tried)
        self._graph = graph if is_rule else graph.replace(offset_frames=None)

    def _compare(
        self, alone: Sequence[npt.NDArray[Any]], sounds: Sequence[FloatArray]
    ) -> tuple[float | None, float | None]:
        """Return by how many nats padding, and neighbors of one length, change answers; None: no batch is taken."""
        try:
            rows, steps = self._ask(sounds)
            shortest = min(map(len, sounds))
            cut = [self._ask([sound[:shortest]])[0][0] for sound in sounds]
            equal = self._difference(list(self._ask([sound[:shortest] for sound in sounds])[0]), cut)
        except BundleError:
            return None, None
        if steps is None:
            steps = [len(r) for r in alone]
        return self._difference([r[:count] for r, count in zip(rows, steps, strict=True)], alone), equal

    def _difference(self, answers: Sequence[npt.NDArray[Any]], expected: Sequence[npt.NDArray[Any]]) -> float:
        if any(a.shape[0] < e.shape[0] for a, e in zip(answers, expected, strict=True)):
            return float("inf")
        pairs = zip(answers, expected, strict=True)
        kind = Values(self._graph.values)
        return max(
            float(np.abs(to_log_probabilities(a[: len(e)], kind) - to_log_probabilities(e, kind)).max())
            if not np.array_equal(a[: len(e)], e)
            else 0.0
            for a, e in pairs
        )

    def _in_silence(self) -> dict[str, Any]:
        """Return what it mostly answers when nothing is said."""
        rows = self._ask([self._hear(3.0, loudness=0.0)])[0][0]
        counts = np.bincount(rows.argmax(axis=1))
        return {"output": int(counts.argmax()), "share": round(float(counts.max() / len(rows)), 3)}

    def _in_a_voice(self) -> dict[str, Any]:
        """Return what it answers to a voice; where that is next to nothing, also a front end with which it is more."""
        voice = self._voice(self._features)
        if voice["heard"] >= _LIVELY and voice["sure"] >= _SURE:
            return {"voice": voice}
        alike = (self._features.kind == WAVEFORM, self._features.num_bins)
        others = {name: front_end_named(name, {}) for name in FRONT_ENDS}
        voices = {
            name: self._voice(features)
            for name, features in others.items()
            if features != self._features and (features.kind == WAVEFORM, features.num_bins) == alike
        }
        heard = max(2 * _LIVELY, voice["heard"] / 2)
        sure = max(_SURE, voice["sure"] + _CLEARLY) if voice["heard"] >= _LIVELY else _SURE
        better = {name: v for name, v in voices.items() if v["heard"] >= heard and v["sure"] >= sure}
        best = max(better, key=lambda name: better[name]["sure"], default=None)
        return {"voice": voice} if best is None else {"voice": voice, "better": {"front_end": best, **better[best]}}

    def _voice(self, features: FeatureConfig) -> dict[str, float]:
        """Return how many outputs a second it hears in a voice, and their mean probability."""
        rows = to_log_probabilities(
            self._ask([self._hear(_VOICE_S, features=features)])[0][0], Values(self._graph.values)
        )
        best = rows.argmax(axis=1)
        rest = np.bincount(best).argmax()
        heard = float(((np.diff(best) != 0) & (best[1:] != rest)).sum() / _VOICE_S)
        return {"heard": round(heard, 1), "sure": round(float(np.exp(rows.max(axis=1)).mean()), 2)}


def made_sound(seconds: float, rate_hz: int, seed: int = 0, loudness: float = 0.3) -> FloatArray:
    """Return syllables of a stop and a vowel, always the same for a seed, over a very faint noise.

    Trained models hear syllables in it, too.

    Args:
        seconds: Its length.
        rate_hz: Its rate.
        seed: Which voice.
        loudness: Of the voice; 0 leaves the noise.

    Source:
        Formants of men's vowels: Peterson and Barney (1952), table II.
    """
    if seconds > _DISTINCT_S:
        return np.resize(made_sound(_DISTINCT_S, rate_hz, seed, loudness), round(seconds * rate_hz))
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    pitch_hz = (110 + 15 * seed) * (1 + 0.1 * np.sin(2 * np.pi * 0.8 * time_s))
    pulses = np.diff(np.floor(np.cumsum(pitch_hz) / rate_hz), prepend=0)
    sound = _FAINT * rng.standard_normal(len(time_s))
    for place, start in enumerate(range(0, len(sound), round(_SYLLABLE_S * rate_hz))):
        vowel = pulses[start : start + round(_SYLLABLE_S * rate_hz)]
        share = np.arange(len(vowel)) / rate_hz / _SYLLABLE_S
        vowel = vowel * np.interp(share, (0.12, 0.25, 0.85, 1.0), (0.0, 1.0, 1.0, 0.0))
        ringing_s = np.arange(round(0.05 * rate_hz)) / rate_hz
        for formant_hz, width_hz in zip(_FORMANTS_HZ[(3 * place + seed) % 5], (80, 100, 150), strict=True):
            ringing = np.exp(-np.pi * width_hz * ringing_s) * np.sin(2 * np.pi * formant_hz * ringing_s)
            vowel = np.convolve(vowel, ringing)[: len(vowel)]
        burst = 0.3 * rng.standard_normal(len(vowel)) * ((share > 0.1) & (share < 0.2))
        sound[start : start + len(vowel)] += loudness * (vowel / max(1e-9, np.abs(vowel).max()) + burst)
    return np.clip(sound, -1, 1).astype(np.float32)


def _batching(padded: float | None, equal: float | None) -> str:
    if equal is None or equal > 0:
        return "alone"
    return "padded" if padded == 0 else "equal"


def _peak_mb() -> int:
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
