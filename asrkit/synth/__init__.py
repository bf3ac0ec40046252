"""Synthetic speech for the demo, the tests and first steps: espeak-ng speaks sentences of a small world."""

from asrkit.synth.corpus import SynthSizes, synthesize_corpus
from asrkit.synth.espeak import Voice, synthesize

__all__ = ["SynthSizes", "Voice", "synthesize", "synthesize_corpus"]
