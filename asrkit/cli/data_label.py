"""``asrkit data label``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asrkit.cli import transcribe_options as options
from asrkit.cli.data import PARTLY_FAILED, data_app, list_some, say
from asrkit.cli.showing import show
from asrkit.errors import ConfigError
from asrkit.writing import refuse_links, write_whole

if TYPE_CHECKING:
    from asrkit.config import Calibration, DecodingConfig
    from asrkit.model.bundle import Bundle


@data_app.command("label", epilog="Example: asrkit data label ./radio --model models/latest -o corpus --target-wer 5")
def label_command(
    inputs: Annotated[
        list[str], typer.Argument(help="Untranscribed audio: folders, files, manifests.", metavar="FOLDER...")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the manifest and the transcripts.")],
    model: options.Model = None,
    lm: Annotated[
        Path | None, typer.Option(help="Language model it was tuned with; default: the one that comes with it.")
    ] = None,
    target_wer: Annotated[
        float, typer.Option(min=0.1, max=100.0, help="Word error rate promised of what is kept, in percent.")
    ] = 5.0,
    exclude: Annotated[
        list[Path] | None,
        typer.Option(help="Set whose utterances, recordings and speakers are never taken: dev, test; repeatable."),
    ] = None,
    true: Annotated[
        Path | None, typer.Option("--with", help="Manifest of true transcripts, listed too and never labelled again.")
    ] = None,
    weight: Annotated[
        float,
        typer.Option(min=0.01, max=1.0, help="What a labelled utterance counts in training; a true one counts 1."),
    ] = 0.5,
) -> None:
    """Transcribe audio that nobody has transcribed, and keep as training data what is surely right.

    Needs a model that knows how sure its words are (asrkit lm tune). The promise is for the kept utterances together.
    Run again, with another target for instance, it transcribes nothing twice.
    """
    from asrkit.cli.progress import TranscriptionProgress
    from asrkit.cli.settings import load_model
    from asrkit.config import TranscriptionConfig
    from asrkit.data import read_manifest, write_manifest
    from asrkit.data.preparation import keep_others, keep_sources
    from asrkit.transcription import transcribe
    from asrkit.transcription.labelling import Excluded, choose_surest, labelled_by, list_utterances, published_parts
    from asrkit.transcription.results import read_results

    manifest, listed = output / "train.tsv", output / "untranscribed.tsv"
    keep_sources([path for path in (true, *(exclude or [])) if path is not None], [manifest])
    keep_others([manifest], listed)
    bundle = load_model(model, say)
    lm = lm or bundle.language_model
    decoding, calibration = _calibrated(bundle, lm)
    known = [] if true is None else read_manifest(true)
    excluded = Excluded(exclude or [], known)
    if excluded.num_unheard:
        say(
            f"{excluded.num_unheard:,} recordings of --exclude cannot be read: only their ids and speakers are excluded"
        )
    found, reasons = excluded.sort_out(list_utterances(inputs))
    if parts := published_parts(found):
        named = ", ".join(f"{name} ({count:,})" for name, count in sorted(parts.items()))
        say(f"parts that others test with are labelled too: {named}; keep them elsewhere if you test with them")
    if not found:
        raise ConfigError("all recordings are in excluded sets; nothing is left to label")
    output.mkdir(parents=True, exist_ok=True)
    refuse_links(output / "transcripts", output)
    write_manifest(listed, found)
    with TranscriptionProgress() as view:
        summary = transcribe(
            [listed],
            bundle,
            output_dir=output / "transcripts",
            lm=lm,
            decoding=decoding,
            calibration=bundle.calibration,
            config=TranscriptionConfig(),
            observer=view,
        )
    view.close(summary)
    by_id = {utterance.id: utterance for utterance in found}
    transcripts = (t for t in read_results(output / "transcripts") if t.utterance_id in by_id)
    labelled, again = excluded.sort_out_known(
        [one for t in transcripts for one in labelled_by(by_id[t.utterance_id], t)]
    )
    reasons |= again
    kept, expected = choose_surest(labelled, calibration, target_wer / 100)
    corpus = [*known, *(replace(one.utterance, weight=weight) for one in kept)]
    confidences = ["" for _ in known] + [f"{one.confidence:.4f}" for one in kept]
    write_manifest(manifest, corpus, {"confidence": confidences})
    hours = sum(one.utterance.duration_s or 0.0 for one in kept) / 3600
    say(f"{len(kept):,} of {len(labelled):,} utterances kept, {hours:.2f} h: {expected}")
    facts = {"target_wer": target_wer, "kept": len(kept), "of": len(labelled), "hours": hours}
    told = {**facts, "expected": expected.to_dict(), "excluded": reasons}
    write_whole(output / "label.json", json.dumps(told, indent=2) + "\n")
    if reasons:
        say(f"{len(reasons):,} never taken:")
        list_some([f"{name}: {reason}" for name, reason in reasons.items()])
    show(manifest, exact=True)
    if summary.failures:
        raise typer.Exit(PARTLY_FAILED)


def _calibrated(bundle: Bundle, lm: Path | None) -> tuple[DecodingConfig, Calibration]:
    """Return the model's own settings and what its confidences rest on with them.

    Raises:
        ConfigError: They rest on nothing.
    """
    from asrkit.config import Calibration, DecodingConfig
    from asrkit.transcription.provenance import file_fingerprint

    decoding = DecodingConfig.from_dict(dict(bundle.decoding))
    held = None if lm is None else Calibration.choose(bundle.calibration, decoding, file_fingerprint(lm))
    if held is None:
        with_lm = "without a language model" if lm is None else f"with {lm.name}"
        raise ConfigError(
            f"nobody knows how sure the words of {bundle.name} are {with_lm}, so nothing can be promised: run "
            "asrkit lm tune with a dev set and that language model first (--lm)"
        )
    return decoding, held
