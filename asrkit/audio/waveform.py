"""Recordings of any format, rate and length become mono float32 waveforms.

Everything streams in blocks, so a header that lies about the length costs no memory. soxr resamples.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asrkit.audio.opening import open_recording
from asrkit.audio.source import FloatArray, Reading, Source, resampled
from asrkit.errors import AudioError
from asrkit.writing import written_whole

_LARGEST_SAMPLE = 64.0  # integers stored as floats reach 32,768; loud but honest floats stay far below
_AHEAD_S = 30.0  # of a recording are looked at together, to tell what is faint
_JUDGED_S = 5.0  # tell whether the channels cancel each other in them
_LEAST_SHARE = 0.02  # of the channels' energy that their mean holds; voices far apart keep one part of as many channels
_FAINT = 1e-3  # of the energy of the loudest stretch so far; a hum in a pause tells nothing of the voices


@dataclass(frozen=True)
class AudioInfo:
    """What the header of a recording says.

    Args:
        duration_s: Length, None where only reading it to the end can tell.
        sample_rate_hz: Samples a second.
        num_channels: How many it has.
    """

    duration_s: float | None
    sample_rate_hz: int
    num_channels: int


def load_waveform(
    path: Path | str,
    sample_rate_hz: int = 16_000,
    channel: int | None = None,
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
    raw_rate_hz: int | None = None,
    reading: Reading | None = None,
) -> FloatArray:
    """Read a recording, or a part of it, as one waveform.

    Args:
        path: A recording of any format in ``AUDIO_SUFFIXES``, whatever its suffix.
        sample_rate_hz: Rate of the answer; resampled where the recording differs.
        channel: Channel to take, from 0; None takes the mean of all, or the strongest where they cancel each other.
        start_s: First second to read.
        end_s: Second to stop before; None reads to the end.
        raw_rate_hz: Rate of files of ``RAW_SUFFIXES``, which do not tell it.
        reading: How to read it; told what a user should know.

    Returns:
        ``(samples,)`` in [-1, 1] at ``sample_rate_hz``; louder samples are clipped.

    Raises:
        AudioError: The file is missing, empty, truncated, not audio, ends before ``start_s``, holds no samples or
            samples that are not finite, lacks the channel, or needs the extra ``media``.
    """
    span_s = start_s, end_s
    return np.concatenate(list(_resampled_blocks(Path(path), sample_rate_hz, channel, span_s, raw_rate_hz, reading)))


def iterate_waveform(
    path: Path | str,
    sample_rate_hz: int = 16_000,
    block_s: float = 30.0,
    channel: int | None = None,
    *,
    raw_rate_hz: int | None = None,
    reading: Reading | None = None,
) -> Iterator[FloatArray]:
    """Read a recording in blocks, for recordings too long for memory.

    Yields:
        Blocks of ``block_s`` seconds, the last one shorter; together they equal ``load_waveform`` bit for bit.

    Raises:
        AudioError: As ``load_waveform``, as soon as the fault is reached.
    """
    block_samples = max(1, round(block_s * sample_rate_hz))
    pending: list[FloatArray] = []
    num_pending = 0
    for block in _resampled_blocks(Path(path), sample_rate_hz, channel, (0.0, None), raw_rate_hz, reading):
        pending.append(block)
        num_pending += len(block)
        if num_pending < block_samples:
            continue
        joined = np.concatenate(pending)
        for start in range(0, num_pending - block_samples + 1, block_samples):
            yield joined[start : start + block_samples]
        pending = [joined[len(joined) // block_samples * block_samples :]]
        num_pending = len(pending[0])
    if num_pending:
        yield np.concatenate(pending)


def probe(path: Path | str, *, raw_rate_hz: int | None = None, reading: Reading | None = None) -> AudioInfo:
    """Read the header of a recording.

    Raises:
        AudioError: As ``load_waveform``, as far as the header tells.
    """
    with closing(open_recording(Path(path), reading or Reading(), raw_rate_hz)) as source:
        return AudioInfo(source.duration_s, source.sample_rate_hz, source.num_channels)


def measure_duration_s(path: Path | str, *, raw_rate_hz: int | None = None) -> float:
    """Return the length of a recording in seconds: what its header says, else what reading it to the end finds.

    Raises:
        AudioError: As ``load_waveform``, as far as it is read.
    """
    with closing(open_recording(Path(path), Reading(salvage=True), raw_rate_hz)) as source:
        if source.duration_s is not None:
            return source.duration_s
        return sum(len(block) for block in source.blocks(0.0, None)) / source.sample_rate_hz


def write_waveform(path: Path | str, waveform: FloatArray, sample_rate_hz: int = 16_000) -> None:
    """Write a mono waveform in [-1, 1] as 16-bit WAV, or FLAC, by the suffix.

    Raises:
        OSError: The disk is full, or the folder cannot be written to.
    """
    import soundfile

    path = Path(path)
    with written_whole(path) as file:
        soundfile.write(
            file.fileno(), waveform, sample_rate_hz, subtype="PCM_16", format=path.suffix[1:], closefd=False
        )


def require_channel(path: Path, channel: int | None, num_channels: int) -> None:
    """Refuse a channel that a recording does not have.

    Raises:
        AudioError: It does not.
    """
    if channel is not None and not 0 <= channel < num_channels:
        raise AudioError(f"has no channel {channel}; count its {num_channels} channel(s) from 0", path=path)


def _resampled_blocks(
    path: Path,
    sample_rate_hz: int,
    channel: int | None,
    span_s: tuple[float, float | None],
    raw_rate_hz: int | None,
    reading: Reading | None,
) -> Iterator[FloatArray]:
    """Yield mono blocks at the rate asked for, of no particular size, at least one and none of them empty."""
    reading = reading or Reading()
    with closing(open_recording(path, reading, raw_rate_hz)) as source:
        require_channel(path, channel, source.num_channels)
        blocks = source.blocks(*span_s)
        heard: Iterator[tuple[FloatArray, int | None]] = ((block, channel) for block in blocks)
        if channel is None and source.num_channels > 1:
            heard = _audible_channels(source, blocks, span_s[0], reading)
        is_empty = True
        monos = (_checked_mono(block, channel, path) for block, channel in heard)
        for mono in resampled(monos, source.sample_rate_hz, sample_rate_hz):
            if len(mono):
                is_empty = False
                yield np.clip(mono, -1.0, 1.0)
    if is_empty:
        if span_s[0] > 0.0 and span_s[0] >= (whole_s := measure_duration_s(path, raw_rate_hz=raw_rate_hz)):
            detail = f"lasts {whole_s:.2f} s, but is to be read from second {span_s[0]:.2f} on"
            raise AudioError(f"{detail}; mend start_s in the manifest", path=path)
        raise AudioError("holds no samples; remove the file or record it again", path=path)


def _audible_channels(
    source: Source, blocks: Iterator[FloatArray], start_s: float, reading: Reading
) -> Iterator[tuple[FloatArray, int | None]]:
    """Yield blocks with None for the mean of all channels, or the strongest one where they cancel, as in antiphase.

    Each stretch of some seconds is judged by itself, as what comes before may be silent, or music.
    """
    channel: int | None = None
    position, loudest = 0, 0.0
    while len(ahead := _next_samples(blocks, round(_AHEAD_S * source.sample_rate_hz), source.num_channels)):
        stretches = np.array_split(ahead, max(1, round(len(ahead) / (_JUDGED_S * source.sample_rate_hz))))
        energies = [np.square(stretch).sum(axis=0, dtype=np.float64) for stretch in stretches]
        loudest = max(loudest, *(float(energy.mean()) for energy in energies))
        for stretch, energy in zip(stretches, energies, strict=True):
            before = channel
            if energy.mean() > _FAINT * loudest:
                share = np.square(stretch.mean(axis=1)).sum() / energy.mean()
                if channel is None and share < _LEAST_SHARE:
                    channel = int(energy.argmax())
                elif share > 0.5 / source.num_channels:  # half of what voices far apart keep
                    channel = None
            if channel != before:
                cancelling = f"its channels cancel each other; channel {channel} is read"
                since = f"from second {start_s + position / source.sample_rate_hz:.0f} on " if position else ""
                reading.remark(since + (cancelling if channel is not None else "its channels are mixed"))
            yield stretch, channel
            position += len(stretch)


def _next_samples(blocks: Iterator[FloatArray], least: int, num_channels: int) -> FloatArray:
    """Join blocks until they hold so many samples, or none are left."""
    joined = [np.zeros((0, num_channels), np.float32)]
    while least > 0 and (block := next(blocks, None)) is not None:
        joined.append(block)
        least -= len(block)
    return np.concatenate(joined)


def _checked_mono(block: FloatArray, channel: int | None, path: Path) -> FloatArray:
    """Turn ``(samples, channels)`` into ``(samples,)``; refuse numbers that are no audio."""
    if channel is not None:
        mono = np.ascontiguousarray(block[:, channel])
    else:
        mono = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)
    peak = float(np.abs(mono).max(initial=0.0))
    if not np.isfinite(peak):
        raise AudioError("holds NaN or infinite samples; export the recording again", path=path)
    if peak > _LARGEST_SAMPLE:
        raise AudioError(f"holds samples of {peak:.0f} where 1 is full scale; rescale the recording", path=path)
    return mono
