"""Emissions on disk: those that a run of ours keeps, and the arrays of other toolkits."""

from asrkit.emissions.foreign import ARRAY_SUFFIXES, ForeignEmissions, list_arrays, tell_values_of
from asrkit.emissions.store import (
    EMISSIONS_SUFFIX,
    EmissionsInfo,
    KeptEmissions,
    as_stored,
    pack_emissions,
    read_emissions,
    read_info,
)
from asrkit.emissions.values import Values, tell_values, to_log_probabilities

__all__ = [
    "ARRAY_SUFFIXES",
    "EMISSIONS_SUFFIX",
    "EmissionsInfo",
    "ForeignEmissions",
    "KeptEmissions",
    "Values",
    "as_stored",
    "list_arrays",
    "pack_emissions",
    "read_emissions",
    "read_info",
    "tell_values",
    "tell_values_of",
    "to_log_probabilities",
]
