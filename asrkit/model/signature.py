"""Which input of a foreign graph is the sound and which output the emissions, told from names, types and shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asrkit.config import FeatureConfig, GraphConfig
from asrkit.config.foreign import WAVEFORM
from asrkit.errors import BundleError

_STATE = re.compile(r"cache|state|_len_cache|past_key|processed_lens|chunk|^h_?0|^c_?0|hidden", re.IGNORECASE)
_DECODED = re.compile(r"decoder_|targets?$|labels?$|^y$|^tokens?$|input_ids|prev", re.IGNORECASE)
_EMISSIONS = re.compile(r"ctc|log_?prob|logit|prob|softmax", re.IGNORECASE)
_BEAM = re.compile(r"beam|idx|hyp", re.IGNORECASE)


@dataclass(frozen=True)
class Port:
    """An input or output of a graph."""

    name: str  # what the graph calls it
    shape: tuple[Any, ...]  # its sizes; names and None stand for any
    type: str  # as onnxruntime has it, such as ``tensor(float)``

    @classmethod
    def of(cls, values: Sequence[Any]) -> list[Port]:
        """Return the inputs or outputs of an onnxruntime session."""
        return [cls(value.name, tuple(value.shape), value.type) for value in values]

    @property
    def is_real(self) -> bool:
        """Whether its values are floating-point numbers."""
        return self.type in ("tensor(float)", "tensor(float16)", "tensor(double)")


def is_waveform_graph(inputs: Sequence[Port]) -> bool:
    """Whether a graph listens to samples: its one large input is ``(batch, samples)``."""
    reals = [port for port in inputs if port.is_real]
    return not any(len(port.shape) == 3 for port in reals) and any(len(port.shape) == 2 for port in reals)


def read_signature(
    inputs: Sequence[Port], outputs: Sequence[Port], features: FeatureConfig, constants: Mapping[str, int]
) -> GraphConfig:
    """Return how to feed a graph.

    Args:
        inputs: Of the graph.
        outputs: Of the graph.
        features: What it is to be fed with.
        constants: Values of inputs that no sound decides.

    Raises:
        BundleError: It is no CTC model that hears whole utterances, or does not take such features.
    """
    states = [port.name for port in inputs if _STATE.search(port.name) or len(port.shape) > 3]
    if states:
        raise BundleError(
            f"is a streaming graph: it keeps states between chunks ({', '.join(states[:3])}); export the model for "
            "whole utterances"
        )
    decoded = [port.name for port in inputs if _DECODED.search(port.name)]
    if decoded:
        raise BundleError(
            f"is the decoder of a transducer or an attention model: it wants what was written before "
            f"({', '.join(decoded[:3])}); only CTC models can be imported"
        )
    wants = ", ".join(f"{port.name} {list(port.shape)}" for port in inputs)
    if unknown := constants.keys() - {port.name for port in inputs}:
        raise BundleError(f"has no input {min(unknown)!r} to be given a constant; its inputs: {wants}")
    rank = 2 if features.kind == WAVEFORM else 3
    sounds = [port for port in inputs if port.is_real and len(port.shape) == rank and port.name not in constants]
    if len(sounds) != 1:
        sound = "samples (batch, samples)" if rank == 2 else "features of three axes"
        raise BundleError(f"has not one input for {sound}; its inputs: {wants}; name another --front-end")
    (heard,) = sounds
    layout = "waveform" if rank == 2 else _layout(heard, features)
    time = heard.shape[2 if layout == "bins-time" else 1]
    if isinstance(time, int) and time > 0:
        raise BundleError(
            f"takes inputs of one length only, {heard.name} {list(heard.shape)}; export it with a free (dynamic) axis "
            "of time"
        )
    others = [port for port in inputs if port is not heard and port.name not in constants]
    if len(others) > 1:
        names = ", ".join(port.name for port in others)
        raise BundleError(f"has several inputs beside the sound ({names}); give all but lengths with --constant NAME=N")
    length = others[0] if others else None
    output = _find_emissions(outputs)
    lengths = [
        port.name
        for port in outputs
        if len(port.shape) == 1 and not port.is_real and port is not output and not _BEAM.search(port.name)
    ]
    return GraphConfig(
        input=heard.name,
        layout=layout,
        lengths="" if length is None else length.name,
        lengths_kind="frames" if length is None else _kind_of_length(length),
        constants=tuple(f"{name}={value}" for name, value in constants.items()),
        output=output.name,
        output_lengths=lengths[0] if lengths else "",
    )


def _find_emissions(outputs: Sequence[Port]) -> Port:
    threes = [port for port in outputs if len(port.shape) == 3 and port.is_real and not _BEAM.search(port.name)]
    # an exporter may have lost the shape
    threes = threes or [port for port in outputs if not port.shape and port.is_real]
    named = [port for port in threes if _EMISSIONS.search(port.name)] or threes
    if not named or (len(named) > 1 and not _EMISSIONS.search(named[0].name)):
        found = ", ".join(f"{port.name} {list(port.shape)}" for port in outputs)
        raise BundleError(f"has no output (batch, steps, symbols) of a CTC model; its outputs: {found}")
    return named[0]


def _layout(sound: Port, features: FeatureConfig) -> str:
    bins, (_, second, third) = features.num_bins, sound.shape
    if third == bins or not (isinstance(second, int) or isinstance(third, int)):
        return "time-bins"
    if second == bins:
        return "bins-time"
    shape = list(sound.shape)
    raise BundleError(
        f"takes {sound.name} {shape}, but the front end gives {bins} bins; name another, or --set mel_bins=N"
    )


def _kind_of_length(port: Port) -> str:
    if len(port.shape) == 2:
        return "mask"
    return "share" if port.is_real else "frames"
