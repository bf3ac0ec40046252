"""Transcribes the recordings of a manifest with pocketsphinx and its stock en-us model, for comparison.

    pip install pocketsphinx==5.1.1
    python benchmarks/pocketsphinx_baseline.py MANIFEST -o hyp.txt
    asrkit score hyp.txt MANIFEST

Run again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from pocketsphinx import Decoder  # type: ignore[import-untyped,import-not-found,unused-ignore]

from asrkit.audio import load_waveform
from asrkit.data import read_manifest

RATE_HZ = 16_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    done = {line.split(maxsplit=1)[0] for line in options.output.open()} if options.output.exists() else set()
    decoder = Decoder(samprate=RATE_HZ, loglevel="FATAL")
    audio_s, started = 0.0, time.process_time()
    with options.output.open("a", encoding="utf-8") as file:
        for utterance in read_manifest(options.manifest):
            if utterance.id in done:
                continue
            waveform = load_waveform(utterance.audio_path, RATE_HZ)
            decoder.start_utt()
            decoder.process_raw((waveform * 32767).astype(np.int16).tobytes(), full_utt=True)
            decoder.end_utt()
            hypothesis = decoder.hyp()
            file.write(f"{utterance.id} {hypothesis.hypstr if hypothesis else ''}".rstrip() + "\n")
            file.flush()
            audio_s += len(waveform) / RATE_HZ
    seconds = time.process_time() - started
    print(f"{audio_s:.0f} s of audio in {seconds:.0f} s of CPU time, {audio_s / max(seconds, 1e-9):.1f}x real time")


if __name__ == "__main__":
    main()
