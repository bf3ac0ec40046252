"""Rooms: each reflection where the geometry has it, of the level and the length asked for."""

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from test_degrading import QUIET, RATE_HZ, speech

from asrkit.config import AugmentationConfig
from asrkit.degrading import Degrader
from asrkit.degrading.rooms import add_room, random_response, shoebox_response, trimmed_response
from asrkit.degrading.spectra import fast_size

SIZE_M, MOUTH_M, MICROPHONE_M = np.array([5.0, 4.0, 3.0]), np.array([1.2, 1.0, 1.5]), np.array([3.1, 2.4, 1.1])


def reflections():
    """Return the seconds and meters of the direct sound and of the reflection from each of the six walls."""
    images = [MOUTH_M]
    for axis in range(3):
        for wall in (0.0, SIZE_M[axis]):
            image = MOUTH_M.copy()
            image[axis] = 2 * wall - image[axis]
            images.append(image)
    return [float(np.linalg.norm(image - MICROPHONE_M)) for image in images]


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 48_000])
def test_direct_sound_and_first_reflections_come_at_their_times_with_their_levels(rate_hz):
    rt60_s = 0.4
    response = shoebox_response(SIZE_M, MOUTH_M, MICROPHONE_M, rt60_s, rate_hz, np.random.default_rng(0))
    assert response[0] == pytest.approx(1.0, abs=1e-3)
    assert len(response) == round(rt60_s * rate_hz)
    direct_m, *walls_m = reflections()
    volume, walls = 60.0, 94.0
    absorbed = 1 - np.exp(-24 * np.log(10) * volume / (343.0 * walls * rt60_s))  # Eyring
    # all other images of up to 30 ms, by brute force, taken away: what is left are the seven
    for meters in walls_m:
        time = (meters - direct_m) / 343.0 * rate_hz
        near = np.arange(int(time) - 4, int(time) + 6)
        near = near[near >= 0]
        others = [m for m in all_images(0.03) if abs(m[0] - meters) > 1e-9]
        left = response[near] - sum(
            direct_m / m * (1 - absorbed) ** (bounces / 2) * kernel(near - (m - direct_m) / 343.0 * rate_hz)
            for m, bounces in others
        )
        expected = direct_m / meters * np.sqrt(1 - absorbed) * kernel(near - time)
        np.testing.assert_allclose(left, expected, atol=2e-3)


def kernel(away):
    return np.where(np.abs(away) < 8, np.sinc(away) * np.cos(np.pi / 16 * away) ** 2, 0.0)


def all_images(within_s):
    """Return meters and bounces of all images, found by mirroring again and again."""
    direct_m = reflections()[0]
    seen = {tuple(MOUTH_M.round(9)): 0}
    fresh = [MOUTH_M]
    for bounces in range(1, 12):
        mirrored = []
        for image in fresh:
            for axis in range(3):
                for wall in (0.0, SIZE_M[axis]):
                    other = image.copy()
                    other[axis] = 2 * wall - other[axis]
                    if tuple(other.round(9)) not in seen:
                        seen[tuple(other.round(9))] = bounces
                        mirrored.append(other)
        fresh = mirrored
    meters = [(float(np.linalg.norm(np.array(place) - MICROPHONE_M)), bounces) for place, bounces in seen.items()]
    return [(m, bounces) for m, bounces in meters if m - direct_m < 343.0 * within_s]


@pytest.mark.parametrize("rt60_s", [0.15, 0.3, 0.6, 1.2])
def test_a_room_dies_away_within_its_time(rt60_s):
    responses = [random_response(rt60_s, RATE_HZ, np.random.default_rng(seed)) for seed in range(12)]
    measured = []
    for response in responses:
        left_db = 10 * np.log10(np.cumsum(np.square(response[::-1], dtype=float))[::-1] + 1e-20)
        left_db -= left_db[round(0.02 * RATE_HZ)]  # the direct sound aside
        fifth, end = np.argmax(left_db < -5), np.argmax(left_db < -25)
        measured.append(3 * (end - fifth) / RATE_HZ)
    assert np.median(measured) == pytest.approx(rt60_s, rel=0.15)


@pytest.mark.parametrize("meters", [0.4, 2.5])
def test_early_and_late_reflections_join_without_a_step(meters):
    """The noise after 30 ms goes on with the power of the images before, below 300 Hz aside: there they add up."""
    rng = np.random.default_rng(1)
    steps = []
    for _ in range(40):
        line = np.array([0.64, 0.6, 0.48]) * meters  # along no wall: there images lie equally far in pairs
        mouth_m = rng.uniform(0.3, SIZE_M - line - 0.3)
        microphone_m = mouth_m + line
        response = shoebox_response(SIZE_M, mouth_m, microphone_m, 0.4, RATE_HZ, rng)
        spectrum = np.fft.rfft(response[: RATE_HZ // 4])
        spectrum[: 300 // 4] = 0
        response = np.fft.irfft(spectrum)
        before, after = (np.square(response[a : a + RATE_HZ // 100]).sum() for a in (320, 480))
        steps.append(after / before / 10 ** (-6 * 0.01 / 0.4))
    assert 0.75 < np.median(steps) < 1.35


def test_a_room_keeps_place_length_and_level():
    clean = speech()
    for seed in range(5):
        heard = add_room(clean, random_response(0.5, RATE_HZ, np.random.default_rng(seed)))
        assert heard.shape == clean.shape
        assert np.square(heard).mean() == pytest.approx(np.square(clean).mean(), rel=1e-3)
        assert not np.allclose(heard, clean, atol=0.01)
    near = add_room(clean, np.eye(1, 40, dtype=np.float32)[0])
    np.testing.assert_allclose(near, clean, atol=1e-6)


def test_a_measured_response_begins_with_its_direct_sound_and_ends_where_it_is_over():
    response = np.zeros(3 * RATE_HZ, np.int16)
    response[[700, 1_000, 1_400, 9_000]] = 900, -20_000, 5_000, 19
    trimmed = trimmed_response(response, RATE_HZ)
    assert trimmed[0] == -20_000
    assert trimmed[400] == 5_000
    assert len(trimmed) == 401, "19 of 20,000 is nothing"
    assert len(trimmed_response(np.ones(5 * RATE_HZ, np.int16), RATE_HZ)) == 2 * RATE_HZ


def test_measured_rooms_are_heard_in_place(tmp_path):
    response = np.zeros(2_000)
    response[[500, 900]] = 0.9, 0.3
    soundfile.write(tmp_path / "hall.wav", response, RATE_HZ)
    config = AugmentationConfig(**QUIET, room_probability=1.0, rooms=(str(tmp_path),))
    clean = speech()
    degraded = Degrader(config, RATE_HZ).degrade(clean, np.random.default_rng(0))
    echo = clean.copy()
    echo[400:] += clean[:-400] / 3
    echo *= np.sqrt(np.square(clean).mean() / np.square(echo).mean())
    np.testing.assert_allclose(degraded.waveform, echo, atol=1e-3)
    assert degraded.done == {"room": "hall"}


def test_rooms_are_those_of_the_seed_and_within_their_limits():
    config = AugmentationConfig(room_probability=1.0, room_rt60_s=(0.2, 0.3))

    def times(seed):
        degrader = Degrader(config, 8_000, seed)
        return [degrader.degrade(speech(0.1), np.random.default_rng(i)).done["room"] for i in range(30)]

    assert times(1) == times(1) != times(2)
    assert all(0.2 <= time <= 0.3 for time in times(1))
    assert len(set(times(1))) > 5


@given(st.integers(1, 10**7))
def test_fast_sizes_are_enough_and_not_much_more(least):
    assert least <= fast_size(least) <= max(16, 1.25 * least)
