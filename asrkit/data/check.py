"""The data doctor: what is wrong with speech data, found before a model learns it.

Every entry is looked at; nothing stops the tour. What would spoil training or falsify a score is quarantined, what is
merely worth knowing becomes a remark.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from asrkit.config import TrainingConfig
from asrkit.data.alphabets import fit_corpus
from asrkit.data.manifest import scan_manifest, write_manifest
from asrkit.data.recordings import Parts, RecordingFacts, measure_recording
from asrkit.data.text_fit import TextFit
from asrkit.data.utterance import Utterance
from asrkit.errors import AudioError, ManifestError
from asrkit.text import Alphabet
from asrkit.text.alphabet import steps_needed
from asrkit.text.normalizer import Normalizer, get_normalizer
from asrkit.writing import write_whole

SILENT_DB = -60.0
CLIPPED_SHARE = 0.001
_LENGTH_SLACK_S, _LENGTH_SLACK_SHARE = 0.1, 0.02
_RATE_OUTLIER = 6.0  # robust standard deviations of the logarithm of characters per second
_FEWEST_FOR_RATES = 20
_SMALLEST_SPREAD = 0.1

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with one entry."""

    set_name: str  # the set it is in
    utterance_id: str  # which entry; for a line that cannot be read, ``FILE:LINE``
    kind: str  # what sort of fault, such as ``unreadable`` or ``leak``
    reason: str  # what exactly
    fix: str  # what to do
    quarantined: bool = True  # whether the entry is kept out of the clean manifest


@dataclass(frozen=True)
class CheckReport:
    """What a tour of the data found."""

    clean: dict[str, list[Utterance]]  # the usable utterances of each set, with true lengths and fitted texts
    quarantined: dict[str, list[Utterance]]  # the others
    findings: list[Finding]  # everything found, in the order of sets and lines
    text_fits: dict[str, TextFit] = field(default_factory=dict)  # what the alphabet did to the texts of each set

    @property
    def is_clean(self) -> bool:
        """Whether nothing had to be kept out."""
        return not any(finding.quarantined for finding in self.findings)

    def counts(self) -> Counter[str]:
        """Return how many findings of each kind there are."""
        return Counter(finding.kind for finding in self.findings)


@dataclass
class _Entry:
    """One utterance on its way through the checks."""

    set_name: str
    utterance: Utterance
    text: str
    is_unread: bool = False
    facts: RecordingFacts | None = None


def check_sets(
    manifests: Mapping[str, Path | str],
    alphabet: Alphabet,
    *,
    normalizer: Normalizer | None = None,
    audio_root: Path | str | None = None,
    sample_rate_hz: int = 16_000,
    step_ms: float = 40.0,
    min_seconds: float = TrainingConfig.min_seconds,
    max_seconds: float = TrainingConfig.max_seconds,
    on_progress: Progress = lambda done, total: None,
) -> CheckReport:
    """Look at every entry of some manifests, each by itself and against the others.

    Args:
        manifests: Name of each set (``train`` first, then what is held out) and its manifest or corpus folder.
        alphabet: What the model will write.
        normalizer: What the texts pass; default: the standard one.
        audio_root: Base of relative audio paths.
        sample_rate_hz: What the model hears; recordings of a lower rate lack its high frequencies.
        step_ms: One output of the model; a text needs a step for each character and one between equal neighbors.
        min_seconds: What training takes at least.
        max_seconds: What training takes at most; longer recordings that are held out may be transcribed all the same.
        on_progress: Called with recordings read and recordings in all.

    Raises:
        MissingPathError: A manifest does not exist.
        ManifestError: A manifest is in no known format, or the alphabet is for another script.
    """
    findings: list[Finding] = []
    fits: dict[str, TextFit] = {}
    entries: list[_Entry] = []
    for name, manifest in manifests.items():
        utterances, problems = scan_manifest(manifest, audio_root)
        findings += [
            Finding(name, f"{p.path.name}:{p.line}", "manifest", p.message, "mend or remove the line") for p in problems
        ]
        fits[name] = fit_corpus(manifest, utterances, alphabet, normalizer or get_normalizer("standard"))
        texts = {utterance.id: utterance.text or "" for utterance in fits[name].utterances}
        unread = set(fits[name].unread_ids)
        entries += [_Entry(name, u, texts.get(u.id, ""), is_unread=u.id in unread) for u in utterances]
    findings += _measure(entries, on_progress)
    readable = [entry for entry in entries if entry.facts is not None]
    for entry in readable:
        findings += _check_audio(entry, sample_rate_hz)
        findings += _check_limits(entry, entry.set_name == next(iter(manifests)), min_seconds, max_seconds)
        findings += _check_text(entry, step_ms)
    findings += _check_rates(readable)
    findings += _check_copies(readable)
    findings += _check_leaks(readable, list(manifests))
    return _report(entries, findings, fits, list(manifests))


def add_findings(report: CheckReport, findings: Sequence[Finding]) -> CheckReport:
    """Return a report with more findings; what they quarantine leaves the clean sets."""
    bad = {(finding.set_name, finding.utterance_id) for finding in findings if finding.quarantined}
    clean = {name: [u for u in members if (name, u.id) not in bad] for name, members in report.clean.items()}
    moved = {name: [u for u in members if (name, u.id) in bad] for name, members in report.clean.items()}
    quarantined = {name: [*members, *moved[name]] for name, members in report.quarantined.items()}
    return replace(report, clean=clean, quarantined=quarantined, findings=[*report.findings, *findings])


def set_reports(name: str) -> tuple[str, str]:
    """Return the names of the files that ``write_report`` writes of a set."""
    return f"{name}.clean.tsv", f"{name}.quarantine.tsv"


def write_report(report: CheckReport, output_dir: Path | str) -> list[Path]:
    """Write ``SET.clean.tsv`` and, where needed, ``SET.quarantine.tsv`` and all ``findings.tsv``; return their paths.

    What an earlier report of these sets has and this one has not is removed.

    Raises:
        ManifestError: The folder cannot be written.
    """
    path = output_dir = Path(output_dir)
    parts = [(set_reports(name)[0], utterances) for name, utterances in report.clean.items()]
    parts += [(set_reports(name)[1], utterances) for name, utterances in report.quarantined.items()]
    paths = [output_dir / name for name, utterances in parts if utterances]
    try:
        for name, utterances in parts:
            path = output_dir / name
            if utterances:
                write_manifest(path, utterances)
            else:
                path.unlink(missing_ok=True)
        path = output_dir / "findings.tsv"
        if report.findings:
            write_whole(path, _table(report.findings))
            paths.append(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise ManifestError(f"cannot be written: {error.strerror}", path=path) from None
    return paths


def _table(findings: Sequence[Finding]) -> str:
    rows = [("set", "utterance_id", "quarantined", "kind", "reason", "fix")]
    rows += [(f.set_name, f.utterance_id, "yes" if f.quarantined else "no", f.kind, f.reason, f.fix) for f in findings]
    return "".join("\t".join(" ".join(cell.split()) for cell in row) + "\n" for row in rows)


def _measure(entries: Sequence[_Entry], on_progress: Progress) -> list[Finding]:
    """Read all recordings, in a few threads; those that cannot be read keep no facts."""

    def measure(entry: _Entry) -> RecordingFacts | AudioError:
        try:
            return measure_recording(entry.utterance)
        except AudioError as error:
            return error

    findings = []
    with ThreadPoolExecutor() as pool:
        for done, (entry, facts) in enumerate(zip(entries, pool.map(measure, entries), strict=True), 1):
            if isinstance(facts, AudioError):
                reason = str(facts).removeprefix(f"{entry.utterance.audio_path}: ")
                findings.append(_finding(entry, "unreadable", reason, "record, copy or convert it again"))
            else:
                entry.facts = facts
            on_progress(done, len(entries))
    return findings


def _finding(entry: _Entry, kind: str, reason: str, fix: str, quarantined: bool = True) -> Finding:
    return Finding(entry.set_name, entry.utterance.id, kind, reason, fix, quarantined)


def _check_audio(entry: _Entry, sample_rate_hz: int) -> Iterable[Finding]:
    facts = entry.facts
    assert facts is not None
    if facts.level_db < SILENT_DB:
        yield _finding(entry, "silent", f"level {facts.level_db:.0f} dB", "record it again or remove it")
    if facts.clipped_share > CLIPPED_SHARE:
        reason = f"{facts.clipped_share:.1%} of the samples are cut at full scale"
        yield _finding(entry, "clipped", reason, "record it again at a lower level", quarantined=False)
    if facts.sample_rate_hz < sample_rate_hz:
        reason = f"{facts.sample_rate_hz:,} Hz: nothing above {facts.sample_rate_hz // 2:,} Hz is there"
        fix = f"record at {sample_rate_hz:,} Hz or more, or train a model at the lower rate"
        yield _finding(entry, "rate", reason, fix, quarantined=False)
    named_s = entry.utterance.duration_s
    slack_s = _LENGTH_SLACK_S + _LENGTH_SLACK_SHARE * facts.duration_s
    if named_s is not None and abs(named_s - facts.duration_s) > slack_s:
        reason = f"the manifest says {named_s:.2f} s, the recording has {facts.duration_s:.2f} s"
        yield _finding(entry, "length", reason, "the clean manifest has the true length", quarantined=False)


def _check_limits(entry: _Entry, is_trained_on: bool, min_seconds: float, max_seconds: float) -> Iterable[Finding]:
    assert entry.facts is not None
    seconds = entry.facts.duration_s
    if seconds < min_seconds:
        reason = f"{seconds:.2f} s is shorter than training.min_seconds = {min_seconds:g}"
        yield _finding(entry, "limits", reason, "remove it, or set training.min_seconds lower", is_trained_on)
    if seconds > max_seconds:
        reason = f"{seconds:.1f} s is longer than training.max_seconds = {max_seconds:g}"
        yield _finding(entry, "limits", reason, "cut it, or set training.max_seconds higher", is_trained_on)


def _check_text(entry: _Entry, step_ms: float) -> Iterable[Finding]:
    assert entry.facts is not None
    if entry.is_unread:
        reason = f"digits or signs of {(entry.utterance.text or '')[:40]!r} cannot be spelled"
        yield _finding(entry, "digits", reason, "write them as they are read, or set data.language to read them")
        return
    if not entry.text:
        reason = f"nothing of {(entry.utterance.text or '')[:40]!r} can be spelled"
        yield _finding(entry, "alphabet", reason, "correct the text or use an alphabet that has its letters")
        return
    steps = int(entry.facts.duration_s * 1000 / step_ms)
    needed = steps_needed(entry.text)
    if needed > steps:
        reason = f"the text needs {needed} steps, {entry.facts.duration_s:.2f} s give {steps}"
        yield _finding(entry, "too long", reason, "wrong text or cut audio; else a model with a smaller stride")


def _check_rates(entries: Sequence[_Entry]) -> Iterable[Finding]:
    """Find texts read impossibly fast or slowly for their corpus: mostly wrong texts."""
    by_corpus: defaultdict[str | None, list[_Entry]] = defaultdict(list)
    for entry in entries:
        if entry.text:
            by_corpus[entry.utterance.corpus].append(entry)
    for members in by_corpus.values():
        if len(members) < _FEWEST_FOR_RATES:
            continue
        rates = np.log([len(e.text) / e.facts.duration_s for e in members if e.facts is not None])
        median = float(np.median(rates))
        spread = max(_SMALLEST_SPREAD, 1.4826 * float(np.median(np.abs(rates - median))))
        for entry, rate in zip(members, rates, strict=True):
            if abs(rate - median) > _RATE_OUTLIER * spread:
                reason = f"{np.exp(rate):.1f} characters a second, the median is {np.exp(median):.1f}"
                yield _finding(entry, "speaking rate", reason, "listen: the text or the cut is probably wrong")


def _check_copies(entries: Sequence[_Entry]) -> Iterable[Finding]:
    """Find the same sound twice within a set; the first one stays."""
    first: dict[tuple[str, str], _Entry] = {}
    for entry in entries:
        assert entry.facts is not None
        original = first.setdefault((entry.set_name, entry.facts.content), entry)
        if original is not entry:
            same = "the same text" if original.text == entry.text else "another text"
            reason = f"the same sound as {original.utterance.id}, with {same}"
            yield _finding(entry, "duplicate", reason, "keep the one with the right text")


def _check_leaks(entries: Sequence[_Entry], names: Sequence[str]) -> Iterable[Finding]:
    """Find what a set shares with those after it, which are held out from it.

    What is heard in both is quarantined in the first of them. A text or speaker of the set to train on that is held out
    too is a remark, because a corpus may be meant so.
    """
    leaked: set[int] = set()
    for place, name in enumerate(names):
        held_out = [entry for entry in entries if entry.set_name in names[place + 1 :]]
        sets = {id(entry.utterance): entry.set_name for entry in held_out}
        sounds = {entry.facts.content: entry.utterance for entry in held_out if entry.facts is not None}
        parts = Parts(entry.utterance for entry in reversed(held_out))  # the last set counts, as for sounds
        for entry in entries:
            if entry.set_name != name or entry.facts is None:
                continue
            what, other = "the same sound as", sounds.get(entry.facts.content)
            if other is None:
                what, other = "holds a part of the same recording as", parts.shared_with(entry.utterance)
            if other is not None:
                leaked.add(id(entry))
                where = sets[id(other)]
                yield _finding(entry, "leak", f"{what} {other.id} of {where}", f"it stays in {where} only")
    yield from _check_shared([entry for entry in entries if id(entry) not in leaked], names)


def _check_shared(entries: Sequence[_Entry], names: Sequence[str]) -> Iterable[Finding]:
    """Find texts and speakers of the set to train on that are held out too; a corpus without a name may be any."""
    held_out = [entry for entry in entries if entry.set_name != names[0]]
    texts = {entry.text: entry for entry in held_out if entry.text}
    speakers: defaultdict[str, dict[str | None, str]] = defaultdict(dict)  # by name, the set of each corpus
    for held in held_out:
        if held.utterance.speaker:
            speakers[held.utterance.speaker][held.utterance.corpus] = held.set_name
    told: set[tuple[str | None, str | None]] = set()
    for entry in entries:
        if entry.set_name != names[0] or entry.facts is None:
            continue
        if (other := texts.get(entry.text)) is not None:
            reason = f"the same text as {other.utterance.id} of {other.set_name}"
            yield _finding(entry, "shared text", reason, "scores flatter where sentences were seen", quarantined=False)
        corpus, speaker = entry.utterance.corpus, entry.utterance.speaker
        sets = speakers.get(speaker or "", {})
        where = sets.get(corpus) or sets.get(None) or (None if corpus else next(iter(sets.values()), None))
        if where and (corpus, speaker) not in told:
            told.add((corpus, speaker))
            reason = f"speaker {speaker} is in {where} too"
            yield _finding(
                entry, "shared speaker", reason, "hold speakers out whole: --split speaker", quarantined=False
            )


def _report(
    entries: Sequence[_Entry], findings: list[Finding], fits: dict[str, TextFit], names: Sequence[str]
) -> CheckReport:
    bad = {(finding.set_name, finding.utterance_id) for finding in findings if finding.quarantined}
    clean: dict[str, list[Utterance]] = {name: [] for name in names}
    quarantined: dict[str, list[Utterance]] = {name: [] for name in names}
    for entry in entries:
        if (entry.set_name, entry.utterance.id) in bad:
            quarantined[entry.set_name].append(entry.utterance)
        else:
            assert entry.facts is not None
            mended = replace(entry.utterance, text=entry.text, duration_s=entry.facts.duration_s)
            clean[entry.set_name].append(mended)
    order = {name: place for place, name in enumerate(names)}
    findings.sort(key=lambda finding: (order[finding.set_name], not finding.quarantined))
    return CheckReport(clean, quarantined, findings, fits)
