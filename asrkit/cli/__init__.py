"""The command line: each command is its library function plus presentation."""

import gc
import sys

# Importing makes a hundred thousand objects that all stay: looking for garbage among them is a quarter of the start.
gc.set_threshold(50_000, 20, 20)

try:
    from asrkit.cli.ending import end_at_once
    from asrkit.interrupts import replace_handlers, restore_handlers
except KeyboardInterrupt:  # before there is anything to handle it
    print("asrkit: interrupted", file=sys.stderr)
    sys.exit(130)

_before = replace_handlers(end_at_once)
from asrkit.cli.app import main  # noqa: E402  (takes a tenth of a second)

restore_handlers(_before)

__all__ = ["main"]
