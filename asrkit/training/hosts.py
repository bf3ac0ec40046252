"""The hosts of a run: how they meet, agree, and hand each other what each has made.

Each host reads, decodes and keeps the recordings of its share, and knows the texts and lengths of all. So every host
has the same plan of batches; the features of a batch are made where its recordings are, and go to all. From there on
JAX sees on each host what it would see on one.
"""

from __future__ import annotations

import json
import os
import platform
import socket
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from asrkit.audio import FloatArray
from asrkit.errors import ConfigError, TrainingError
from asrkit.packages import version_of
from asrkit.training.backend import keras_backend
from asrkit.training.checkpoint import differences

_PATIENCE_S = 120.0  # for the others at the start
HEARTBEAT_S = 30  # silence after which JAX takes a host for dead, and ends all
_LINGER_S = 3.0  # what hosts get to hear why another one ends
_FOREVER_MS = 2**31 - 1
_PART_BYTES = 1 << 20  # of a value: JAX's coordinator takes 4 MB
_ENDED = "asrkit/ended"
_VERSIONS = ("asrkit-ctc", "keras", "jax", "jaxlib", "numpy")
Item = TypeVar("Item")


@dataclass(frozen=True)
class Place:
    """Where a host stands among those of a run."""

    # ``HOST:PORT`` of the first one, where all meet; None where ``found_place`` is to find it all.
    coordinator: str | None = None
    count: int = 1  # hosts
    index: int = 0  # of this one; the first, 0, writes what a run writes
    patience_s: float = _PATIENCE_S  # how long it waits for the others at the start
    # The numbers of those that this one works on, of the machine's; None for all.
    devices: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.coordinator is None:
            return
        host, _, port = self.coordinator.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ConfigError(f"the coordinator is HOST:PORT, as node1:7654, not {self.coordinator!r}")
        if not 0 <= self.index < self.count:
            raise ConfigError(f"hosts count from 0: of {self.count} the last is {self.count - 1}, not {self.index}")


class Hosts:
    """The hosts of a run as one of them sees them: here it is the only one."""

    count = 1
    index = 0

    def share(self, items: Sequence[Item]) -> Sequence[Item]:
        """Return the part of a list that is this host's."""
        return items[self.index :: self.count]

    def merged(self, own: Sequence[Item]) -> list[Item]:
        """Return the list of which each host brings what became of its share."""
        parts = self.exchange(list(own))
        return [parts[place % self.count][place // self.count] for place in range(sum(map(len, parts)))]

    def from_first(self, value: Any) -> Any:
        """Return what the first host brings."""
        return self.exchange(value if self.index == 0 else None)[0]

    def exchange(self, value: Any) -> list[Any]:
        """Return what each host brings, in their order: plain values, as JSON has them."""
        return [value]

    def any(self, is_so: bool) -> bool:
        """Return whether it is so on any host."""
        return is_so

    def require_same(self, values: dict[str, Any]) -> None:
        """Make sure that all hosts bring the same plain values."""

    def agree_to_end(self, is_told: bool) -> bool:
        """Return whether the work is to end, as one of the hosts was told to."""
        return is_told

    def gathered(self, features: Sequence[FloatArray], owners: Sequence[int], num_bins: int) -> list[FloatArray]:
        """Return the features of a batch from what each host made.

        Args:
            features: ``(frames, bins)`` each, of this host's rows.
            owners: The host of each row of the batch.
            num_bins: Values per frame.
        """
        return list(features)


ALONE = Hosts()


class JaxHosts(Hosts):
    """Several hosts, joined by JAX.

    Args:
        place: Where this one stands, coordinator and all.

    Raises:
        ConfigError: Keras is not on JAX.
        TrainingError: The coordinator does not answer.
    """

    def __init__(self, place: Place) -> None:
        require_jax()
        assert place.coordinator is not None
        if place.index > 0:
            _require_answer(place.coordinator, place.patience_s)
        import jax

        try:
            jax.distributed.initialize(
                place.coordinator,
                place.count,
                place.index,
                place.devices,
                cluster_detection_method="deactivate",
                initialization_timeout=int(place.patience_s),
                heartbeat_timeout_seconds=HEARTBEAT_S,
            )
        except (ValueError, RuntimeError) as error:
            raise TrainingError(f"cannot join the other hosts: {str(error).splitlines()[0]}") from None
        from jax._src.distributed import global_state  # what JAX's own checkpoints use, and nothing public gives

        self._client: Any = global_state.client
        self.count, self.index = jax.process_count(), jax.process_index()
        self.name = f"host {self.index} ({platform.node()})"
        self._turn = 0
        self.is_ending = False

    def exchange(self, value: Any) -> list[Any]:
        """Return what each host brings; waits for all, however long the slowest takes."""
        self._turn += 1
        data = json.dumps(value).encode()
        parts = [data[start : start + _PART_BYTES] for start in range(0, len(data), _PART_BYTES)]
        for number, part in enumerate(parts):
            self._client.key_value_set_bytes(self._key(self.index, number), part)
        self._client.key_value_set_bytes(self._key(self.index), str(len(parts)).encode())
        return [self._read(host) for host in range(self.count)]

    def _key(self, host: int, part: int | str = "parts") -> str:
        return f"asrkit/{self._turn}/{host}/{part}"

    def _read(self, host: int) -> Any:
        read = self._client.blocking_key_value_get_bytes
        num_parts = int(read(self._key(host), _FOREVER_MS))
        return json.loads(b"".join(read(self._key(host, number), _FOREVER_MS) for number in range(num_parts)))

    def any(self, is_so: bool) -> bool:
        """Return whether it is so on any host."""
        return bool(_gather(np.array(is_so)).any())

    def agree_to_end(self, is_told: bool) -> bool:
        """Return whether the work is to end, as one of the hosts was told to: all do so after the same step."""
        self.is_ending = self.any(is_told)
        return self.is_ending

    def gathered(self, features: Sequence[FloatArray], owners: Sequence[int], num_bins: int) -> list[FloatArray]:
        """Return the features of a batch from what each host made; they go round end to end, without padding."""
        host_of = np.asarray(owners)
        own = np.zeros(_room(len(owners), 64), np.int32)
        own[np.flatnonzero(host_of == self.index)] = [len(rows) for rows in features]
        lengths = _gather(own).sum(axis=0)[: len(owners)]
        totals = [int(lengths[host_of == host].sum()) for host in range(self.count)]
        sent = np.zeros((_room(max(totals), 1024), num_bins), np.float32)
        if features:
            sent[: totals[self.index]] = np.concatenate(features)
        received = [
            iter(np.split(rows, np.cumsum(lengths[host_of == host]))) for host, rows in enumerate(_gather(sent))
        ]
        return [next(received[host]) for host in owners]

    def require_same(self, values: dict[str, Any]) -> None:
        """Make sure that this host brings what the first one brings.

        Raises:
            TrainingError: Something differs; the message names it.
        """
        found = differences(self.from_first(values), json.loads(json.dumps(values)))
        if found:
            told = "; ".join(f"{name} is {here!r} here and {there!r} on host 0" for name, there, here in found)
            raise TrainingError(f"all hosts must train the same run: {told}")

    def versions(self) -> dict[str, str]:
        """Return what must be alike for hosts to compute alike."""
        import jax

        versions = {name: version_of(name) for name in _VERSIONS}
        return {**versions, "python": platform.python_version(), "device": jax.default_backend()}

    def copy_from_first(self, source: Path, target: Path, names: Sequence[str]) -> None:
        """Copy files from a folder of the first host into one of each other host, as far as they are there."""
        from jax.experimental.multihost_utils import broadcast_one_to_all

        there = [source / name for name in names if self.index == 0 and (source / name).is_file()]
        for name, size in self.from_first([(path.name, path.stat().st_size) for path in there]):
            content = np.fromfile(source / name, np.uint8) if self.index == 0 else np.zeros(size, np.uint8)
            content = np.asarray(broadcast_one_to_all(content))
            if self.index > 0:
                content.tofile(target / name)

    def watch(self, end: Callable[[str], object]) -> None:
        """Call ``end`` with the words of another host that tells why it ends, from a thread of its own."""

        def wait() -> None:
            with suppress(Exception):  # of a host that ended without a word JAX itself lets us know
                told = self._client.blocking_key_value_get(_ENDED, _FOREVER_MS)
                if not self.is_ending:
                    end(told)

        threading.Thread(target=wait, daemon=True).start()

    def tell(self, reason: str) -> None:
        """Tell the others why this host ends, and with it the run; waits a moment, so that all hear it."""
        self.is_ending = True
        with suppress(Exception):  # another one ended first
            self._client.key_value_set(_ENDED, reason)
        time.sleep(_LINGER_S)

    def leave(self) -> None:
        """Part from the others; waits until all do."""
        import jax

        self.is_ending = True
        jax.distributed.shutdown()


def found_place(patience_s: float = _PATIENCE_S) -> Place:
    """Return the place that a cluster gives to this host: JAX reads what Slurm and its like tell.

    Raises:
        ConfigError: Keras is not on JAX, or JAX finds no cluster.
    """
    require_jax()
    from jax._src.clusters import ClusterEnv  # what jax.distributed asks, and nothing public gives

    given = (os.environ.get("JAX_COORDINATOR_ADDRESS"), None, None, None, None, int(patience_s))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            address, count, index, devices = ClusterEnv.auto_detect_unset_distributed_params(*given)
            if None not in (address, count, index):
                own = None if "JAX_LOCAL_DEVICE_IDS" in os.environ else devices and tuple(devices)
                return Place(address, count, index, patience_s, own)
            told = " ".join(str(one.message) for one in warned)
        except Exception as error:  # of any kind: Kubernetes and TPUs are asked through other packages
            told = str(error) or repr(error)
    told = " ".join(told.split()).partition(". ")[0]
    raise ConfigError(
        f"--hosts auto: JAX finds no cluster in the environment{told and f' ({told})'}; name --coordinator HOST:PORT, "
        "--num-hosts and --host-index"
    )


def require_jax() -> None:
    """Make sure that Keras is on JAX, which alone joins hosts, or raise ConfigError."""
    if keras_backend() != "jax":
        raise ConfigError(f"many hosts need Keras on JAX, not on {keras_backend()}: set KERAS_BACKEND=jax")


def _require_answer(coordinator: str, patience_s: float) -> None:
    """Wait until somebody listens there: JAX itself would end the process, with a page of its own words."""
    host, _, port = coordinator.rpartition(":")
    deadline = time.monotonic() + patience_s
    while True:
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=5.0):
                return
        except OSError as error:
            if time.monotonic() > deadline:
                raise TrainingError(
                    f"the coordinator {coordinator} does not answer within {patience_s:.0f} s "
                    f"({error.strerror or error}); start host 0 there, and see that the port is open"
                ) from None
        time.sleep(0.5)


def _gather(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the arrays of all hosts, one size and type each, in their order."""
    from jax.experimental.multihost_utils import process_allgather

    return np.asarray(process_allgather(values))


def _room(size: int, least: int) -> int:
    """Return one of few sizes, each compiled once, that has room for so many."""
    room = least
    while room < size:
        room += -(-room // 4)
    return room
