"""Ctrl-C and SIGTERM: work that must not end in the middle of a step holds them back and ends between two.

The command line makes both end a program (``asrkit.cli.ending``); here is what long work does about that.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

TYPE_CHECKING = False  # as in typing, which takes longer to import than all that a program does before this
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, TypeVar

    Item = TypeVar("Item")

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Held:
    """Tells work when to end.

    Args:
        tell: Called with the number of each signal as it comes.

    Attributes:
        agree: Makes of "a signal has come here" whether the work is to end; processes that work together agree on it.
    """

    def __init__(self, tell: Callable[[int], object] | None = None) -> None:
        self.number: int | None = None
        self.agree: Callable[[bool], bool] = bool
        self._tell = tell

    def check(self) -> None:
        """Raise KeyboardInterrupt if the work is to end."""
        if self.agree(self.number is not None):
            raise KeyboardInterrupt

    def between(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items; once the work is to end, raise KeyboardInterrupt instead of going on."""
        self.check()
        for item in items:
            yield item
            self.check()

    def note(self, number: int, frame: FrameType | None) -> None:
        """Take a signal; the handler while it is held back."""
        self.number = self.number or number
        if self._tell is not None:
            self._tell(number)


@contextmanager
def held(tell: Callable[[int], object] | None = None) -> Iterator[Held]:
    """Hold SIGINT and SIGTERM back while the block runs: nothing but its own checks ends it.

    When the block ends, the first signal takes the effect that it would have had before; an error takes its place.
    Outside the main thread, which alone receives signals, nothing is held back.

    Args:
        tell: Called with the number of each signal as it comes.
    """
    noted = Held(tell)
    stopped: KeyboardInterrupt | None = None
    before = replace_handlers(noted.note)
    try:
        yield noted
    except KeyboardInterrupt as error:
        stopped = error
    finally:
        restore_handlers(before)
    if noted.number is not None:
        signal.raise_signal(noted.number)
    if stopped is not None:
        raise stopped


def replace_handlers(handler: Callable[[int, FrameType | None], object] | signal.Handlers) -> dict[int, Any]:
    """Set how both signals are handled, and return the earlier handlers.

    A signal that is ignored, as in the background of a shell script, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}
    before: dict[int, Any] = {number: signal.getsignal(number) for number in _SIGNALS}
    before = {number: earlier for number, earlier in before.items() if earlier not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, handler)
    return before


def restore_handlers(before: dict[int, Any]) -> None:
    """Put earlier handlers back, that of SIGINT last: it may raise at once."""
    for number, handler in before.items():
        signal.signal(number, handler)
