"""Emissions of other toolkits: which arrays their files hold, and each as log-probabilities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from asrkit.emissions.arrays import ArrayFile, BadArray, FloatArray, list_npy, list_npz
from asrkit.emissions.kaldi import list_ark, list_scp
from asrkit.emissions.values import Values, tell_values, to_log_probabilities
from asrkit.errors import DecodingError

_LISTS = {".npy": list_npy, ".npz": list_npz, ".scp": list_scp, ".ark": list_ark}
ARRAY_SUFFIXES = tuple(_LISTS)
_PICKLES = frozenset({".pkl", ".pickle", ".p", ".pt", ".pth", ".joblib"})
_SAMPLE = 8  # utterances that are looked at to tell what the values are


@dataclass(frozen=True)
class ForeignEmissions:
    """Emissions in a file of another toolkit, to be read as log-probabilities."""

    file: ArrayFile  # where they are
    values: Values  # what the numbers there are

    def read(self) -> FloatArray:
        """Return ``(steps, outputs)`` natural-log probabilities.

        Raises:
            DecodingError: The file cannot be read any more, or holds impossible values; the step is named.
        """
        return to_log_probabilities(self.file.read(), self.values)


def list_arrays(path: Path) -> Iterator[ArrayFile | BadArray]:
    """Yield what a file holds: one array, one a key, or the reason why it is no use."""
    if lister := _LISTS.get(path.suffix):
        yield from lister(path)
    elif path.suffix in _PICKLES:
        yield BadArray("", "is a pickle, which could run code; save the arrays with numpy.save or numpy.savez")
    else:
        yield BadArray("", f"is no file of emissions; they end in {', '.join(ARRAY_SUFFIXES)}")


def tell_values_of(files: Sequence[ArrayFile]) -> Values:
    """Tell from some utterances of a run what all its numbers are."""
    sample = []
    for file in files[:: max(1, len(files) // _SAMPLE)][:_SAMPLE]:
        try:
            sample.append(file.read())
        except DecodingError:  # it fails by itself later
            continue
    return tell_values(sample)
