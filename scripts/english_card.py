"""Write the model card of what scripts/english_small.sh has made: what this model heard, and how well it does.

    python scripts/english_card.py FOLDER

To ``english_small_card.toml`` come the corpora of ``FOLDER/data/train.tsv``, in the hours that were trained on, and the
word error rates of ``FOLDER/out/SET-tuned``, as the model transcribes by default, for each set of ``FOLDER/data/sets``,
with 95 % intervals. All of it goes to ``FOLDER/card.toml``: a model of other lists than ours has a card of its own.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from asrkit import Utterance, read_manifest, score
from asrkit.errors import AsrkitError

HERE = Path(__file__).parent


def heard(train: Iterable[Utterance], corpora: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the sources of a training list; parts of one corpus are one source."""
    hours: defaultdict[str, float] = defaultdict(float)
    about: dict[str, dict[str, str]] = {}
    for utterance in train:
        corpus = corpora.get(utterance.corpus or "", {})
        name = corpus.get("title", utterance.corpus or "unknown").partition(",")[0]
        about[name] = {key: corpus[key] for key in ("url", "license") if key in corpus}
        hours[name] += (utterance.duration_s or 0.0) / 3600
    names = sorted(hours, key=lambda name: -hours[name])
    return [{"name": name, **about[name], "hours": round(hours[name], 2)} for name in names]


def judged(path: Path, hypotheses: Path, voices: set[str | None], corpora: Mapping[str, Any]) -> dict[str, str]:
    """Return the result of a set; ``voices`` are those of the training list."""
    speakers = {utterance.speaker for utterance in read_manifest(path)} - {None}
    kind = "known" if speakers & voices else "unseen"
    title = corpora.get(path.stem.removesuffix("_test"), {}).get("title", path.stem).partition(",")[0]
    spoken_by = _counted(len(speakers), f"{kind} speaker") if speakers else "speakers not named"
    report = score(hypotheses, path)
    rate, interval = report.word_error_rate, report.normalized.word_interval
    text = "unknown" if rate is None else f"{rate:.1%}".removesuffix("%")
    if interval is not None:
        text += f" [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"
    set_name = "test" if path.stem.endswith("_test") else "dev"
    name = f"{title}, {set_name}: {spoken_by}, {_counted(report.num_utterances, 'utterance')}"
    return {"name": name, "WER": text}


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" + "s" * (number != 1)


def in_toml(name: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """Return a list of tables on a line each."""
    lines = ("{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in row.items()) + " }" for row in rows)
    return "\n".join([f"{name} = [", *(f"  {line}," for line in lines), "]\n"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    corpora = tomllib.loads((HERE / "english_corpora.toml").read_text(encoding="utf-8"))
    card = tomllib.loads((HERE / "english_small_card.toml").read_text(encoding="utf-8"))
    try:
        train = read_manifest(folder / "data/train.tsv")
        voices = {utterance.speaker for utterance in train}
        card["sources"] = [*heard(train, corpora), *card["sources"]]
        sets = sorted((folder / "data/sets").glob("*.tsv"))
        card["results"] = [judged(path, folder / f"out/{path.stem}-tuned/hyp.txt", voices, corpora) for path in sets]
        lines = [f"{key} = {json.dumps(value)}\n" for key, value in card.items() if isinstance(value, str)]
        tables = [in_toml(key, value) for key, value in card.items() if isinstance(value, list)]
        (folder / "card.toml").write_text("".join(lines + tables), encoding="utf-8")
    except (AsrkitError, OSError) as error:
        raise SystemExit(f"english_card: {error}") from None


if __name__ == "__main__":
    main()
