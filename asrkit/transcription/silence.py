"""Long silences: left out on the way to the network, put back as blanks on the way to the search.

Off by default: a network hears silence as blanks anyway. It saves time where recordings are mostly silent, and words
where they hold music or noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np

from asrkit.audio import FloatArray
from asrkit.text import Symbols
from asrkit.transcription.speech import SpeechDetector

# A silence between words lasts at least so long, and this much of it stays on both sides of speech.
SHORTEST_SILENCE_S, MARGIN_S = 2.0, 0.5
_CHUNK_S = 20.0
_UNLIKELY = -16.0  # ln P of every symbol that is not expected in a silence


class SilenceSkipper:
    """Passes the samples of a recording on, but for the inside of long silences.

    Nothing stays of a recording without speech. Memory is bounded, and the answer does not depend on the sizes of the
    blocks.

    Args:
        step_samples: Samples per output step of the model; silences are cut in whole steps.
        sample_rate_hz: Samples per second.
        detector: Tells which steps hold speech; a new one for each recording.
    """

    def __init__(self, step_samples: int, sample_rate_hz: int, detector: SpeechDetector) -> None:
        step_s = step_samples / sample_rate_hz
        self._step_samples = step_samples
        self._chunk_steps = max(1, round(_CHUNK_S / step_s))
        self._shortest = max(2, round(SHORTEST_SILENCE_S / step_s))
        self._margin = max(1, round(MARGIN_S / step_s))
        self._detector = detector
        self._num_kept = 0  # steps passed on
        self.num_samples = 0
        self.gaps: list[tuple[int, int]] = []  # steps passed on before a silence, and the steps left out there

    def speech(self, blocks: Iterable[FloatArray]) -> Iterator[FloatArray]:
        """Yield what stays of a stream of samples."""
        held = np.zeros((0, self._step_samples), np.float32)  # the silence that goes on at the end of a chunk
        is_cut = False  # whether its beginning is passed on already
        rest = np.zeros(0, np.float32)
        for samples in self._chunks(blocks):
            size = len(samples) // self._step_samples * self._step_samples
            rest = samples[size:]
            chunk = samples[:size].reshape(-1, self._step_samples)
            steps = np.concatenate([held, chunk])
            is_quiet = np.concatenate([np.ones(len(held), bool), ~self._detector.find_speech(chunk)])
            edges = [0, *(np.flatnonzero(np.diff(is_quiet)) + 1).tolist(), len(steps)]
            held = held[:0]
            for start, end in pairwise(edges):
                goes_on = is_cut and start == 0
                run = steps[start:end]
                if end == start or not is_quiet[start]:
                    yield self._keep(run)
                elif not goes_on and len(run) < self._shortest:
                    if end == len(steps):
                        held = run
                    else:
                        yield self._keep(run)
                else:
                    head = self._margin if self._num_kept and not goes_on else 0
                    yield self._keep(run[:head])
                    self._leave_out(len(run) - head - self._margin)
                    held = run[len(run) - self._margin :]
                    if end < len(steps):
                        yield self._keep(held)
                        held = held[:0]
                if end < len(steps):
                    is_cut = False
                elif len(held):
                    is_cut = goes_on or len(run) >= self._shortest
        if is_cut or not self._num_kept:
            self._leave_out(len(held))
        else:
            yield self._keep(held)
        yield rest if self._num_kept else rest[:0]

    def _keep(self, steps: FloatArray) -> FloatArray:
        self._num_kept += len(steps)
        return steps.reshape(-1)

    def _leave_out(self, num_steps: int) -> None:
        if num_steps <= 0:
            return
        if self.gaps and self.gaps[-1][0] == self._num_kept:
            num_steps += self.gaps.pop()[1]
        self.gaps.append((self._num_kept, num_steps))

    def _chunks(self, blocks: Iterable[FloatArray]) -> Iterator[FloatArray]:
        """Cut a stream into chunks of one size, the last one shorter."""
        size = self._chunk_steps * self._step_samples
        kept: list[FloatArray] = []
        num_kept = 0
        for block in blocks:
            self.num_samples += len(block)
            kept.append(block)
            num_kept += len(block)
            if num_kept < size:
                continue
            waveform = np.concatenate(kept)
            for start in range(0, len(waveform) - size + 1, size):
                yield waveform[start : start + size]
            kept = [waveform[len(waveform) // size * size :]]
            num_kept = len(kept[0])
        if num_kept:
            yield np.concatenate(kept)


def put_back(emissions: FloatArray, gaps: Iterable[tuple[int, int]], symbols: Symbols) -> FloatArray:
    """Return ``(steps, symbols)`` as of the whole recording: blanks where silences were left out, a space amid them."""
    parts, start = [], 0
    for at, num_steps in gaps:
        parts += [emissions[start:at], silent_emissions(num_steps, symbols)]
        start = at
    return np.concatenate([*parts, emissions[start:]])


def silent_emissions(num_steps: int, symbols: Symbols) -> FloatArray:
    """Return ``(steps, symbols)`` in which nothing is said, not even the rest of a word."""
    silence = np.full((num_steps, len(symbols)), _UNLIKELY, np.float32)
    silence[:, symbols.blank_index] = np.log1p(-(len(symbols) - 1) * np.exp(_UNLIKELY))
    if symbols.space_index is not None and num_steps:
        # A word never goes on beyond a silence; there may be a space before it already.
        silence[num_steps // 2, [symbols.blank_index, symbols.space_index]] = np.log(0.5)
    return silence
