"""Batches and augmentation: everything once, within limits, the same for the same seed."""

from threading import Event

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrkit.config import AugmentationConfig, FeatureConfig, TrainingConfig
from asrkit.degrading import Degrader
from asrkit.text import Alphabet
from asrkit.training.augmentation import augment_waveform, mask_features
from asrkit.training.batches import BatchMaker, filled_up, plan_batches, prefetch
from asrkit.training.examples import Example

FEATURES = FeatureConfig(mel_bins=20)


def example(seconds: float, text: str = "ab", seed: int = 0) -> Example:
    samples = np.random.default_rng(seed).integers(-3000, 3000, round(16_000 * seconds)).astype(np.int16)
    return Example(f"u{seed}", text, samples, Alphabet().encode(text))


@given(
    frames=st.lists(st.integers(1, 900), min_size=1, max_size=60),
    size=st.integers(1, 9),
    limit=st.integers(100, 3000),
    epoch=st.integers(0, 3),
)
def test_every_example_is_in_one_batch_and_no_batch_is_too_large(frames, size, limit, epoch):
    plan = plan_batches(frames, TrainingConfig(batch_size=size, batch_frames=limit), epoch)
    assert sorted(index for batch in plan for index in batch) == list(range(len(frames)))
    for batch in plan:
        assert len(batch) <= size
        assert len(batch) == 1 or max(frames[i] for i in batch) * len(batch) <= limit


def test_the_first_epoch_runs_from_short_to_long_and_later_ones_do_not():
    frames = list(np.random.default_rng(0).integers(50, 800, 200))
    first, second, third = (plan_batches(frames, TrainingConfig(), epoch) for epoch in range(3))
    lengths = [frames[i] for batch in first for i in batch]
    assert lengths == sorted(lengths)
    assert second != third
    assert plan_batches(frames, TrainingConfig(), 1) == second
    assert plan_batches(frames, TrainingConfig(seed=2), 1) != second


def test_later_epochs_bucket_by_length():
    frames = list(np.random.default_rng(0).integers(50, 800, 400))
    spread = [np.ptp([frames[i] for i in batch]) for batch in plan_batches(frames, TrainingConfig(), 1)]
    assert np.mean(spread) < 0.25 * np.ptp(frames)


def test_the_same_epoch_gives_the_same_features_and_another_does_not():
    maker = BatchMaker([example(1.0), example(0.7, seed=1)], FEATURES, TrainingConfig())
    once, again, other = maker.batch([0, 1], 3), maker.batch([0, 1], 3), maker.batch([0, 1], 4)
    np.testing.assert_array_equal(once["features"], again["features"])
    assert once["features"].shape != other["features"].shape or not np.allclose(once["features"], other["features"])


def test_an_utterance_is_augmented_alike_in_any_batch():
    maker = BatchMaker([example(1.0), example(0.7, seed=1)], FEATURES, TrainingConfig())
    both, alone = maker.batch([0, 1], 2), maker.batch([1], 2)
    frames = alone["frames"][0]
    np.testing.assert_array_equal(both["features"][1, :frames], alone["features"][0])


def test_a_batch_is_padded_with_zeros_and_keeps_true_lengths():
    maker = BatchMaker([example(0.5, "abc"), example(0.2, "d", seed=1)], FEATURES, TrainingConfig())
    batch = maker.batch([0, 1], None)
    assert batch["features"].shape[:2] == (2, max(batch["frames"]))
    assert list(batch["num_labels"]) == [3, 1]
    assert Alphabet().decode(batch["labels"][0, :3]) == "abc"
    assert not batch["features"][1, batch["frames"][1] :].any()


def test_batches_arrive_in_order():
    plan = [[i] for i in range(25)]
    made = prefetch(lambda indices: {"i": np.array(indices)}, plan, workers=3)
    assert [int(batch["i"][0]) for batch in made] == list(range(25))


def test_the_other_threads_go_on_while_a_slow_batch_is_made():
    others, enough = [], Event()

    def make(indices):
        if indices == [0]:
            assert enough.wait(60), f"only {others} were made"
        others.append(indices)
        if len(others) == 8:
            enough.set()
        return indices

    plan = [[index] for index in range(20)]
    assert list(prefetch(make, plan, workers=2)) == plan


def test_an_error_while_making_a_batch_is_raised():
    def make(indices):
        raise ValueError(f"bad {indices}")

    with pytest.raises(ValueError, match="bad"):
        list(prefetch(make, [[0]]))


def test_babble_is_made_of_the_others():
    """Each of them is a tone of its own: what is added to one never holds its own."""
    time_s = np.arange(8_000) / 16_000
    tones = [(3_000 * np.sin(2 * np.pi * hz * time_s)).astype(np.int16) for hz in (500, 1_000, 1_500, 2_000)]
    examples = [Example(str(place), "a", tone, Alphabet().encode("a")) for place, tone in enumerate(tones)]
    babble = AugmentationConfig(speeds=(1.0,), gain_db=0, noise_probability=1.0, noises=("babble",))
    maker = BatchMaker(examples, FEATURES, TrainingConfig(augmentation=babble))
    for place, hz in enumerate((500, 1_000, 1_500, 2_000)):
        added = np.zeros(4)
        for epoch in range(8):
            noise = maker.heard(place, epoch)[0].waveform - examples[place].waveform()
            added += np.abs(np.fft.rfft(noise))[[250, 500, 750, 1_000]]
        assert (added > 1).tolist() == [other != hz for other in (500, 1_000, 1_500, 2_000)]


def test_makers_may_share_a_degrader():
    config = TrainingConfig(augmentation=AugmentationConfig(room_probability=1.0))
    shared = Degrader(config.augmentation, 16_000, config.seed)
    own, other = (BatchMaker([example(0.5)], FEATURES, config, degrader=given) for given in (None, shared))
    assert other.degrader is shared
    np.testing.assert_array_equal(own.heard(0, 1)[0].waveform, other.heard(0, 1)[0].waveform)


@pytest.mark.parametrize("speed", [0.9, 1.1])
def test_speed_changes_the_length_and_the_pitch(speed):
    tone = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000).astype(np.float32)
    config = AugmentationConfig(speeds=(speed,), gain_db=0)
    augmented = augment_waveform(tone, Degrader(config, 16_000), np.random.default_rng(0))
    assert augmented.done == {"speed": speed}
    played = augmented.waveform
    assert len(played) == pytest.approx(16_000 / speed, abs=2)
    peak_hz = np.abs(np.fft.rfft(played)).argmax() * 16_000 / len(played)
    assert peak_hz == pytest.approx(440 * speed, abs=2)


def test_noise_has_the_level_asked_for():
    tone = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000).astype(np.float32)
    config = AugmentationConfig(speeds=(1.0,), gain_db=0, noise_probability=1.0, noise_snr_db=(20.0, 20.0))
    noise = augment_waveform(tone, Degrader(config, 16_000), np.random.default_rng(0)).waveform - tone
    snr_db = 10 * np.log10(np.square(tone).mean() / np.square(noise).mean())
    assert snr_db == pytest.approx(20, abs=0.1)


def test_masks_are_bands_of_zeros_within_their_limits():
    config = AugmentationConfig(
        time_masks=1, time_mask_frames=10, time_mask_share=1.0, frequency_masks=1, frequency_mask_bins=5
    )
    masks = []
    for seed in range(500):
        masked = mask_features(np.ones((20, 8), np.float32), config, np.random.default_rng(seed))
        rows, columns = (masked == 0).all(axis=1), (masked == 0).all(axis=0)
        assert (masked[~rows][:, ~columns] == 1).all()
        assert all(np.abs(np.diff(mask, prepend=False, append=False)).sum() in (0, 2) for mask in (rows, columns))
        masks.append((rows, columns))
    for mask, widest in zip(map(np.array, zip(*masks, strict=True)), (10, 5), strict=True):
        assert set(mask.sum(axis=1)) == set(range(widest + 1))
        assert mask.any(axis=0).all()  # wherever, to the last
        assert 0.4 < (mask.sum(axis=1) == 0).mean() * (widest + 1) < 1.6  # and none no more often than another width


@pytest.mark.parametrize(
    ("changes", "widest"),
    [
        ({"time_masks": 1, "time_mask_frames": 50, "time_mask_share": 0.2, "frequency_masks": 0}, (2, 0)),
        ({"time_masks": 0, "frequency_masks": 1, "frequency_mask_bins": 9}, (0, 4)),
    ],
)
def test_short_utterances_are_not_masked_away(changes, widest):
    drawn = [
        mask_features(np.ones((10, 4), np.float32), AugmentationConfig(**changes), np.random.default_rng(seed)) == 0
        for seed in range(60)
    ]
    for axis, most in enumerate(widest):
        widths = {masked.any(axis=1 - axis).sum() for masked in drawn if not masked.all()}
        assert widths | {most} == ({*range(most + 1)} if most else widths | {0})


@pytest.mark.parametrize("workers", [1, 3])
def test_batches_are_made_ahead_but_not_without_end_and_do_not_depend_on_threads(workers):
    examples = [example(0.3 + 0.01 * seed, "abc", seed=seed) for seed in range(24)]
    maker = BatchMaker(examples, FEATURES, TrainingConfig())
    made = []

    def make(indices):
        made.append(indices)
        return maker.batch(indices, 3)

    plan = [[index] for index in range(24)]
    for position, batch in enumerate(prefetch(make, plan, workers=workers)):
        assert len(made) <= position + 1 + workers + 8
        for name, values in maker.batch(plan[position], 3).items():
            np.testing.assert_array_equal(batch[name], values)
    assert made and sorted(made) == plan


def test_an_utterance_that_counts_half_has_half_the_weight() -> None:
    tone = np.zeros(8_000, np.int16)
    examples = [
        Example("a", "a", tone, Alphabet().encode("a")),
        Example("b", "b", tone, Alphabet().encode("b"), weight=0.5),
    ]
    maker = BatchMaker(examples, FeatureConfig(), TrainingConfig())
    assert maker.batch([0, 1], None)["weights"].tolist() == [0.5, 0.25]
    assert maker.batch([1], None)["weights"].tolist() == [0.5]
    full = filled_up(maker.batch([0, 1], None), 4)
    assert full["weights"].tolist() == [0.5, 0.25, 0.0, 0.0]
    plain = BatchMaker(examples[:1], FeatureConfig(), TrainingConfig())
    assert "weights" not in plain.batch([0], None)
