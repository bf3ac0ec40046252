"""What one of several hosts does, in a process of its own, and the one that watches it.

JAX ends a process whose peers have died, with a page of its own words; the process that watches makes one line of it.
"""

from __future__ import annotations

import multiprocessing
import os
import platform
import re
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from asrkit.config import RunConfig
from asrkit.errors import AsrkitError, TrainingError
from asrkit.interrupts import held
from asrkit.model.bundle import Bundle
from asrkit.model.folder import PARTS
from asrkit.training.checkpoint import CHECKPOINT
from asrkit.training.hosts import HEARTBEAT_S, JaxHosts, Place, found_place
from asrkit.training.observer import PassingOn, TrainingObserver
from asrkit.training.run import train

Message = tuple[Any, ...]
"""``("joined", index)``, ``("told", method, arguments)`` of the observer, and at last how it ended: ``("done",)``,
``("interrupted",)`` or ``("failed", error)``."""

_POLL_S = 0.5
_LOG = "jax.log"
_PASSED_ON = ("KERAS_", "JAX_", "XLA_", "ASRKIT_CACHE_DIR", "OPENBLAS_NUM_THREADS")  # what variables begin with
_OWN_PATHS = ("train", "dev", "audio_root", "lexicon")  # where a host has things is its own matter
# What XLA says where another host is gone; its other errors are this host's own.
_CONNECTION_LOST = re.compile(
    r"(UNKNOWN|UNAVAILABLE|ABORTED|INTERNAL|CANCELLED|DEADLINE_EXCEEDED|FAILED_PRECONDITION):"
)
_SILENT = re.compile(r"stopped sending heartbeats\):\s*((?:\d+\s+)+)")
_SENDING = threading.Lock()  # threads of a worker share its connection
_GO_ON = "the same command on every host goes on from the last checkpoint"


@dataclass(frozen=True)
class Job:
    """A run as every host of it is told; arguments are those of ``train``.

    Attributes:
        folder: Where relative paths begin.
        environment: Variables that the run depends on.
    """

    config: RunConfig
    output_dir: Path
    fresh: bool = False
    cache_dir: Path | None = None
    folder: Path = field(default_factory=Path.cwd)
    environment: dict[str, str] = field(
        default_factory=lambda: {name: value for name, value in os.environ.items() if name.startswith(_PASSED_ON)}
    )


def train_here(job: Job, observer: TrainingObserver) -> Bundle:
    """Train on this host alone, in this process; results and errors are those of ``train``."""
    return train(job.config, job.output_dir, fresh=job.fresh, cache_dir=job.cache_dir, observer=observer)


def train_as_host(job: Job, observer: TrainingObserver, place: Place) -> Bundle | None:
    """Train as one of several hosts, each of which calls this, and return the bundle on the first one.

    Raises:
        KeyboardInterrupt: A host was told to end; the checkpoint holds every step that was taken.
        AsrkitError: As of ``train``, on any host; the message names it. Or a host died, or cannot be reached.
    """
    worker = Worker(job, place)
    try:
        joined = follow(lambda: [worker.messages()], worker.stop, observer)
    finally:
        worker.close()
    return Bundle.load(job.output_dir) if 0 in joined else None


def follow(
    messages: Callable[[], Sequence[Sequence[Message]]], stop: Callable[[], object], observer: TrainingObserver
) -> set[int]:
    """Hand on what workers tell, until all are done or one fails; return the indices of the hosts that they were.

    ``messages`` returns what each worker has told since the last call, after waiting for a moment; ``stop`` tells all
    to end.

    Raises:
        KeyboardInterrupt: They were told to end, here or on another host.
        AsrkitError: What the first one failed with.
    """
    joined: set[int] = set()
    with held() as interrupts:
        ended, num_workers, is_stopping, is_interrupted = 0, 1, False, False
        told: Sequence[Sequence[Message]] = [[]]
        while ended < num_workers and (any(told) or not is_interrupted):  # the others end after the same step
            if interrupts.number is not None and not is_stopping:
                is_stopping = True
                stop()
            told = messages()
            num_workers = len(told)
            for kind, *values in (message for of_one in told for message in of_one):
                if kind == "told":
                    getattr(observer, values[0])(*values[1])
                elif kind == "joined":
                    joined.add(values[0])
                elif kind == "failed" and not is_interrupted:
                    raise values[0]
                else:
                    is_interrupted |= kind == "interrupted"
                    ended += 1
        if is_interrupted:
            raise KeyboardInterrupt
    return joined


class Worker:
    """A process that works as a host of a run."""

    def __init__(self, job: Job, place: Place) -> None:
        self._place = place
        self._has_ended = False
        self._folder = tempfile.TemporaryDirectory(prefix="asrkit-host-")
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(job, place, theirs, Path(self._folder.name)), daemon=True)
        self._process.start()
        theirs.close()

    def messages(self) -> list[Message]:
        """Return what it has told since the last call; waits for a moment where that is nothing."""
        told: list[Message] = []
        try:
            while not self._has_ended and self._connection.poll(0 if told else _POLL_S):
                message = self._connection.recv()
                if message[0] == "placed":
                    self._place = message[1]
                    continue
                told.append(message)
                self._has_ended = message[0] not in ("told", "joined")
        except (EOFError, OSError):
            self._has_ended = True
            told.append(("failed", self._death()))
        return told

    def stop(self) -> None:
        """Tell it to end."""
        with suppress(OSError):  # it just did
            self._connection.send("stop")

    def close(self) -> None:
        """Be done with it; one that still runs is killed."""
        if not self._has_ended:
            self._process.kill()
        self._process.join()
        self._folder.cleanup()

    def _death(self) -> TrainingError:
        """Return why the process died without a word of ours."""
        self._process.join()
        log = (Path(self._folder.name) / _LOG).read_text(encoding="utf-8", errors="replace")
        place, code = self._place, self._process.exitcode or 0
        if "RegisterTask" in log:
            missing = "not all others came" if place.index == 0 else "host 0 does not answer, or not all others came"
            return TrainingError(f"{_name(place)}: {missing} within {place.patience_s:.0f} s; start them all")
        silent = _SILENT.search(log)
        if silent or "Failed to send RPC to coordination service" in log:
            dead = ", ".join(silent[1].split()) if silent else "0"
            return TrainingError(f"host {dead} died or cannot be reached; {_GO_ON}")
        if "Failed to add port" in log:
            return TrainingError(f"{_name(place)}: {place.coordinator} cannot be opened; choose another port")
        if code == -signal.SIGKILL:
            return TrainingError(f"{_name(place)}: its process was killed (is memory short?); {_GO_ON}")
        last = next((line for line in reversed(log.splitlines()) if line.strip()), "without a word")
        return TrainingError(f"{_name(place)}: its process ended with code {code}: {last}")


def _name(place: Place) -> str:
    which = "this host" if place.coordinator is None else f"host {place.index}"
    return f"{which} ({platform.node()})"


def _work(job: Job, place: Place, connection: Connection, scratch: Path) -> NoReturn:
    """Train as a host; the body of a worker's process."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    for stream in (1, 2):  # both hear from XLA
        os.dup2(os.open(scratch / _LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT), stream)
    os.environ.update(job.environment)
    threading.Thread(target=_heed, args=(connection, scratch), daemon=True).start()
    hosts: JaxHosts | None = None

    def end(kind: str, *values: Any, reason: str = "") -> NoReturn:
        _SENDING.acquire()  # for good: one word is the last one
        connection.send((kind, *values))
        if hosts is not None and reason:
            hosts.tell(reason)
        os._exit(0)  # JAX would wait for hosts that are gone

    try:
        os.chdir(job.folder)
        if place.coordinator is None:
            place = found_place(place.patience_s)
            _send(connection, "placed", place)
        hosts = JaxHosts(place)
        hosts.watch(lambda told: end("failed", TrainingError(told), reason=told))
        _send(connection, "joined", hosts.index)
        _train(job, hosts, connection, scratch)
        hosts.leave()
    except KeyboardInterrupt:
        if hosts is not None and hosts.is_ending:  # all are
            hosts.leave()
        end("interrupted", reason=f"{hosts.name}: was told to end" if hosts and not hosts.is_ending else "")
    except Exception as error:
        if _CONNECTION_LOST.match(str(error)):
            time.sleep(1.5 * HEARTBEAT_S)  # JAX finds out which host is gone, and ends this process
        kind = type(error) if isinstance(error, AsrkitError) else TrainingError
        text = str(error) if isinstance(error, AsrkitError | OSError) else repr(error)
        failure = kind(f"{_name(place) if hosts is None else hosts.name}: {text}")
        end("failed", failure, reason=str(failure))
    end("done")


def _heed(connection: Connection, scratch: Path) -> None:
    """End as told by the process that watches, and with it; then nobody else removes the folder."""
    try:
        while True:
            connection.recv()
            os.kill(os.getpid(), signal.SIGTERM)
    except (EOFError, OSError):
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(1)


def _train(job: Job, hosts: JaxHosts, connection: Connection, scratch: Path) -> None:
    settings = job.config.to_dict()
    settings["data"] = {name: value for name, value in settings["data"].items() if name not in _OWN_PATHS}
    hosts.require_same({**settings, "--fresh": job.fresh, "versions": hosts.versions()})
    observer = PassingOn(partial(_pass_on, connection)) if hosts.index == 0 else TrainingObserver()
    folder = job.output_dir
    if not job.fresh:
        hosts.copy_from_first(job.output_dir, scratch, [CHECKPOINT, *PARTS])
    if hosts.index > 0:  # what it writes goes with the run
        folder = scratch
    train(job.config, folder, fresh=job.fresh, cache_dir=job.cache_dir, observer=observer, hosts=hosts)


def _pass_on(connection: Connection, name: str, *arguments: Any) -> None:
    _send(connection, "told", name, arguments)


def _send(connection: Connection, *message: Any) -> None:
    with _SENDING:
        connection.send(message)
