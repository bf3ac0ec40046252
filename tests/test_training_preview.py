"""The preview: what is written is what the network hears, drawn from a fixed seed."""

import hashlib
import io
import re

import numpy as np
import pytest
import soundfile
from report_pages import outline
from tone_speech import write_corpus
from typer.testing import CliRunner

from asrkit.cli.whole import app
from asrkit.data import read_manifest
from asrkit.features import extract_features
from asrkit.presets import run_config
from asrkit.report.preview_page import draw_features, render_preview
from asrkit.text import Alphabet
from asrkit.text.units import Characters
from asrkit.training.batches import BatchMaker
from asrkit.training.examples import read_examples
from asrkit.training.preview import preview_augmentation


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("data") / "tones", 6)


def settings(corpus, **augmentation):
    return run_config({"data": {"train": str(corpus)}, "training": {"augmentation": augmentation}})


@pytest.mark.parametrize(
    "augmentation",
    [
        {"noise_probability": 0.5},
        {"noise_probability": 1.0, "noises": ["babble"]},
        {"room_probability": 0.7, "clip_probability": 0.5, "codec_probability": 0.7},
    ],
)
def test_takes_are_what_a_run_hears(corpus, tmp_path, augmentation):
    config = settings(corpus, **augmentation)
    previews = preview_augmentation(config, tmp_path / "out", count=3, epochs=2)
    assert [preview.id for preview in previews] == ["u000", "u002", "u004"]
    examples = read_examples(read_manifest(corpus), Characters(Alphabet()), config)
    run = BatchMaker(examples, config.features, config.training)
    for preview, place in zip(previews, (0, 2, 4), strict=True):
        assert [take.name for take in preview.takes] == ["as recorded", "epoch 2", "epoch 3"]
        for take, epoch in zip(preview.takes, (None, 1, 2), strict=True):
            batch = run.batch([place], epoch)
            np.testing.assert_array_equal(take.features, batch["features"][0])
    first = previews[0].takes[0]
    heard, rate_hz = soundfile.read(first.audio_path, dtype="float32")
    assert rate_hz == 16_000
    np.testing.assert_allclose(extract_features(heard, config.features), first.features, atol=0.05)


def test_what_is_set_is_what_happens(corpus, tmp_path):
    (preview,) = preview_augmentation(settings(corpus, speeds=[0.5], gain_db=20.0), tmp_path, count=1, epochs=2)
    seconds = [take.seconds for take in preview.takes]
    assert seconds[1:] == pytest.approx([2 * seconds[0]] * 2, rel=0.01)
    for take in preview.takes:
        assert np.abs(soundfile.read(take.audio_path)[0]).max() <= 1


def test_each_take_says_what_was_done_to_it(corpus, tmp_path):
    config = settings(
        corpus, speeds=[0.5], noise_probability=1.0, noises=["white"], noise_snr_db=[7.0, 7.0], codec_probability=1.0
    )
    (preview,) = preview_augmentation(config, tmp_path, count=1, epochs=1)
    before, after = preview.takes
    assert before.done == {}
    assert after.done == {"speed": "0.5", "noise": "white", "snr": "7", "codec": after.done["codec"]}
    page = render_preview([preview], {}, tmp_path)
    assert f"{after.seconds:.2f} s; speed 0.5; noise white; snr 7; codec {after.done['codec']}</td>" in page
    assert f"{before.seconds:.2f} s</td>" in page


def test_what_cannot_be_read_is_passed_over(tmp_path):
    manifest = write_corpus(tmp_path / "tones", 3)
    (tmp_path / "tones" / "wavs" / "u001.wav").write_bytes(b"RIFF")
    previews = preview_augmentation(settings(manifest), tmp_path / "out", count=3, epochs=1)
    assert [preview.id for preview in previews] == ["u000", "u002"]


def test_masks_are_gray():
    from matplotlib import image

    features = np.full((6, 4), 3.0, np.float32)
    features[2:4] = 0.0
    pixels = image.imread(io.BytesIO(draw_features(features, 3.0)), format="png")
    assert pixels.shape[:2] == (8, 12)
    is_gray = np.isclose(pixels[..., :3], 0.5, atol=0.01).all(axis=-1)
    assert (is_gray.all(axis=0) == [False] * 4 + [True] * 4 + [False] * 4).all()
    assert is_gray.sum() == 8 * 4


def test_the_command_writes_a_page_that_needs_nothing_else(corpus, tmp_path):
    digests = []
    for name in ("a", "b"):
        arguments = ["data", "preview", str(corpus), "-o", str(tmp_path / name), "-n", "2", "--epochs", "1"]
        result = CliRunner().invoke(app, [*arguments, "--set", "training.seed=7"])
        assert result.exit_code == 0, result.output
        assert result.stdout.strip() == str(tmp_path / name / "index.html")
        files = sorted((tmp_path / name).iterdir())
        digests.append([(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files])
    assert digests[0] == digests[1], "the same seed gives the same files"
    page = (tmp_path / "a" / "index.html").read_text(encoding="utf-8")
    sources = re.findall(r'<audio[^>]* src="([^"]+)"', page)
    assert sources == ["01-original.wav", "01-epoch2.wav", "02-original.wav", "02-epoch2.wav"]
    assert all((tmp_path / "a" / source).is_file() for source in sources)
    assert [name for name, _ in outline(page).tags].count("img") == 4
