"""Emissions on disk: those that a run of ours keeps, and the arrays of other toolkits."""

from asrkit.emissions.foreign import ARRAY_SUFFIXES, ForeignEmissions, list_arrays, tell_values_of
from asrkit.emissions.store import (
    EMISSIONS_SUFFIX,
    EmissionsInfo,
    KeptEmissions,
    pack_emissions,
    read_emissions,
    read_info,
    to_half,
)
from asrkit.emissions.values import Values, tell_values, to_log_probabilities

__all__ = [
    "ARRAY_SUFFIXES",
    "EMISSIONS_SUFFIX",
    "EmissionsInfo",
    "ForeignEmissions",
    "KeptEmissions",
    "Values",
    "list_arrays",
    "pack_emissions",
    "read_emissions",
    "read_info",
    "tell_values",
    "tell_values_of",
    "to_half",
    "to_log_probabilities",
]
