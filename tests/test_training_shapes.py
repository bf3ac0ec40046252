"""Shapes: few in a whole run, every batch fits, and what fills up changes nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrkit.config import FeatureConfig, RunConfig
from asrkit.text import Alphabet
from asrkit.training.batches import BatchMaker, filled_up, plan_batches
from asrkit.training.examples import Example
from asrkit.training.shapes import Shape, Shapes, shapes_here

FEATURES = FeatureConfig(mel_bins=20)


def run_settings(**training):
    return RunConfig.from_dict({"training": training, "features": {"mel_bins": 20}})


@given(
    frames=st.lists(st.integers(4, 2500), min_size=1, max_size=80),
    size=st.integers(1, 20),
    limit=st.integers(100, 30_000),
    slowest=st.sampled_from([0.5, 0.9, 1.0]),
    fastest=st.sampled_from([1.0, 1.1, 2.0]),
    epoch=st.integers(0, 2),
)
def test_every_batch_of_a_run_fits_one_of_few_shapes(frames, size, limit, slowest, fastest, epoch):
    config = run_settings(batch_size=size, batch_frames=limit, augmentation={"speeds": [slowest, fastest]})
    shapes = Shapes(frames, config)
    assert len(shapes.shapes) <= 6
    rng = np.random.default_rng(epoch)
    for indices in plan_batches(frames, config.training, epoch):
        heard = max(round(frames[i] / rng.choice([slowest, fastest])) for i in indices)
        labels = -(-heard // config.model.stride_frames)
        shape = shapes.fit(Shape(len(indices), heard, labels))
        assert shape in shapes.shapes
        assert shape.rows <= size


def test_a_run_meets_at_most_a_dozen_shapes():
    rng = np.random.default_rng(1)
    config = run_settings(batch_size=4, augmentation={"speeds": [0.9, 1.0, 1.1]})
    seconds = [*rng.uniform(0.3, 3.0, 60)]
    examples = [example(length, "abc " * int(1 + length), seed) for seed, length in enumerate(seconds)]
    frames = [round(100 * length) for length in seconds]
    maker = BatchMaker(examples, FEATURES, config.training, Shapes(frames, config))
    met = set()
    for epoch in range(3):
        for indices in plan_batches(frames, config.training, epoch):
            batch = maker.batch(indices, epoch)
            met.add(tuple(values.shape for values in batch.values()))
            assert batch["weights"].sum() == pytest.approx(1)
            assert not batch["weights"][len(indices) :].any()
    assert 1 < len(met) <= 12


def example(seconds, text, seed):
    samples = np.random.default_rng(seed).integers(-3000, 3000, round(16_000 * seconds)).astype(np.int16)
    return Example(f"u{seed}", text, samples, Alphabet().encode(text))


def test_more_labels_than_any_shape_has_keep_a_shape_of_their_own():
    shapes = Shapes([100, 200], run_settings())
    assert shapes.fit(Shape(2, 200, 900)) == Shape(2, 200, 900)


def test_only_jax_gets_them(monkeypatch):
    from asrkit.training import shapes

    for backend in ("tensorflow", "torch", "jax"):
        monkeypatch.setattr(shapes, "keras_backend", lambda backend=backend: backend)
        assert (shapes_here([100], run_settings()) is not None) == (backend == "jax")


def test_rows_that_fill_up_change_neither_loss_nor_gradient():
    keras = pytest.importorskip("keras")
    from backend_calculus import values_and_gradients
    from tiny_model import random_network, tiny_config

    network = random_network(tiny_config(normalization="batch"))
    rng = np.random.default_rng(0)
    batch = {
        "features": rng.standard_normal((3, 50, 20)).astype(np.float32),
        "frames": np.array([50, 33, 41], np.int32),
        "labels": rng.integers(0, 20, (3, 4)).astype(np.int32),
        "num_labels": np.array([4, 2, 3], np.int32),
    }
    wide = {**batch, "features": np.pad(batch["features"], [(0, 0), (0, 14), (0, 0)])}

    def losses_and_gradients(batch):
        def loss(features):
            inputs = {**batch, "features": features}
            return keras.ops.reshape(network.compute_loss(inputs, y_pred=network(inputs, training=True)), (1,))

        found = values_and_gradients(loss, batch["features"], network.trainable_variables, np.ones(1, np.float32))
        return [found[0], *found[2:]]

    for ours, theirs in zip(losses_and_gradients(filled_up(wide, 5)), losses_and_gradients(batch), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
