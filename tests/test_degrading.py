"""Degradations: aligned in time, of the level asked for, the same for the same seed, and in the order of sound."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from asrkit.audio.coding import encode, recode
from asrkit.config import AugmentationConfig
from asrkit.degrading import Degrader
from asrkit.degrading.channel import clip, telephone_band, through_codec
from asrkit.degrading.noise import add_noise, babble, draw_other, excerpt, formula_noise
from asrkit.degrading.recordings import Kept, RecordingFolder
from asrkit.degrading.rooms import add_room
from asrkit.errors import AudioError, ConfigError, MissingPathError
from asrkit.training.augmentation import augment_waveform

RATE_HZ = 16_000
CODECS = ("telephone", "mp3-8k", "mp3-16k", "mp3-32k", "mp3-64k", "opus-6k", "opus-8k", "opus-16k", "opus-32k")
QUIET = {"speeds": (1.0,), "gain_db": 0.0}


def speech(seconds: float = 1.0, seed: int = 0) -> np.ndarray:
    """Return noise that swells and fades, below 3 kHz: something that a codec keeps and whose place shows."""
    rng = np.random.default_rng(seed)
    slow = soxr.resample(rng.standard_normal(round(seconds * 6_000)), 6_000, RATE_HZ)
    time_s = np.arange(len(slow)) / RATE_HZ
    return (0.1 * slow * (1 + np.sin(2 * np.pi * 3 * time_s + seed))).astype(np.float32)


def lag(before: np.ndarray, after: np.ndarray) -> int:
    """Return by how many samples one waveform comes after another."""
    size = 2 * len(before)
    product = np.fft.irfft(np.fft.rfft(after, size) * np.conj(np.fft.rfft(before, size)), size)
    return (int(product.argmax()) + len(before)) % size - len(before)


def snr_db(clean: np.ndarray, noisy: np.ndarray) -> float:
    return float(10 * np.log10(np.square(clean, dtype=float).sum() / np.square(noisy - clean, dtype=float).sum()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noises")
    (folder / "deep").mkdir()
    soundfile.write(folder / "short.wav", speech(0.2, 1), RATE_HZ)
    soundfile.write(folder / "deep" / "other rate.flac", speech(1.5, 2)[::2], RATE_HZ // 2)
    (folder / "README").write_text("no audio")
    return folder


def another(rng):
    return speech(0.5, int(rng.integers(5, 9)))


@settings(max_examples=60, deadline=None)
@given(
    length=st.integers(1, 5_000),
    loudness=st.sampled_from([0.0, 1e-4, 0.3, 3.0]),
    rate_hz=st.sampled_from([8_000, 11_025, 16_000, 44_100]),
    kinds=st.sets(st.sampled_from(["room", "noise", "clip", "codec"]), min_size=1),
    codec=st.sampled_from(CODECS),
    noise=st.sampled_from(["colored", "white", "babble", "folder"]),
    seed=st.integers(0, 99),
)
def test_length_is_kept_and_everything_is_finite_and_the_same_again(
    folder, length, loudness, rate_hz, kinds, codec, noise, seed
):
    config = AugmentationConfig(
        **{f"{kind}_probability": 1.0 for kind in kinds},
        noises=(str(folder) if noise == "folder" else noise,),
        codecs=(codec,),
    )
    waveform = (loudness * np.random.default_rng(seed).standard_normal(length)).astype(np.float32)
    before = waveform.copy()
    once, again = (
        Degrader(config, rate_hz, seed).degrade(waveform, np.random.default_rng(seed), another) for _ in range(2)
    )
    assert once.waveform.shape == waveform.shape
    assert once.waveform.dtype == np.float32
    assert np.isfinite(once.waveform).all()
    assert set(once.done) == kinds | ({"snr"} if "noise" in kinds else set())
    np.testing.assert_array_equal(once.waveform, again.waveform)
    np.testing.assert_array_equal(waveform, before)


# ---- what was drawn before there was more than noise


def as_it_was(waveform, config, rng):
    """The augmentation of the first version, to the letter: runs that it began must go on with equal losses."""
    speed = float(rng.choice(config.speeds))
    if speed != 1.0:
        waveform = soxr.resample(waveform, RATE_HZ * speed, RATE_HZ, quality="MQ")
    if config.noise_probability and rng.random() < config.noise_probability:
        lowest, highest = config.noise_snr_db
        snr = rng.uniform(lowest, highest)
        size = 1 << max(1, len(waveform) - 1).bit_length()
        spectrum = np.fft.rfft(rng.standard_normal(size).astype(np.float32))
        tilt = rng.uniform(0.0, 1.0)
        spectrum *= np.arange(1, len(spectrum) + 1) ** -tilt
        noise = np.fft.irfft(spectrum, size)[: len(waveform)].astype(np.float32)
        wanted = np.sqrt(np.square(waveform).mean()) * 10 ** (-snr / 20)
        waveform = np.asarray(waveform + noise * (wanted / (np.sqrt(np.square(noise).mean()) + 1e-12)), np.float32)
    if config.gain_db:
        waveform = waveform * np.float32(10 ** (rng.uniform(-config.gain_db, config.gain_db) / 20))
    return waveform.astype(np.float32, copy=False)


@pytest.mark.parametrize("changes", [{}, {"noise_probability": 0.5}, {"noise_probability": 1.0, "gain_db": 0.0}])
def test_old_settings_give_the_bits_that_they_gave(changes):
    config = AugmentationConfig(**changes)
    degrader = Degrader(config, RATE_HZ, seed=3)
    for index in range(12):
        ours, theirs = (np.random.default_rng([3, 1, index]) for _ in range(2))
        waveform = speech(0.3, index)
        np.testing.assert_array_equal(
            augment_waveform(waveform, degrader, ours).waveform, as_it_was(waveform, config, theirs)
        )
        assert ours.random() == theirs.random(), "what comes after draws the same too"


# ---- noise


@pytest.mark.parametrize("noise", ["colored", "white", "babble", "folder"])
@pytest.mark.parametrize("snr", [-5.0, 0.0, 10.0, 30.0])
def test_noise_has_the_level_asked_for(folder, noise, snr):
    noises = (str(folder) if noise == "folder" else noise,)
    config = AugmentationConfig(**QUIET, noise_probability=1.0, noise_snr_db=(snr, snr), noises=noises)
    clean = speech()
    degraded = Degrader(config, RATE_HZ).degrade(clean, np.random.default_rng(4), another)
    assert snr_db(clean, degraded.waveform) == pytest.approx(snr, abs=0.1)
    assert degraded.done == {"noise": folder.name if noise == "folder" else noise, "snr": snr}


def test_white_is_flat_and_colored_falls_up_to_brown():
    def slope(noise):
        power = np.square(np.abs(np.fft.rfft(noise)))
        low, high = power[100:1_000].mean(), power[5_000:8_000].mean()
        return 10 * np.log10(low / high)

    rng = np.random.default_rng(0)
    assert slope(formula_noise("white", RATE_HZ, rng)) == pytest.approx(0, abs=1)
    slopes = [slope(formula_noise("colored", RATE_HZ, rng)) for _ in range(30)]
    assert min(slopes) < 4
    assert 18 < max(slopes) < 30


def test_silence_stays_silent():
    silence = np.zeros(100, np.float32)
    assert not add_noise(silence, formula_noise("white", 100, np.random.default_rng(0)), 0.0).any()
    assert not add_room(silence, np.ones(3, np.float32)).any()


def test_babble_is_several_voices_equally_loud():
    tones = [np.sin(2 * np.pi * hz * np.arange(8_000) / RATE_HZ) * 0.1 * hz for hz in (500, 1_000, 1_500, 2_000)]
    asked = []

    def voice(rng):
        asked.append(int(rng.integers(len(tones))))
        return tones[asked[-1]].astype(np.float32)

    counts = set()
    for seed in range(60):
        asked.clear()
        mixed = babble(4_000, voice, np.random.default_rng(seed))
        counts.add(len(asked))
        heard = np.abs(np.fft.rfft(mixed))[[125, 250, 375, 500]] / 2_000
        for place in range(len(tones)):
            assert (heard[place] > 0.01) <= (place in asked)
        if len(set(asked)) == len(asked):
            np.testing.assert_allclose(heard[asked], np.sqrt(2), rtol=0.01)
    assert counts == {3, 4, 5, 6, 7}


def test_any_other_is_drawn_but_not_oneself():
    rng = np.random.default_rng(0)
    assert {draw_other(2, 5, rng) for _ in range(60)} == {0, 1, 3, 4}
    assert {draw_other(0, 2, rng) for _ in range(5)} == {1}


def test_an_excerpt_repeats_what_is_too_short_and_begins_anywhere():
    starts = set()
    for seed in range(60):
        taken = excerpt(np.arange(5, dtype=np.int16), 12, np.random.default_rng(seed))
        assert taken.dtype == np.float32
        np.testing.assert_array_equal(np.diff(taken) % 5, 1)
        starts.add(taken[0])
    assert starts == {0, 1, 2, 3, 4}


# ---- recordings


def test_a_folder_is_read_once_by_any_number_of_threads(folder, monkeypatch):
    decoded = []
    decode = RecordingFolder._decode
    monkeypatch.setattr(RecordingFolder, "_decode", lambda self, path: decoded.append(path) or decode(self, path))
    recordings = RecordingFolder(folder, RATE_HZ)
    assert [path.name for path in recordings.paths] == ["other rate.flac", "short.wav"]
    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(lambda seed: recordings.draw(np.random.default_rng(seed)), range(64)))
    assert sorted(decoded) == recordings.paths
    assert {len(samples) for _, samples in drawn} == {round(0.2 * RATE_HZ), round(1.5 * RATE_HZ)}


def test_what_is_kept_is_made_once_and_what_fails_is_tried_again():
    kept, made, inside = Kept(), [], threading.Barrier(2, timeout=10)

    def slow():
        made.append(1)
        return len(made)

    def fails():
        raise AudioError("gone")

    def both(key):
        return kept.get(key, lambda: (inside.wait() and slow()) or slow())

    with ThreadPoolExecutor(2) as pool:
        assert len(set(pool.map(both, "ab"))) == 2, "one key does not wait for another"
    with pytest.raises(AudioError):
        kept.get("c", fails)
    assert kept.get("c", lambda: 7) == 7


def test_a_folder_that_cannot_be_used_is_refused_before_anything_is_drawn(tmp_path):
    (tmp_path / "notes.txt").write_text("no audio")
    for setting in ("noise", "room"):
        config = AugmentationConfig(**{f"{setting}_probability": 0.1, f"{setting}s": (str(tmp_path),)})
        with pytest.raises(AudioError, match="holds no recordings; name a folder with WAV"):
            Degrader(config, RATE_HZ)
        with pytest.raises(MissingPathError, match="no such folder of recordings, and none of"):
            Degrader(config.replace(**{f"{setting}s": (str(tmp_path / "gone"),)}), RATE_HZ)
        Degrader(config.replace(**{f"{setting}_probability": 0.0}), RATE_HZ)  # never used, never asked for


def test_a_recording_that_cannot_be_read_is_named(tmp_path):
    """When a run begins, not when it is drawn; what is hidden is not meant, and a cut recording has noise enough."""
    soundfile.write(tmp_path / "good.wav", speech(), RATE_HZ)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "good.wav").read_bytes()[:9_000])
    (tmp_path / "._good.wav").write_bytes(b"resource fork")
    config = AugmentationConfig(noise_probability=1.0, noises=(str(tmp_path),))
    degrader = Degrader(config, RATE_HZ)
    assert {degrader.degrade(speech(), np.random.default_rng(seed)).done["noise"] for seed in range(9)}
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    with pytest.raises(AudioError, match=r"bad\.wav"):
        Degrader(config, RATE_HZ)


def test_babble_of_a_single_utterance_is_refused():
    config = AugmentationConfig(noise_probability=1.0, noises=("babble",))
    with pytest.raises(ConfigError, match="babble is made of other utterances"):
        Degrader(config, RATE_HZ).degrade(speech(), np.random.default_rng(0))


# ---- channel


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050])
def test_codecs_keep_length_and_place(codec, rate_hz):
    clean = soxr.resample(speech(2.0), RATE_HZ, rate_hz)
    heard = through_codec(clean, rate_hz, codec)
    assert len(heard) == len(clean)
    assert abs(lag(clean, heard)) <= 1
    assert snr_db(clean, heard) > (0 if codec in ("opus-6k", "mp3-8k") else 2)


@pytest.mark.parametrize("codec", ["mp3", "opus"])
@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_files_have_the_bits_asked_for(codec, rate_hz):
    clean = soxr.resample(speech(10.0), RATE_HZ, rate_hz)
    for kbps in (8, 16, 24, 32):
        assert len(encode(clean, rate_hz, codec, kbps)) * 8 / 10 / 1_000 == pytest.approx(kbps, rel=0.25)


@pytest.mark.parametrize("codec", CODECS)
def test_the_shortest_waveforms_pass_at_any_rate(codec):
    for rate_hz, length in itertools.product((8_000, 11_025, 16_000, 44_100), (1, 2, 3, 50)):
        assert through_codec(np.full(length, 0.1, np.float32), rate_hz, codec).shape == (length,)


def test_fewer_bits_leave_less():
    clean = speech(2.0)
    left = [snr_db(clean, recode(clean, RATE_HZ, "mp3", kbps)) for kbps in (8, 16, 32, 64)]
    assert left == sorted(left)


def test_a_loud_waveform_passes_a_codec_whole():
    """Mu-law of a sample above 1 would be looked up beyond its table."""
    loud = speech() * 20
    assert np.abs(loud).max() > 3
    assert snr_db(loud, recode(loud, RATE_HZ, "mulaw")) > 30


@pytest.mark.parametrize(
    ("hz", "passes"), [(60, False), (150, False), (350, True), (1_000, True), (3_300, True), (3_900, False)]
)
def test_a_telephone_passes_the_voice_band(hz, passes):
    tone = np.sin(2 * np.pi * hz * np.arange(8_000) / 8_000).astype(np.float32)
    kept = np.square(telephone_band(tone)[1_000:-1_000]).mean() / 0.5
    assert kept == pytest.approx(1, abs=0.01) if passes else kept < 1e-4


def test_clipping_cuts_at_the_level_asked_for():
    clean = speech()
    for over_db in (0.0, 6.0, 20.0):
        ceiling = np.abs(clean).max() * 10 ** (-over_db / 20)
        np.testing.assert_allclose(clip(clean, over_db), np.clip(clean, -ceiling, ceiling), rtol=1e-6)


def test_sound_meets_them_in_order():
    """Noise is not heard through the room, and both are heard through the telephone."""
    config = AugmentationConfig(
        **QUIET, noise_probability=1.0, noises=("white",), room_probability=1.0, clip_probability=1.0
    ).replace(codec_probability=1.0, codecs=("telephone",))
    clean, rng, again = speech(), np.random.default_rng(5), np.random.default_rng(5)
    degrader = Degrader(config, RATE_HZ)
    degraded = degrader.degrade(clean, rng)
    assert list(degraded.done) == ["room", "noise", "snr", "clip", "codec"]
    again.random()
    _, response = degrader._room(again)
    again.random()
    snr = again.uniform(*config.noise_snr_db)
    noisy = add_noise(add_room(clean, response), formula_noise("white", len(clean), again), snr)
    again.random()
    expected = through_codec(clip(noisy, again.uniform(*config.clip_db)), RATE_HZ, "telephone")
    np.testing.assert_array_equal(degraded.waveform, expected)


def test_many_threads_hear_what_one_hears(folder):
    config = AugmentationConfig(
        **QUIET, noise_probability=0.8, noises=("colored", "babble", str(folder)), room_probability=0.5
    ).replace(codec_probability=0.3, clip_probability=0.3)

    def hear(degrader, seed):
        return degrader.degrade(speech(0.2, seed), np.random.default_rng(seed), another).waveform

    alone = [hear(Degrader(config, RATE_HZ, 7), seed) for seed in range(40)]
    shared = Degrader(config, RATE_HZ, 7)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda seed: hear(shared, seed), range(40)))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)
