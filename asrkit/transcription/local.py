"""Runs batches on the cores of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Protocol

from asrkit.transcription.recognizer import Loaded, Outcome, Recognizer
from asrkit.transcription.recordings import Batch


class Runner(Protocol):
    """Carries out batches somewhere."""

    def run(self, batches: Iterable[Batch]) -> Iterator[list[Outcome]]:
        """Yield the outcomes of each batch, in any order; batches are taken only as fast as they are worked off."""

    def stage_cpu_s(self) -> dict[str, float]:
        """Return the CPU seconds that each stage has taken."""


class LocalRunner:
    """Threads: reading and features run ahead, while the network and the decoder, which free the interpreter, work.

    Each job takes a batch through network and decoder, so no stage ever waits for another and every core has work.
    At most two batches per job are in memory.

    Args:
        recognizer: What to run.
        jobs: Batches worked on at once; 0: one per core.
    """

    def __init__(self, recognizer: Recognizer, jobs: int = 0) -> None:
        self._recognizer = recognizer
        self._jobs = jobs or num_cores()

    def stage_cpu_s(self) -> dict[str, float]:
        """Return the CPU seconds that each stage has taken."""
        return self._recognizer.times.to_dict()

    def run(self, batches: Iterable[Batch]) -> Iterator[list[Outcome]]:
        """Yield the outcomes of each batch as it is done."""
        readers = ThreadPoolExecutor(self._jobs, "asrkit-read")
        workers = ThreadPoolExecutor(self._jobs, "asrkit-work")
        windows = ThreadPoolExecutor(self._jobs, "asrkit-window")
        source = iter(batches)
        pending: set[Future[list[Outcome]]] = set()

        def work(loading: list[Future[Loaded]]) -> list[Outcome]:
            return self._recognizer.recognize([future.result() for future in loading], windows)

        try:
            while True:
                while len(pending) < 2 * self._jobs and (batch := next(source, None)) is not None:
                    loading = [readers.submit(self._recognizer.load, recording) for recording in batch]
                    pending.add(workers.submit(work, loading))
                if not pending:
                    return
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BaseException:
            self._recognizer.stop()
            raise
        finally:
            for pool in (readers, workers, windows):
                pool.shutdown(wait=False, cancel_futures=True)


def num_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
