"""What all settings share: strict reading from plain values, range checks, TOML."""

from __future__ import annotations

import dataclasses
import difflib
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from numbers import Integral
from pathlib import Path
from typing import Any, ClassVar, Self

from asrkit.errors import ConfigError, MissingPathError

_SHOWN_DIGITS = 24
_MOST_TOML_BYTES = 16 << 20
MOST_NUMBER = 1e9  # how far from zero the number of a setting may lie, unless its class says otherwise


class Settings:
    """Base of all settings: strict reading from plain values, and back.

    No number is NaN, and none lies further from zero than ``MOST`` of its class says, or else ``MOST_NUMBER``: files of
    strangers ask for no memory and no time that no model needs. What a class checks by itself comes after
    ``super().__post_init__()``.
    """

    MOST: ClassVar[Mapping[str, float]] = {}

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value, most = getattr(self, field.name), self.MOST.get(field.name, MOST_NUMBER)
            is_list = isinstance(field.default, tuple)  # of which one text would be taken for its letters
            require(not (is_list and isinstance(value, str)), f"{field.name} must be a list, not {value!r}")
            for number in value if isinstance(value, tuple) else (value,):
                if isinstance(number, int | float):
                    require(number == number, f"{field.name} must be a number, not NaN")
                    require(
                        abs(number) <= most,
                        f"{field.name} must lie within {most:,.0f} of 0, not {_shown(number)}",
                    )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, where: str = "") -> Self:
        """Build settings from plain values, as TOML and JSON give them.

        Args:
            values: Field names and values; nested settings are mappings.
            where: What to call the source in an error, such as ``asrkit.toml``.

        Raises:
            ConfigError: A key is unknown or missing, a value has the wrong type or is out of range.
        """
        prefix = f"{where}: " if where else ""
        hints = typing.get_type_hints(cls)
        fields: tuple[dataclasses.Field[Any], ...] = dataclasses.fields(cls)  # type: ignore[arg-type]
        names = [f.name for f in fields]
        arguments = {}
        for key, value in values.items():
            if key not in names:
                raise ConfigError(f"{prefix}unknown setting {key!r}{_suggest(key, names, hints)}")
            arguments[key] = _convert(value, hints[key], f"{prefix}{key}")
        for field in fields:
            has_default = field.default is not field.default_factory  # both are MISSING where there is none
            require(has_default or field.name in arguments, f"{prefix}{field.name} is missing")
        try:
            return cls(**arguments)
        except ConfigError as error:
            raise ConfigError(f"{prefix}{error}") from None

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values that JSON can hold."""
        return {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}  # type: ignore[arg-type]

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some settings changed and checked."""
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]


def _suggest(key: str, names: list[str], hints: Mapping[str, Any]) -> str:
    tables = (name for name in names if key in getattr(hints[name], "__dataclass_fields__", ()))
    close = [f"{table}.{key}" for table in tables] or difflib.get_close_matches(key, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(names)}"


def _plain(value: Any) -> Any:
    if isinstance(value, Settings):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _convert(value: Any, hint: Any, where: str) -> Any:
    """Turn one plain value into the type of its field."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        options = [option for option in typing.get_args(hint) if option is not type(None)]
        return None if value is None else _convert(value, options[0], where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{where} must be a list, not {value!r}")
        item = typing.get_args(hint)[0]
        return tuple(_convert(v, item, f"{where}[{i}]") for i, v in enumerate(value))
    if isinstance(hint, type) and issubclass(hint, Settings):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where} must be a table, not {value!r}")
        return hint.from_dict(value, where=where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        require(abs(value) < 10**300, f"{where} must be a number that a float can hold, not {_shown(value)}")
        return float(value)
    if isinstance(hint, type) and (not isinstance(value, hint) or (hint is not bool and isinstance(value, bool))):
        raise ConfigError(f"{where} must be of type {hint.__name__}, not {value!r}")
    return value


def _shown(number: Any) -> str:
    """Return a number as it is, or its beginning where it has hundreds of digits."""
    text = repr(number)
    return text if len(text) <= _SHOWN_DIGITS else f"{text[:_SHOWN_DIGITS]}..."


def require(condition: bool, message: str) -> None:
    """Raise a ConfigError unless a condition holds."""
    if not condition:
        raise ConfigError(message)


def normalizer_name(name: str) -> None:
    """Require a name of ``asrkit.text.normalizer``, with or without a version, or "auto"."""
    require(
        re.fullmatch(r"auto|none|(basic|standard|whisper)(-[\w.-]+)?", name) is not None,
        f"normalizer must be auto, none, basic, standard, standard-1, standard-2 or whisper, not {name!r}",
    )


def one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Require one of a few values."""
    require(value in choices, f"{name} must be one of {', '.join(choices)}, not {value!r}")


def positive(settings: Any, *names: str) -> None:
    """Require fields above zero, where they are set."""
    for name in names:
        value = getattr(settings, name)
        require(value is None or value > 0, f"{name} must be positive, not {value!r}")


def not_negative(settings: Any, *names: str) -> None:
    """Require fields of zero or more, where they are set."""
    for name in names:
        value = getattr(settings, name)
        require(value is None or value >= 0, f"{name} must not be negative, not {value!r}")


def whole(settings: Any, *names: str) -> None:
    """Require whole numbers, also where no file of settings was read."""
    for name in names:
        value = getattr(settings, name)
        require(isinstance(value, Integral), f"{name} must be a whole number, not {value!r}")


def fraction(settings: Any, *names: str) -> None:
    """Require fields between 0 and 1."""
    for name in names:
        value = getattr(settings, name)
        require(0.0 <= value <= 1.0, f"{name} must lie between 0 and 1, not {value!r}")


def span(settings: Any, name: str, lowest: float, highest: float) -> None:
    """Require a field of two numbers, in order and within limits."""
    value = getattr(settings, name)
    require(
        len(value) == 2 and lowest <= value[0] <= value[1] <= highest,
        f"{name} must be [lowest, highest] within {lowest:g} and {highest:g}, not {list(value)!r}",
    )


def codec_name(name: str, value: str) -> None:
    """Require ``telephone``, or MP3 or Opus at a bit rate for speech."""
    codec = re.fullmatch(r"telephone|(mp3|opus)-(\d+)k", value)
    require(
        codec is not None and (codec[2] is None or 6 <= int(codec[2]) <= 128),
        f"{name} must be telephone, or mp3 or opus with 6 to 128 kbit/s such as mp3-32k, not {value!r}",
    )


def read_toml(path: Path | str) -> dict[str, Any]:
    """Read a TOML file into plain values.

    Raises:
        MissingPathError: There is no such file.
        ConfigError: The file is not TOML.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_TOML_BYTES + 1)
        if len(data) > _MOST_TOML_BYTES:
            raise ValueError(f"no settings take {_MOST_TOML_BYTES >> 20} MB")
        return tomllib.loads(data.decode("utf-8-sig"))
    except FileNotFoundError:
        raise MissingPathError("no such file", path=path) from None
    except ValueError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: not valid TOML: its tables or lists are nested too deeply") from None
