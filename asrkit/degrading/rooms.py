"""What a room adds to speech: reflections from its walls, computed or measured."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from asrkit.audio import FloatArray
from asrkit.degrading.spectra import fast_size

Vector = npt.NDArray[np.float64]

_SOUND_M_PER_S = 343.0
_EARLY_S = 0.03  # reflections one by one after the direct sound; later there is one in every few samples
_HALF_TAPS = 8  # of the filter that places a reflection between two samples
_DECAY = 6 * math.log(10)  # energy falls by 60 dB within the reverberation time
_SIZES_M = ((3.0, 3.0, 2.3), (9.0, 7.0, 3.5))  # smallest and largest room
_DISTANCES_M = (0.3, 3.0)  # from the mouth to the microphone
_WALL_M = 0.3  # nearest to a wall
_LONGEST_S = 2.0  # of a measured response
_QUIET = 1e-6  # share of a measured response's energy that its end may lose


def add_room(waveform: FloatArray, response: FloatArray) -> FloatArray:
    """Return a waveform as heard in a room: of the same length and level, the direct sound in its place.

    Args:
        waveform: ``(samples,)``.
        response: ``(taps,)``; the direct sound is the first.
    """
    size = fast_size(len(waveform) + len(response) - 1)
    heard = np.fft.irfft(np.fft.rfft(waveform, size) * np.fft.rfft(response, size), size)[: len(waveform)]
    power, dry = np.square(heard).mean(), np.square(waveform, dtype=np.float64).mean()
    return np.asarray(heard * np.sqrt(dry / (power + 1e-20)), np.float32)


def random_response(rt60_s: float, sample_rate_hz: int, rng: np.random.Generator) -> FloatArray:
    """Return the response of a random shoebox room with random places of speaker and microphone."""
    size_m = rng.uniform(*np.array(_SIZES_M))
    mouth_m, toward_m = rng.uniform(_WALL_M, size_m - _WALL_M, (2, 3))
    line = toward_m - mouth_m
    share = rng.uniform(*_DISTANCES_M) / np.linalg.norm(line)
    return shoebox_response(size_m, mouth_m, mouth_m + line * min(1.0, share), rt60_s, sample_rate_hz, rng)


def shoebox_response(
    size_m: Vector, mouth_m: Vector, microphone_m: Vector, rt60_s: float, sample_rate_hz: int, rng: np.random.Generator
) -> FloatArray:
    """Return the response of a rectangular room with equal walls, from the direct sound on, which is 1.

    Early reflections come one by one from image sources. Then comes noise that decays as they do and has the power that
    images of that distance would have: there are ``4 pi c^3 t^2 / V`` of them a second, each of energy ``1 / (c t)^2``
    times what the walls have left.

    Args:
        size_m: ``(3,)``, the room.
        mouth_m: ``(3,)``, the speaker, counted from a corner.
        microphone_m: ``(3,)``, counted from the same corner.
        rt60_s: Within which the energy falls by 60 dB.
        sample_rate_hz: Of the response.
        rng: Draws the late part.

    Returns:
        ``(taps,)``, ``rt60_s`` long.

    Source:
        Images: Allen and Berkley 1979, J. Acoust. Soc. Am. 65(4); the absorption by Eyring's formula. Late noise: after
        Lehmann and Johansson 2010, IEEE Trans. Audio Speech Lang. Process. 18(6).
    """
    size_m, mouth_m, microphone_m = (np.asarray(v, np.float64) for v in (size_m, mouth_m, microphone_m))
    direct_m = float(np.linalg.norm(mouth_m - microphone_m))
    length = max(1, round(rt60_s * sample_rate_hz))
    early_s = min(_EARLY_S, rt60_s)
    distances, bounces = _images(size_m, mouth_m, microphone_m, direct_m + early_s * _SOUND_M_PER_S)
    volume, walls = size_m.prod(), 2 * (size_m.prod() / size_m).sum()
    bounce_gain = math.exp(-_DECAY * 2 * volume / (walls * _SOUND_M_PER_S * rt60_s))  # of amplitudes
    response = _placed(
        (distances - direct_m) / _SOUND_M_PER_S * sample_rate_hz, direct_m / distances * bounce_gain**bounces, length
    )
    late = np.arange(round(early_s * sample_rate_hz), length)
    traveled_s = late / sample_rate_hz + direct_m / _SOUND_M_PER_S
    power = direct_m**2 * 4 * math.pi * _SOUND_M_PER_S / volume / sample_rate_hz * np.exp(-_DECAY * traveled_s / rt60_s)
    response[late] += np.sqrt(power) * rng.standard_normal(len(late))
    return response.astype(np.float32)


def _images(size_m: Vector, mouth_m: Vector, microphone_m: Vector, reach_m: float) -> tuple[Vector, Vector]:
    """Return how far the images of a mouth lie from a microphone, as far as some reach, and off how many walls."""
    offsets, bounces = [], []
    for length, mouth, microphone in zip(size_m, mouth_m, microphone_m, strict=True):
        farthest = math.ceil(reach_m / (2 * length)) + 1
        rooms = np.arange(-farthest, farthest + 1)
        mirrored = np.array([0, 1])[:, None]  # every second room is the mirror of its neighbor
        places = np.where(mirrored, 2 * rooms * length - mouth, 2 * rooms * length + mouth)
        offsets.append((places - microphone).ravel())
        bounces.append((np.abs(rooms) + np.abs(rooms - mirrored)).ravel())
    x, y, z = np.ix_(*offsets)
    distances = np.sqrt(x**2 + y**2 + z**2)
    u, v, w = np.ix_(*bounces)
    near = distances < reach_m
    return distances[near], (u + v + w)[near].astype(np.float64)


def _placed(times: Vector, amplitudes: Vector, length: int) -> Vector:
    """Return impulses at times between samples, ``(length,)``, band-limited by a windowed sinc."""
    taps = np.floor(times).astype(np.int64)[:, None] + np.arange(-_HALF_TAPS + 1, _HALF_TAPS + 1)
    away = taps - times[:, None]
    weights = amplitudes[:, None] * np.sinc(away) * np.cos(np.pi / 2 * away / _HALF_TAPS) ** 2
    inside = (taps >= 0) & (taps < length)
    return np.asarray(np.bincount(taps[inside], weights[inside], length), np.float64)


def trimmed_response(samples: npt.NDArray[np.int16], sample_rate_hz: int) -> FloatArray:
    """Return a measured response from its direct sound, the loudest sample, to where it has died away."""
    response = samples.astype(np.float32)
    response = response[int(np.abs(response).argmax()) :][: round(_LONGEST_S * sample_rate_hz)]
    left = np.cumsum(np.square(response[::-1], dtype=np.float64))[::-1]
    return response[: max(1, int((left > _QUIET * left[0]).sum()))]
