"""The command line: each command is its library function plus presentation."""

import sys

try:
    from asrkit.cli.ending import end_at_once
    from asrkit.interrupts import replace_handlers, restore_handlers
except KeyboardInterrupt:  # before there is anything to handle it
    print("asrkit: interrupted", file=sys.stderr)
    sys.exit(130)

_before = replace_handlers(end_at_once)
from asrkit.cli.app import app, main  # noqa: E402  (takes a third of a second)

restore_handlers(_before)

__all__ = ["app", "main"]
