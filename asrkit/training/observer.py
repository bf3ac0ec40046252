"""What training tells while it runs; the terminal view and the log are observers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from asrkit.config import RunConfig
from asrkit.training.examples import Rejection


@dataclass(frozen=True)
class RunStart:
    """What is about to happen."""

    output_dir: Path
    config: RunConfig
    num_parameters: int
    train_utterances: int
    train_seconds: float
    dev_utterances: int
    dev_seconds: float
    rejections: tuple[Rejection, ...]
    first_epoch: int  # counted from 0; above 0 when a run is resumed
    device: str  # such as "gpu (torch)"


@dataclass(frozen=True)
class BatchDone:
    """One optimizer step."""

    epoch: int
    batch: int
    num_batches: int
    loss: float  # CTC, nats per utterance
    audio_seconds: float
    learning_rate: float
    wait_share: float  # share of this epoch's time spent waiting for data


@dataclass(frozen=True)
class Sample:
    """One dev utterance and what the model makes of it, greedily."""

    id: str
    reference: str
    hypothesis: str


@dataclass(frozen=True)
class EpochDone:
    """One pass over the training data, and the dev set afterwards."""

    epoch: int
    loss: float
    dev_loss: float
    dev_wer: float  # percent, greedy
    dev_cer: float
    blank_rate: float  # share of dev steps whose best symbol is the blank
    seconds: float
    audio_per_second: float
    learning_rate: float
    is_best: bool
    samples: tuple[Sample, ...] = field(default=())


class TrainingObserver:
    """Listens to a run; override what is of interest."""

    def decoding_audio(self, done: int, total: int) -> None:
        """Audio is being read into the cache."""

    def run_started(self, start: RunStart) -> None:
        """All data is loaded, the network is built."""

    def batch_done(self, event: BatchDone) -> None:
        """One step is done."""

    def epoch_done(self, event: EpochDone) -> None:
        """One epoch is done and written down."""

    def note(self, message: str) -> None:
        """Something worth saying happened."""


class PassingOn(TrainingObserver):
    """Hands all that it hears on to a function: the name of the method, and its arguments."""

    def __init__(self, tell: Callable[..., None]) -> None:
        for name in vars(TrainingObserver):
            if not name.startswith("_"):
                setattr(self, name, partial(tell, name))


def told_to_all(observers: Sequence[TrainingObserver]) -> TrainingObserver:
    """Return several observers as one; each is told everything, in order."""

    def tell(name: str, *arguments: object) -> None:
        for observer in observers:
            getattr(observer, name)(*arguments)

    return PassingOn(tell)
