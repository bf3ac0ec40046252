"""Data: which recordings there are, what is said in them, and how to hold some out."""

from asrkit.data.manifest import read_manifest, scan_manifest, write_manifest
from asrkit.data.rows import Problem
from asrkit.data.split import split_utterances
from asrkit.data.text_fit import TextFit, fit_text
from asrkit.data.utterance import Utterance

__all__ = [
    "Problem",
    "TextFit",
    "Utterance",
    "fit_text",
    "read_manifest",
    "scan_manifest",
    "split_utterances",
    "write_manifest",
]
