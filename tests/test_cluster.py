"""What is asked of Ray, and what its failures become."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from asrkit.cluster import connect
from asrkit.errors import MissingPackageError, TrainingError, TranscriptionError


class Ray:
    """As much of Ray as connecting needs; fails as told."""

    def __init__(self, error=None, is_initialized=False):
        self.error, self.given = error, []
        self.is_initialized = lambda: is_initialized

    def init(self, **given):
        os.write(2, b"a page of its own words\n")
        self.given.append(given)
        if self.error:
            raise self.error


@pytest.fixture
def install(monkeypatch):
    """Return a function that puts a Ray in place."""
    for name in ("RAY_NUM_REDIS_GET_RETRIES", "RAY_DEDUP_LOGS_SKIP_REGEX"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(name, "to be restored")
        monkeypatch.delenv(name)

    def put(ray):
        monkeypatch.setitem(sys.modules, "ray", ray)
        return ray

    return put


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_ray_of_this_machine_is_a_new_one_whoever_else_runs_one_here(install, capfd):
    ray = install(Ray())
    assert connect(None, 3, TrainingError) == (ray, True)
    assert (ray.given[0]["address"], ray.given[0]["num_cpus"]) == ("local", 3)
    assert "RAY_NUM_REDIS_GET_RETRIES" not in os.environ, "a slow start gets its time"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("form", ["{}", "ray://{}"])
def test_a_cluster_is_met_where_it_is_and_keeps_its_own_size(form, install, listener):
    ray = install(Ray())
    assert connect(form.format(listener), 3, TrainingError) == (ray, True)
    assert ray.given[0]["address"] == form.format(listener) and "num_cpus" not in ray.given[0]


def test_one_that_this_process_has_joined_is_used_and_stays(install):
    ray = install(Ray(is_initialized=True))
    assert connect("auto", 3, TrainingError) == (ray, False)
    assert ray.given == []


FAILURES = [
    (None, Exception("too slow\nsee the logs"), r"^no Ray cluster on this machine: too slow$"),
    (
        "auto",
        ConnectionError("none found"),
        "^no Ray cluster at auto: none found$",
    ),
    ("127.0.0.1:1", None, r"^no Ray cluster at 127.0.0.1:1: Connection refused$"),
    ("ray://[::1]:1", None, r"^no Ray cluster at ray://\[::1\]:1: [^\[]*$"),
    (
        "nonsense",
        ValueError("Invalid address format: nonsense"),
        "^no Ray cluster at nonsense: Invalid address format: nonsense$",
    ),
]


@pytest.mark.parametrize("failure", [TrainingError, TranscriptionError])
@pytest.mark.parametrize(("address", "error", "line"), FAILURES)
def test_a_cluster_that_cannot_be_had_is_one_line(address, error, line, failure, install, capfd):
    install(Ray(error))
    with pytest.raises(failure, match=line):
        connect(address, 2, failure)
    assert capfd.readouterr() == ("", "")


def test_without_ray_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingPackageError, match=r"--runner ray needs .* pip install ray"):
        connect(None, 2, TrainingError)


def test_one_that_answers_and_does_not_let_in_may_want_a_token(install, listener):
    install(Ray(ConnectionError("Failed to connect")))
    with pytest.raises(TrainingError, match=r"Failed to connect; where it asks for a token, set RAY_AUTH_MODE=token$"):
        connect(listener, 2, TrainingError)
