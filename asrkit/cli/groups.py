"""Options that commands share: a dataclass of them is one parameter of a command."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import fields, is_dataclass
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, get_args, get_type_hints

import typer


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Turn each parameter of a command that is a dataclass into the options that its fields, which have defaults, are.

    The help shows them under ``PANEL`` of the dataclass, where it has one.
    """
    hints = get_type_hints(command, include_extras=True)
    own = signature(command).parameters.values()
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}
    parameters = [
        option
        for one in own
        for option in (_options(groups[one.name]) if one.name in groups else [one.replace(annotation=hints[one.name])])
    ]

    @functools.wraps(command)
    def with_options(**flags: Any) -> None:
        made = {name: group(**{f.name: flags.pop(f.name) for f in fields(group)}) for name, group in groups.items()}
        command(**flags, **made)

    with_options.__signature__ = Signature(  # type: ignore[attr-defined]
        [one.replace(kind=Parameter.KEYWORD_ONLY) for one in parameters]
    )
    with_options.__annotations__ = {one.name: one.annotation for one in parameters}
    return with_options


def _options(group: Any) -> Iterator[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    for field in fields(group):
        kind, option = get_args(hints[field.name])
        option = copy(option)
        option.rich_help_panel = getattr(group, "PANEL", None)
        yield Parameter(field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=Annotated[kind, option])


def named_on_command_line(context: typer.Context) -> set[str]:
    """Return the options that stand on the command line itself, not in variables."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name for name, source in sources.items() if getattr(source, "name", "") == "COMMANDLINE"}
