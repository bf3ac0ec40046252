"""How a command ends that was told to: one line on stderr and the exit code that a shell expects."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from asrkit.interrupts import replace_handlers, restore_handlers

TYPE_CHECKING = False  # see asrkit.interrupts
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

_LINE = "asrkit: interrupted"
# How long what was interrupted may clean up before another signal ends it at once.
_PATIENCE_S = 5.0


def end_at_once(number: int, frame: FrameType | None) -> NoReturn:
    """Handle a signal where nothing has begun; KeyboardInterrupt in the middle of an import may become any error."""
    replace_handlers(signal.SIG_IGN)
    os.write(2, f"{_LINE}\n".encode())
    os._exit(128 + number)


@contextmanager
def ending_in_one_line() -> Iterator[None]:
    """Make Ctrl-C and SIGTERM end a program with KeyboardInterrupt, one line, and exit code 130 or 143.

    Notes on the exception (``add_note``) become part of the line. Another signal within a few seconds changes nothing,
    so that what cleans up is not broken off; while Python shuts down, none does.
    """
    received: list[tuple[int, float]] = []

    def end(number: int, frame: FrameType | None) -> None:
        received.append((number, time.monotonic()))
        if len(received) == 1:
            raise KeyboardInterrupt
        if received[-1][1] - received[0][1] > _PATIENCE_S:
            os._exit(128 + number)

    before = replace_handlers(end)
    try:
        yield
    except BaseException as error:
        interrupt = _interrupt_behind(error)
        if interrupt is None:
            raise
        notes = getattr(interrupt, "__notes__", ())
        if notes:  # work had begun
            from asrkit.text.identifiers import printable

            notes = map(printable, notes)
        print("; ".join([_LINE, *notes]), file=sys.stderr)
        exec("")  # else Python, if the interrupt passed code from a string (namedtuple), ends `python -m` by SIGINT
        raise SystemExit(128 + (received[0][0] if received else signal.SIGINT)) from None
    finally:
        if not received:  # else another one must still not raise
            restore_handlers(before)
        atexit.register(replace_handlers, signal.SIG_IGN)


def _interrupt_behind(error: BaseException | None) -> KeyboardInterrupt | None:
    """Return the interrupt that led to an error: Python and libraries make other errors of it, typer an exit code."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return error
