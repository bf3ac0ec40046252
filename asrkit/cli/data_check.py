"""``asrkit data check``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asrkit.cli.bars import Bars
from asrkit.cli.data import (
    PARTLY_FAILED,
    AlphabetOption,
    data_app,
    list_some,
    say,
    say_ignored,
    set_name,
    text_settings,
)
from asrkit.cli.showing import show
from asrkit.cli.transcribe_options import AudioRoot
from asrkit.errors import ConfigError

if TYPE_CHECKING:
    from asrkit.data.check import CheckReport
    from asrkit.model.bundle import Bundle

_SHOWN = 10  # where a file has all


@data_app.command("check", epilog="Example: asrkit data check train.tsv dev.tsv test.tsv -o checked")
def check_command(
    manifests: Annotated[
        list[Path], typer.Argument(help="The set to train on first, then what is held out from it.", metavar="SET...")
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder for clean and quarantine manifests and findings.tsv.")
    ] = None,
    audio_root: AudioRoot = None,
    alphabet: AlphabetOption = None,
    step_ms: Annotated[
        float | None,
        typer.Option(min=1.0, help="One output step of the model; default: the bundle's or project's, else 40 ms."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option("-m", "--model", help="Trained bundle: also find texts that it does not believe.")
    ] = None,
) -> None:
    """Find what would spoil training or falsify a score: broken, silent and clipped audio, wrong texts, leaks.

    Faulty entries go to a quarantine manifest with the reason (exit code 3); remarks keep an entry where it is.
    """
    from functools import partial

    from asrkit.cli.settings import Project, named_model
    from asrkit.data.check import check_sets, set_reports, write_report
    from asrkit.data.preparation import keep_sources
    from asrkit.model.bundle import Bundle
    from asrkit.presets import run_config
    from asrkit.text import Alphabet, get_normalizer

    if output is not None:
        keep_sources(manifests, [output / file for name in _set_names(manifests) for file in set_reports(name)])
    project = run_config(Project.load().tables)
    bundle = None if model is None else Bundle.load(named_model(model, "--model"))
    if bundle is not None and alphabet is not None:
        raise ConfigError("--alphabet and --model exclude each other; the bundle has its own alphabet")
    if bundle is not None:
        letters, normalizer = bundle.alphabet, bundle.text_normalizer
    else:
        texts = text_settings(alphabet, manifests[:1], audio_root)
        letters, normalizer = Alphabet(texts.alphabet), get_normalizer(texts.normalizer, texts.language)
    if bundle is None:
        features, own_step_ms = project.features, project.features.hop_ms * project.model.stride_frames
    else:
        features, own_step_ms = bundle.features, bundle.step_ms
    with Bars() as bars:
        report = check_sets(
            _set_names(manifests),
            letters,
            normalizer=normalizer,
            audio_root=audio_root,
            sample_rate_hz=features.sample_rate_hz,
            step_ms=step_ms or own_step_ms,
            min_seconds=project.training.min_seconds,
            max_seconds=project.training.max_seconds,
            on_progress=partial(bars.update, "listening"),
        )
    if bundle is not None:
        report = _doubt_labels(report, bundle)
    for manifest in manifests:
        say_ignored(manifest)
    findings, num_more = report.findings, 0
    if output is not None:
        findings = sorted(findings, key=lambda finding: not finding.quarantined)[:_SHOWN]
        num_more = len(report.findings) - len(findings)
    for finding in findings:
        mark = "quarantined" if finding.quarantined else "remark"
        fields = (finding.set_name, finding.utterance_id, mark, finding.kind, finding.reason, finding.fix)
        show("\t".join(" ".join(field.split()) for field in fields))
    if num_more:
        say(f"and {num_more:,} more; findings.tsv lists all of them")
    for name, utterances in report.clean.items():
        say(f"{name}: {len(utterances):,} of {len(utterances) + len(report.quarantined[name]):,} utterances are usable")
        list_some(report.text_fits[name].describe())
    say("; ".join(f"{kind}: {count:,}" for kind, count in report.counts().most_common()) or "nothing is wrong")
    if output is not None:
        for path in write_report(report, output):
            say(str(path))
    if not report.is_clean:
        raise typer.Exit(PARTLY_FAILED)


def _doubt_labels(report: CheckReport, bundle: Bundle) -> CheckReport:
    """Quarantine what a model takes for wrongly labelled."""
    from asrkit.data.check import Finding, add_findings
    from asrkit.model.inference import Emitter
    from asrkit.transcription.labels import judge_labels

    network = Emitter(bundle)
    findings = []
    for name, utterances in report.clean.items():
        for judgement in judge_labels(utterances, network, bundle.units, bundle.features):
            if judgement.is_suspicious:
                reason = f"the model hears {judgement.heard!r}, the text says {judgement.utterance.text!r}"
                findings.append(Finding(name, judgement.utterance.id, "label", reason, "listen and correct the text"))
    return add_findings(report, findings)


def _set_names(manifests: Sequence[Path]) -> dict[str, Path | str]:
    """Name each set after its file; where names repeat, number them."""
    names: dict[str, Path | str] = {}
    for number, path in enumerate(manifests, 1):
        name = set_name(path)
        names[f"{name}-{number}" if name in names else name] = path
    return names
