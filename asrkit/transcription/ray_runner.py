"""Runs batches on a Ray cluster, or on Ray on this machine: the same recognizer, the same answers.

Workers read audio, model and language model by the same paths as this machine, so a cluster needs shared storage. Only
this process writes; a worker that dies loses nothing but its batch, which Ray gives to another one.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from asrkit.cluster import connect, first_line
from asrkit.errors import AsrkitError, TranscriptionError
from asrkit.packages import silenced
from asrkit.transcription.recipe import Recipe
from asrkit.transcription.recognizer import Outcome, Recognizer
from asrkit.transcription.recordings import Batch

# A batch whose workers died so often is split, to find the recording that kills them.
_ATTEMPTS = 3


class RayRunner:
    """Actors, one recognizer each; two batches per actor are on their way at any time.

    Args:
        recipe: How to build the recognizer.
        address: Address of a running cluster, or ``auto``; None starts Ray on this machine for this run.

    Raises:
        MissingPackageError: Ray is not installed.
        TranscriptionError: The cluster cannot be reached.
    """

    def __init__(self, recipe: Recipe, address: str | None = None) -> None:
        self._recipe = recipe.portable()
        jobs = recipe.config.jobs * recipe.config.threads
        self._ray, self._is_ours = connect(address, jobs, TranscriptionError)
        self.workers = self._start_workers()
        self._times: Counter[str] = Counter()

    def stage_cpu_s(self) -> dict[str, float]:
        """Return the CPU seconds of each stage, over all workers."""
        return {stage: round(seconds, 3) for stage, seconds in self._times.items()}

    def run(self, batches: Iterable[Batch]) -> Iterator[list[Outcome]]:
        """Yield the outcomes of each batch as it is done."""
        try:
            yield from self._run(iter(batches))
        finally:
            for worker in self.workers:
                self._ray.kill(worker)
            if self._is_ours:
                self._ray.shutdown()

    def _run(self, source: Iterator[Batch]) -> Iterator[list[Outcome]]:
        pending: dict[Any, Batch] = {}
        retries: list[Batch] = []
        load = Counter[Any]()
        placed: dict[Any, Any] = {}
        while True:
            while len(pending) < 2 * len(self.workers):
                batch = retries.pop() if retries else next(source, None)
                if batch is None:
                    break
                worker = min(self.workers, key=lambda one: load[one])
                reference = worker.recognize.remote(batch)
                pending[reference], placed[reference] = batch, worker
                load[worker] += 1
            if not pending:
                return
            (reference, *_), _ = self._ray.wait(list(pending), num_returns=1)
            batch = pending.pop(reference)
            load[placed.pop(reference)] -= 1
            outcomes = self._outcomes(reference, batch, retries)
            if outcomes:
                yield outcomes

    def _outcomes(self, reference: Any, batch: Batch, retries: list[Batch]) -> list[Outcome]:
        """Return what a batch came to; one that killed its workers comes back in single recordings."""
        try:
            outcomes, times = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            if len(batch) > 1:
                retries.extend((recording,) for recording in batch)
                return []
            return [Outcome(batch[0], problem=f"its worker died {_ATTEMPTS} times: {first_line(error)}")]
        self._times.update(times)
        result: list[Outcome] = outcomes
        return result

    def _start_workers(self) -> list[Any]:
        threads = self._recipe.config.threads
        cores = int(self._ray.cluster_resources().get("CPU", 1))
        num_workers = max(1, cores // threads)
        actor = self._ray.remote(_Worker).options(
            num_cpus=min(threads, cores), max_restarts=-1, max_task_retries=_ATTEMPTS - 1
        )
        # Workers that are started anew fetch the recipe again, so the reference must live as long as they.
        self._stored_recipe = self._ray.put(self._recipe)
        with silenced():  # Ray warns of that
            workers = [actor.remote(self._stored_recipe) for _ in range(num_workers)]
        try:
            self._ray.get(workers[0].process_id.remote())  # what one cannot load, none can: one error, not one each
            self._ray.get([worker.process_id.remote() for worker in workers])
        except self._ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None)
            if isinstance(cause, AsrkitError):
                raise cause from None
            raise TranscriptionError(f"the workers of Ray cannot start: {first_line(error)}") from None
        return workers


class _Worker:
    """Lives on a worker of the cluster, and may be started anew there after a death."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe

    def process_id(self) -> int:
        """Load everything and return the process id: the worker is up."""
        assert self._recognizer
        return os.getpid()

    @cached_property
    def _recognizer(self) -> Recognizer:
        return self._recipe.build()

    def recognize(self, batch: Batch) -> tuple[list[Outcome], dict[str, float]]:
        """Return the outcomes of a batch, and the CPU seconds of each stage."""
        before = self._recognizer.times.to_dict()
        outcomes = self._recognizer.recognize([self._recognizer.load(recording) for recording in batch])
        after = self._recognizer.times.to_dict()
        return outcomes, {stage: after[stage] - before[stage] for stage in after}
