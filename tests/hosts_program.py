"""Trains as one host of several, and prints losses and how it ended as JSON: hosts_program.py HOST-INDEX JSON."""

import json
import os
import signal
import sys
import time
from pathlib import Path

from tiny_run import Recorder, smallest

from asrkit.training import worker
from asrkit.training.hosts import Place


class Disturbed(Recorder):
    """Tells this program to end, or kills the worker, when the run has come so far."""

    def __init__(self, disturb, kill):
        super().__init__()
        self.disturb, self.kill = disturb, kill

    def run_started(self, start):
        super().run_started(start)
        if self.disturb == "stop at the start":
            signal.raise_signal(signal.SIGTERM)

    def epoch_done(self, event):
        super().epoch_done(event)
        if self.disturb == "kill after an epoch":
            self.kill()
            time.sleep(1)


def main():
    index, told = int(sys.argv[1]), json.loads(sys.argv[2])
    os.chdir(told["folder"])
    mine = told.get(f"only_{index}", {})
    config = smallest(mine.get("corpus", told["corpus"]), **{**told["changes"], **mine.get("changes", {})})
    workers = []

    class Watched(worker.Worker):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            workers.append(self._process)

    worker.Worker = Watched
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    observer = Disturbed(told.get("disturb"), lambda: workers[0].kill())
    job = worker.Job(config, Path(told["output"]) if index == 0 else Path("nowhere"), cache_dir=Path(f"cache{index}"))
    place = Place(told["coordinator"], told.get("count", 2), index, told.get("patience_s", 120.0))
    try:
        worker.train_as_host(job, observer, place)
        ending = "done"
    except BaseException as error:
        ending = f"{type(error).__name__}: {error}"
    print(json.dumps({"losses": observer.losses, "ending": ending, "device": observer.start and observer.start.device}))


if __name__ == "__main__":
    main()
