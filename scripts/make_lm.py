"""Build lm/3gram.arpa and lm/3gram.bin from the text there is; `make lm` calls this.

    python scripts/make_lm.py [TEXT ...] [-o lm/3gram.arpa] [--order 3] [--prune 0 0 1]

Takes the TEXT you name (files, manifests, corpus folders), else the text files of the folder that ASRKIT_TEXT names,
else the training transcripts of LJSpeech where data/LJSpeech-1.1 lies (the last 500 utterances, the held-out ones of
`asrkit data import --split last500`, are left out), else the training sentences of the demo.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from itertools import islice
from pathlib import Path

from asrkit.data import read_manifest
from asrkit.data.split import named_split
from asrkit.errors import AsrkitError, MissingPathError
from asrkit.language_model import NgramModel, TextSource, build_ngram, write_binary
from asrkit.synth.corpus import SynthSizes
from asrkit.synth.sentences import distinct_sentences
from asrkit.text.normalizer import get_normalizer

LJSPEECH = Path("data/LJSpeech-1.1")
TEXT_PATTERNS = ("*.txt", "*.txt.gz", "*.txt.xz", "*.txt.bz2", "*.txt.zst")


def text_files(folder: Path) -> list[str]:
    return sorted(str(path) for pattern in TEXT_PATTERNS for path in folder.glob(pattern))


def find_text(named: list[str], ljspeech: Path) -> tuple[str, list[str], bool]:
    """Return what the text is, its files or its sentences, and whether they are files."""
    folder = os.environ.get("ASRKIT_TEXT")
    if named:
        return ", ".join(named), named, True
    if folder:
        files = text_files(Path(folder))
        if not files:
            raise MissingPathError("ASRKIT_TEXT names a folder without text files", path=folder)
        return f"{len(files)} files of {folder}", files, True
    if ljspeech.is_dir():
        train = named_split(read_manifest(ljspeech), "last500")["train"]
        return f"{ljspeech} without its last 500 utterances", [utterance.text or "" for utterance in train], False
    sizes = SynthSizes()
    held_out = sizes.test + sizes.dev  # the demo's corpus takes these first
    sentences = list(islice(distinct_sentences(), held_out, held_out + sizes.train))
    return "the demo's training sentences (name a TEXT, or run `asrkit data download ljspeech`)", sentences, False


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", nargs="*", help="files, manifests, corpus folders")
    parser.add_argument("-o", "--output", type=Path, default=Path("lm/3gram.arpa"))
    parser.add_argument("--order", type=int, default=3)
    parser.add_argument("--prune", type=int, nargs="*", default=[])
    parser.add_argument("--ljspeech", type=Path, default=LJSPEECH)
    options = parser.parse_args(arguments)
    try:
        name, texts, are_files = find_text(options.text, options.ljspeech)
        print(f"text: {name}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            if not are_files:
                path = Path(folder) / "text.txt"
                path.write_text("\n".join(texts), encoding="utf-8")
                texts = [str(path)]
            source = TextSource(texts, normalizer=get_normalizer("standard"))
            settings = {"order": options.order, "prune": options.prune}
            report = build_ngram(source, options.output, discount_fallback=True, **settings)
        binary = write_binary(NgramModel.load(report.path), options.output.with_suffix(".bin"))
    except AsrkitError as error:
        print(f"make_lm: {error}", file=sys.stderr)
        return error.exit_code
    counts = " / ".join(f"{count:,}" for count in report.ngrams)
    print(f"{report.path} and {binary}: {counts} n-grams, from {report.words:,} words")
    return 0


if __name__ == "__main__":
    sys.exit(main())
