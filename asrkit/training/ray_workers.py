"""Trains on a Ray cluster: an actor for each host, which watches a worker as a host started by hand does.

The hosts read audio, and the first one writes, by the paths of this machine, so a cluster needs shared storage.
"""

from __future__ import annotations

import socket
from typing import Any

from asrkit.cluster import connect, first_line
from asrkit.errors import TrainingError
from asrkit.model.bundle import Bundle
from asrkit.packages import needed
from asrkit.training.hosts import Place
from asrkit.training.observer import TrainingObserver
from asrkit.training.worker import Job, Message, Worker, follow

_PATIENCE_S = 120.0  # for actors to be placed
_CLOSING_S = 10.0


def train_on_ray(job: Job, observer: TrainingObserver, num_workers: int, address: str | None = None) -> Bundle:
    """Train on so many hosts of a Ray cluster.

    Ray places the hosts apart where it can; each gets as many GPUs as ``training.devices`` says. The address is that of
    a running cluster, or ``auto``; None starts Ray on this machine for this run.

    Raises:
        MissingPackageError: Ray is not installed.
        KeyboardInterrupt: The run was told to end; the checkpoint holds every step that was taken.
        AsrkitError: As of ``train_as_host``. Or the cluster cannot be reached, or has no room for so many.
    """
    ray, is_ours = connect(address, num_workers, TrainingError)
    try:
        return _train(ray, job, observer, num_workers)
    except ray.exceptions.RayError as error:
        raise TrainingError(f"a worker of Ray is lost: {first_line(error)}; the same command goes on") from None
    finally:
        if is_ours:
            ray.shutdown()  # and all actors, whose workers end with them


def _train(ray: Any, job: Job, observer: TrainingObserver, num_workers: int) -> Bundle:
    gpus = max(1, job.config.training.devices) if ray.cluster_resources().get("GPU") else 0
    actor = ray.remote(_Host).options(num_cpus=1, num_gpus=gpus, scheduling_strategy="SPREAD")
    actors = [actor.remote() for _ in range(num_workers)]
    addresses = [one.address.remote() for one in actors]
    placed, _ = ray.wait(addresses, num_returns=num_workers, timeout=_PATIENCE_S)
    if len(placed) < num_workers:
        raise TrainingError(f"the Ray cluster has room for {len(placed)} of {num_workers} workers; lower --num-workers")
    coordinator = ray.get(addresses)[0]
    ray.get([one.start.remote(job, Place(coordinator, num_workers, index)) for index, one in enumerate(actors)])
    try:
        follow(
            lambda: ray.get([one.messages.remote() for one in actors]),
            lambda: [one.stop.remote() for one in actors],
            observer,
        )
    finally:  # Ray kills what is left, and the folders of workers would stay
        ray.wait([one.close.remote() for one in actors], num_returns=num_workers, timeout=_CLOSING_S)
    return Bundle.load(job.output_dir)


class _Host:
    """Lives on a host of the cluster."""

    def address(self) -> str:
        """Return where a coordinator could be here: this host, and a port that is free now."""
        with needed("--runner ray", "ray"):
            from ray.util import get_node_ip_address

        with socket.socket() as probe:
            probe.bind(("", 0))
            return f"{get_node_ip_address()}:{probe.getsockname()[1]}"

    def start(self, job: Job, place: Place) -> None:
        self._worker = Worker(job, place)

    def messages(self) -> list[Message]:
        return self._worker.messages()

    def stop(self) -> None:
        self._worker.stop()

    def close(self) -> None:
        self._worker.close()
