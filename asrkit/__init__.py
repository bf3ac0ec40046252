"""Train a DeepSpeech2, transcribe folders of audio with it, and know exactly how good it is.

The package reads in the order of the data:

    audio -> features -> model -> decoder -> transcription -> metrics -> report

with ``text`` (alphabet, normalizer), ``data`` (manifests) and ``language_model`` (n-grams) beside them.
Names are loaded on first use, so that ``import asrkit`` stays cheap.
"""
