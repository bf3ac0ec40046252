"""Plans: counts are those of the run, times follow from the steps tried, and nothing is left behind."""

import numpy as np
import pytest
import soundfile
from tiny_run import Recorder, settings, smallest
from tone_speech import write_corpus
from typer.testing import CliRunner

from asrkit.cli.whole import app
from asrkit.data import Utterance, read_manifest, write_manifest
from asrkit.errors import ConfigError, TrainingError
from asrkit.report.training_plan import plan_lines
from asrkit.training import plan as planning
from asrkit.training.run import train
from asrkit.training.shapes import Shapes

pytest.importorskip("keras")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    manifest = write_corpus(tmp_path_factory.mktemp("data") / "tones", 12)
    utterances = read_manifest(manifest)
    short = manifest.parent / "wavs" / "short.wav"
    soundfile.write(short, np.zeros(800), 16_000)
    broken = manifest.parent / "wavs" / "broken.wav"
    broken.write_bytes(b"RIFF")
    write_manifest(manifest, [*utterances, Utterance("short", short, "yes"), Utterance("broken", broken, "no")])
    return manifest


@pytest.mark.usefixtures("untraced")
def test_a_plan_tells_what_the_run_will_do(corpus, tmp_path, monkeypatch):
    monkeypatch.setenv("ASRKIT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    config = smallest(corpus, training={"epochs": 1})
    plan = planning.plan_run(config)
    assert list(tmp_path.iterdir()) == [], "nothing is written"
    recorder = Recorder()
    train(config, tmp_path / "run", observer=recorder)
    start = recorder.start
    assert plan.num_parameters == start.num_parameters
    assert plan.batches_per_epoch == len(recorder.losses)
    assert (plan.train.utterances, plan.dev.utterances) == (start.train_utterances, start.dev_utterances)
    assert plan.train.hours == pytest.approx(start.train_seconds / 3600)
    assert {r.id for r in plan.rejections} == {r.id for r in start.rejections} == {"short", "broken"}
    assert plan.peak_mb > 50
    assert plan.total_s == pytest.approx(plan.reading_s + plan.epoch_s)


def test_times_follow_from_the_steps_that_were_tried(corpus, monkeypatch):
    now = [0.0]

    def work(seconds_per_frame):
        def step(_, batch, examples):
            rows, frames, _ = batch["features"].shape
            now[0] += seconds_per_frame * rows * frames

        return step

    monkeypatch.setattr(planning.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(planning._Costs, "_train", work(0.002))
    monkeypatch.setattr(planning._Costs, "_judge", work(0.001))
    monkeypatch.setattr(planning, "peak_mb", lambda: 0.0)
    monkeypatch.setattr(planning, "num_ahead", lambda: 3)
    config = settings(corpus, training={"epochs": 10, "batch_size": 1, "augmentation": {"speeds": [0.5]}})
    plan = planning.plan_run(config)
    frames = plan.dev.hours * 3600 * 100
    made = frames + 3 * plan.train.hours * 3600 * 100 / plan.train.utterances  # all of dev, and three batches ahead
    assert plan.peak_mb == pytest.approx(made * 4 * config.features.num_bins / 2**20, rel=0.2)
    assert plan.peak_mb > frames * 4 * config.features.num_bins / 2**20 * 1.1
    assert plan.dev_s == pytest.approx(0.001 * frames, rel=0.02)
    assert plan.train_s == pytest.approx(0.002 * 2 * frames, rel=0.02), "at half the speed audio is twice as long"
    assert plan.total_s == pytest.approx(10 * (plan.train_s + plan.dev_s))
    assert plan.padding == 0


@pytest.mark.usefixtures("untraced")
def test_a_plan_tells_what_augmentation_takes(corpus, monkeypatch):
    now, hear = [0.0], planning.BatchMaker.heard

    def heard(maker, index, epoch):
        now[0] += len(maker.examples[index].samples) / 16_000 * (0.01 if epoch is None else 0.04)
        return hear(maker, index, epoch)

    monkeypatch.setattr(planning.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(planning.BatchMaker, "heard", heard)
    babble = {"noise_probability": 1.0, "noises": ["babble"], "room_probability": 1.0}
    plan = planning.plan_run(settings(corpus, training={"batch_size": 1, "augmentation": babble}))
    assert plan.making_speed == pytest.approx(25)
    assert plan.augmenting_share == pytest.approx(0.75)
    assert "batches   25 s of speech in a second of one thread, 75% of it for augmentation" in plan_lines(plan)


def test_compiling_for_a_shape_is_left_out(corpus, monkeypatch):
    """Where shapes are few, as on JAX, every batch costs what its shape costs, once that is compiled."""
    now, compiled = [0.0], set()

    def step(_, batch, examples):
        rows, frames, _ = shape = batch["features"].shape
        now[0] += 0.001 * rows * frames + (0 if shape in compiled else 100)
        compiled.add(shape)

    monkeypatch.setattr(planning, "shapes_here", Shapes)
    monkeypatch.setattr(planning.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(planning._Costs, "_train", step)
    monkeypatch.setattr(planning._Costs, "_judge", lambda *_: None)
    config = settings(corpus, training={"batch_size": 3, "augmentation": {"speeds": [1.0]}})
    plan = planning.plan_run(config)
    assert compiled
    assert plan.train_s == pytest.approx(plan.train.hours * 3600 * 100 * 0.001 / (1 - plan.padding), rel=0.05)


@pytest.mark.usefixtures("untraced")
def test_the_command_prints_the_plan_and_leaves_no_run(corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["train", str(corpus), "--dev", str(corpus), "--preset", "tiny", "--plan"]
    result = CliRunner().invoke(app, [*arguments, "--set", "model.rnn_units=16"], env={"ASRKIT_CACHE_DIR": "cache"})
    assert result.exit_code == 0, result.output
    assert list(tmp_path.iterdir()) == []
    for words in ("training  12 utterances", "refused   4 utterances, as", "M parameters on cpu", "for 8 epochs"):
        assert words in result.stdout


def test_a_plan_for_nothing_says_why(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(800), 16_000)
    manifest = tmp_path / "train.tsv"
    write_manifest(manifest, [Utterance("a", path, "yes")])
    with pytest.raises(TrainingError, match=r"no training utterance can be used; a: 0\.05 s is shorter"):
        planning.plan_run(settings(manifest))


@pytest.mark.usefixtures("untraced")
def test_a_host_of_several_takes_its_part_of_the_work(corpus, monkeypatch):
    """Three hosts and batches of 4: two rows each, of which the last host has only empty ones."""
    now, rows = [0.0], []

    def work(costs, batch, examples):
        own = costs._own(batch)
        rows.append((len(batch["frames"]), len(own["frames"])))
        now[0] += own["features"].shape[0] * 0.5

    def read(*given):
        now[0] += 6.0
        return read_examples(*given)

    read_examples = planning.read_examples
    monkeypatch.setattr(planning, "require_jax", lambda: None)
    monkeypatch.setattr(planning, "read_examples", read)
    monkeypatch.setattr(planning.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(planning._Costs, "_train", work)
    config = smallest(corpus, training={"batch_size": 4})
    alone, of_three = planning.plan_run(config), planning.plan_run(config, num_hosts=3)
    assert rows[: len(rows) // 2] == [(4, 4)] * 5 and rows[len(rows) // 2 :] == [(4, 2)] * 5
    assert of_three.train_s == pytest.approx(alone.train_s / 2)
    assert of_three.reading_s == pytest.approx(alone.reading_s / 3)
    assert (alone.rows_per_device, of_three.rows_per_device) == (4, 2)
    shown = "\n".join(plan_lines(of_three))
    assert "hosts     3; each reads and keeps 8 utterances, 2 rows of a batch a device;" in shown
    assert "hosts" not in "\n".join(plan_lines(alone))


HOSTS = [
    ("--coordinator a:1 --num-hosts 3 --host-index 1", 3),
    ("--runner ray --num-workers 2", 2),
    ("--runner local", 1),
]


@pytest.mark.parametrize(("options", "num_hosts"), HOSTS)
def test_the_command_plans_for_the_hosts_it_is_told_and_asks_none(options, num_hosts, corpus, monkeypatch):
    asked = []
    monkeypatch.setattr(planning, "plan_run", lambda run, observer, hosts: asked.append(hosts) or 1 / 0)
    CliRunner().invoke(app, ["train", str(corpus), "--plan", *options.split()])
    assert asked == [num_hosts]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--hosts auto", "--plan asks no cluster how many hosts it has: name them"),
        ("--runner ray --num-workers 2", "many hosts need Keras on JAX, not on tensorflow"),
    ],
)
def test_hosts_that_cannot_be_planned_for_are_one_line(options, message, corpus, monkeypatch):
    monkeypatch.setattr("asrkit.training.hosts.keras_backend", lambda: "tensorflow")
    error = CliRunner().invoke(app, ["train", str(corpus), "--plan", *options.split()]).exception
    assert isinstance(error, ConfigError) and message in str(error)
