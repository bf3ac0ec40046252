"""``asrkit`` with all its commands, for programs that look at more than one of them."""

from asrkit.cli.app import app, load_commands

load_commands()

__all__ = ["app"]
