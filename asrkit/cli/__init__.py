"""The command line: each command is its library function plus presentation."""

from asrkit.cli.app import app, main

__all__ = ["app", "main"]
