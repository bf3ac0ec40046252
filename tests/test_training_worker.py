"""The process that watches a host: what it hands on, and what it makes of a worker's end."""

from __future__ import annotations

import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
from tiny_run import Recorder, smallest
from typer.testing import CliRunner

from asrkit.cli.whole import app
from asrkit.errors import AsrkitError, ConfigError, TrainingError
from asrkit.training import ray_workers, worker
from asrkit.training.hosts import Place

# What XLA wrote when that happened to two processes.
SILENT = """E coordination_service.cc:1549] Use error polling to propagate the following error to all tasks:
UNAVAILABLE: The following tasks are unhealthy (stopped sending heartbeats):
1
3
The tasks have crashed. Check the task logs for an earlier error, or scheduler events to debug further.
*** Check failure stack trace: ***
"""
NO_COORDINATOR = """F client.h:80] Terminating process because the JAX distributed service detected fatal errors.
UNAVAILABLE: Failed to send RPC to coordination service. Either the leader task was preempted/died unexpectedly
"""
NOBODY_CAME = """F client.h:80] Terminating process. absl::Status: DEADLINE_EXCEEDED: Deadline Exceeded
RPC: /xla.coordination.CoordinationService/RegisterTask
*** Check failure stack trace: ***
"""
PORT_TAKEN = (
    "E add_port.cc:83] Failed to add port to server: No address added out of total 1 resolved for '[::]:9955'\n"
)


@pytest.mark.parametrize(
    ("index", "log", "code", "line"),
    [
        (0, SILENT, -6, "host 1, 3 died or cannot be reached; the same command on every host goes on"),
        (1, NO_COORDINATOR, -6, "host 0 died or cannot be reached; the same command on every host goes on"),
        (0, NOBODY_CAME, -6, r"host 0 \(.*\): not all others came within 7 s; start them all"),
        (1, NOBODY_CAME, -6, r"host 1 \(.*\): host 0 does not answer, or not all others came within 7 s"),
        (0, PORT_TAKEN, -11, r"host 0 \(.*\): node1:7654 cannot be opened; choose another port"),
        (1, "", -signal.SIGKILL, r"host 1 \(.*\): its process was killed \(is memory short\?\); the same command"),
        (1, "Traceback:\nKeyError: 'x'\n\n", 1, r"host 1 \(.*\): its process ended with code 1: KeyError: 'x'"),
        (1, "", 3, "ended with code 3: without a word"),
    ],
)
def test_a_death_becomes_one_line(index, log, code, line, tmp_path):
    watched = object.__new__(worker.Worker)
    watched._place = Place("node1:7654", 4, index, patience_s=7)
    watched._folder = SimpleNamespace(name=str(tmp_path))
    watched._process = SimpleNamespace(join=lambda: None, exitcode=code)
    (tmp_path / "jax.log").write_text(log)
    with pytest.raises(TrainingError, match=line) as error:
        raise watched._death()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("of_each", "expected"),
    [
        ([[("joined", 0), ("told", "note", ("a",)), ("done",)], [("joined", 1), ("done",)]], {0, 1}),
        ([[("joined", 1), ("done",)]], {1}),
        ([[("joined", 0), ("interrupted",)], [("joined", 1)]], KeyboardInterrupt),
        ([[("joined", 0)], [("failed", ConfigError("host 1 (b): no"))]], ConfigError),
    ],
)
def test_what_workers_tell_is_handed_on_until_all_are_done(of_each, expected):
    observer, left = Recorder(), [list(told) for told in of_each]

    def messages():
        return [[told.pop(0)] if told else [] for told in left]

    if isinstance(expected, set):
        assert worker.follow(messages, list, observer) == expected
    else:
        with pytest.raises(expected):
            worker.follow(messages, list, observer)
    assert observer.notes == [told[2][0] for told in of_each[0] if told[0] == "told"]


def test_a_signal_is_passed_on_and_ends_the_wait_when_the_workers_have_ended():
    told = []

    def messages():
        if not told:
            signal.raise_signal(signal.SIGINT)
            return [[]]
        return [[("interrupted",)]]

    with pytest.raises(KeyboardInterrupt):
        worker.follow(messages, lambda: told.append("stop"), Recorder())
    assert told == ["stop"]


def test_a_worker_that_cannot_join_is_one_line(tmp_path, monkeypatch):
    """A process of its own, on a backend that cannot."""
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    job = worker.Job(smallest("none.tsv"), tmp_path / "run")
    with pytest.raises(ConfigError, match=r"^host 1 \(.*\): many hosts need Keras on JAX, not on torch"):
        worker.train_as_host(job, Recorder(), Place("localhost:1", 2, 1))
    assert list(tmp_path.iterdir()) == []


WRONG = [
    ("--num-hosts 2", "--coordinator HOST:PORT, --num-hosts N and --host-index I go together"),
    ("--coordinator a:1 --num-hosts 2", "go together"),
    ("--coordinator a --num-hosts 2 --host-index 0", "HOST:PORT"),
    ("--coordinator a:1 --num-hosts 2 --host-index 2", "of 2 the last is 1"),
    ("--hosts many", "--hosts is auto"),
    ("--runner spark", "--runner is local or ray"),
    ("--runner ray", "go together"),
    ("--num-workers 2", "go together"),
    ("--ray-address auto", "go together"),
    ("--runner ray --num-workers 2 --hosts auto", "choose one"),
    ("--hosts auto --coordinator a:1 --num-hosts 2 --host-index 0", "choose one"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_options_that_do_not_belong_together_are_refused(options, message):
    error = CliRunner().invoke(app, ["train", *options.split()]).exception
    assert isinstance(error, ConfigError) and message in str(error)


RIGHT = [
    ("", "here", {}),
    ("--runner local", "here", {}),
    ("--hosts auto", "host", {"place": Place()}),
    ("--coordinator a:1 --num-hosts 3 --host-index 2", "host", {"place": Place("a:1", 3, 2)}),
    ("--runner ray --num-workers 2", "ray", {"num_workers": 2, "address": None}),
    ("--runner ray --num-workers 2 --ray-address b:1", "ray", {"num_workers": 2, "address": "b:1"}),
]


@pytest.mark.parametrize(("options", "way", "arguments"), RIGHT)
def test_options_choose_what_trains(options, way, arguments, tmp_path, monkeypatch):
    called = []

    def noted(name):
        def start(job, observer, **given):
            called.append((name, given))
            raise AsrkitError("stop here")

        return start

    monkeypatch.setattr(worker, "train_here", noted("here"))
    monkeypatch.setattr(worker, "train_as_host", noted("host"))
    monkeypatch.setattr(ray_workers, "train_on_ray", noted("ray"))
    monkeypatch.setattr("asrkit.cli.train.require_training", lambda: None)
    monkeypatch.chdir(tmp_path)
    Path("d.tsv").write_text("path\ttext\n")
    CliRunner().invoke(app, ["train", "d.tsv", *options.split()])
    assert called == [(way, arguments)]


class Ray:
    """As much of Ray as training needs, with actors in this process; places so many of them."""

    exceptions = SimpleNamespace(RayError=OSError)

    def __init__(self, places):
        self.places, self.options = places, {}

    def cluster_resources(self):
        return {"CPU": 8.0, "GPU": 4.0}

    def remote(self, kind):
        def place():
            host = kind()
            names = ("address", "start", "messages", "stop", "close")
            return SimpleNamespace(**{n: SimpleNamespace(remote=getattr(host, n)) for n in names})

        def options(**given):
            self.options = given
            return SimpleNamespace(remote=place)

        return SimpleNamespace(options=options)

    def wait(self, references, num_returns, timeout):
        return references[: self.places], references[self.places :]

    def get(self, references):
        return references


@pytest.fixture
def started(monkeypatch):
    """The places of workers that were started, each done at once."""
    places, closed = [], []

    class Done:
        def __init__(self, job, place):
            places.append(place)

        def messages(self):
            return [("joined", places.index(places[-1])), ("done",)]

        def close(self):
            closed.append(self)

    monkeypatch.setattr(ray_workers, "Worker", Done)
    monkeypatch.setattr(ray_workers._Host, "address", lambda self: "10.0.0.1:7")
    monkeypatch.setattr(ray_workers.Bundle, "load", lambda path: f"bundle in {path}")
    yield places
    assert len(closed) == len(places)


def test_ray_starts_a_worker_for_each_host_with_its_gpus(started):
    ray, job = Ray(places=3), worker.Job(smallest("none.tsv", training={"devices": 2}), Path("run"))
    assert ray_workers._train(ray, job, Recorder(), 3) == "bundle in run"
    assert [(place.index, place.count, place.coordinator[-2:]) for place in started] == [
        (index, 3, ":7") for index in range(3)
    ]
    assert (ray.options["num_gpus"], ray.options["scheduling_strategy"]) == (2, "SPREAD")


def test_a_ray_cluster_without_room_is_one_line(started):
    with pytest.raises(TrainingError, match="room for 2 of 3 workers; lower --num-workers"):
        ray_workers._train(Ray(places=2), worker.Job(smallest("none.tsv"), Path("run")), Recorder(), 3)
    assert started == []


@pytest.mark.parametrize("later", [("interrupted",), ("failed", TrainingError("host 1 died"))])
def test_what_one_worker_tells_after_the_other_was_interrupted_is_heard(later: tuple[object, ...]) -> None:
    """Both end after the same step, but what they tell comes when it comes."""
    polls = iter([[[], [("interrupted",)]], [[("told", "step_done", (7.5,))], []], [[later], []]])
    heard: list[float] = []
    with pytest.raises(KeyboardInterrupt):
        worker.follow(lambda: next(polls), lambda: None, SimpleNamespace(step_done=heard.append))  # type: ignore[arg-type]
    assert heard == [7.5]
