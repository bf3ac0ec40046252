"""Everything in asrkit that reads bytes of strangers, with whole files to damage: one table, a row a reader."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import json
import lzma
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import damaged_models
import numpy as np
import soundfile
import transcript_files as transcripts
from damaged_files import Files, damage_files
from foreign_graphs import hugging_face_folder, planted_sound
from media_files import encode
from random_bundle import random_bundle

from asrkit import _native, errors
from asrkit.audio import Reading, load_waveform, measure_duration_s, probe
from asrkit.cli.settings import Project
from asrkit.config import DecodingConfig, RunConfig, ScoringConfig, TranscriptionConfig
from asrkit.data.manifest import left_out, read_manifest, scan_manifest
from asrkit.decoder import BeamSearchDecoder
from asrkit.language_model import NgramModel
from asrkit.metrics.scoring import score
from asrkit.metrics.transcripts import read_transcripts
from asrkit.model.bundle import Bundle
from asrkit.model.importing import Wishes, import_model
from asrkit.text import Lexicon, Symbols, WordRule
from asrkit.text.token_files import read_symbols
from asrkit.training.checkpoint import RunState, load_checkpoint, require_same_run, save_checkpoint
from asrkit.transcription import TranscriptionSummary, decode_emissions, transcribe
from asrkit.transcription.folder import OutputFolder
from asrkit.transcription.status import read_status

Make = Callable[[Path], Sequence[Files]]
Read = Callable[[Path, int], object]
Refusals = type[Exception] | tuple[type[Exception], ...]


@dataclass(frozen=True)
class Reader:
    """One way in.

    Args:
        name: What it reads.
        make: Returns folders of whole files, made in an empty folder; the first file of each is what is named to it.
        read: Does what commands do with a file, and has the number of the case.
        refusals: What it may raise.
        damage: Returns the kind of damage of a case, and the files of one of the folders with it.
        is_native: Whether its bytes get to the extension, so that it is tried with sanitizers too.
    """

    name: str
    make: Make
    read: Read
    refusals: Refusals
    damage: Callable[[Sequence[Files], int], tuple[str, Files]] = damage_files
    is_native: bool = False


TEXTS = {"spk-1": "hello big world", "spk-2": "the cat sat", "spk-3": "so it is"}
TOKENS = ("<blk>", "▁a", "b", "▁", "c", "<unk>")
ONE_JOB = TranscriptionConfig(jobs=1)


def contents(folder: Path) -> Files:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def given(*files: tuple[str, str]) -> Make:
    """Return what makes a folder of each file."""
    return lambda folder: [{name: text.encode()} for name, text in files]


def part_of(make: Callable[[Path], Files], name: str, read: Read) -> tuple[Make, Read]:
    """Return what makes one file of a folder, and what reads it beside the others, which are whole."""
    others: Files = {}

    def make_part(folder: Path) -> Sequence[Files]:
        others.update(make(folder))
        return [{name: others.pop(name)}]

    def read_part(path: Path, case: int) -> None:
        for other, data in others.items():
            path.with_name(other).write_bytes(data)
        read(path, case)

    return make_part, read_part


def arpa(folder: Path) -> Sequence[Files]:
    text = damaged_models.TINY.read_bytes()
    return [{"m.arpa": text}, {"m.arpa": text}, {"m.arpa.gz": gzip.compress(text)}]


def binary(folder: Path) -> Sequence[Files]:
    return [{"m.bin": data} for data in damaged_models.whole_models(folder)]


def damaged_binary(folders: Sequence[Files], case: int) -> tuple[str, Files]:
    kind, data = damaged_models.damaged([files["m.bin"] for files in folders], case)
    return kind, {"m.bin": data}


def kenlm(folder: Path) -> Sequence[Files]:
    models = contents(Path(__file__).parent / "golden/kenlm")
    return [{name: data} for name, data in models.items() if not name.endswith(".md")]


def use_model(path: Path, case: int) -> None:
    model = NgramModel.load(path)
    damaged_models.use_in_search(model, case)
    damaged_models.use_in_tools(model, path.parent)


def use_changed_model(path: Path, case: int) -> None:
    model = NgramModel(_native.NgramModel.open_binary(np.frombuffer(bytearray(path.read_bytes()), np.uint8)))
    damaged_models.use_in_search(model, case)
    damaged_models.use_in_tools(model, path.parent)


def own_bundle(folder: Path) -> Files:
    return contents(random_bundle(folder / "own").path)


def foreign_bundle(folder: Path) -> Files:
    wishes = Wishes(longest_s=5.0)
    return contents(import_model(hugging_face_folder(folder / "hf"), folder / "foreign", wishes).path)


def use_bundle(path: Path, case: int) -> None:
    bundle = Bundle.load(path.parent)
    bundle.describe()
    _ = bundle.units
    if not bundle.is_foreign:
        bundle.weights()
    sound = path.with_name("sound.wav")
    soundfile.write(sound, planted_sound([5, 4, 6]), 16_000)
    decoding = DecodingConfig.from_dict(bundle.decoding)
    require_all(transcribe([sound], bundle, output_dir=None, decoding=decoding, config=ONE_JOB))


def require_all(summary: TranscriptionSummary) -> None:
    if summary.failures:
        raise errors.TranscriptionError(summary.failures[0].reason)


def run(folder: Path) -> Files:
    for name, outputs in {"a": [5, 4, 6], "b": [7, 4, 5, 4]}.items():
        soundfile.write(folder / f"{name}.wav", planted_sound(outputs), 16_000)
    how = {"decoding": DecodingConfig(n_best=2), "keep_emissions": True}
    transcribe([folder / "a.wav", folder / "b.wav"], random_bundle(folder / "m"), output_dir=folder / "out", **how)
    return {name: (folder / "out" / name).read_bytes() for name in ("results.jsonl", "run.json")} | {
        "a.emissions.npz": (folder / "out/emissions/a.emissions.npz").read_bytes()
    }


def use_run(path: Path, case: int) -> None:
    read_status(path.parent).to_dict()
    folder = OutputFolder(path.parent)
    with contextlib.closing(folder):
        for utterance_id in folder.results:
            entry = folder.results.get(utterance_id)
            assert entry is not None and folder.results.read(entry).utterance_id == utterance_id
        folder.begin(list(folder.results), {"key": "k"}, {"width": 42})
        folder.finish(list(folder.results), set(), {})
    read_transcripts(path.with_name("results.jsonl"), "hypothesis")


def decode_kept(path: Path, case: int) -> None:
    require_all(decode_emissions([path], output_dir=path.parent / "out", keep_emissions=True, config=ONE_JOB))


def arrays(folder: Path) -> Sequence[Files]:
    values = np.log(np.random.default_rng(1).dirichlet(np.ones(len(TOKENS)), 9)).astype(np.float32)
    np.save(folder / "u.npy", values)
    np.savez(folder / "u.npz", a=values, b=values.astype(np.float16))
    header = b"u \0BFM \4" + np.int32(9).tobytes() + b"\4" + np.int32(len(TOKENS)).tobytes()
    (folder / "u.ark").write_bytes(header + values.tobytes())
    return [{name: data} for name, data in contents(folder).items()]


def decode_arrays(path: Path, case: int) -> None:
    tokens = path.with_name("tokens.txt")
    tokens.write_text("".join(f"{token} {index}\n" for index, token in enumerate(TOKENS)))
    require_all(decode_emissions([path], tokens=tokens, output_dir=None, config=ONE_JOB))


def tokens(folder: Path) -> Sequence[Files]:
    ids = {token: index for index, token in enumerate(TOKENS)}
    tokenizer = {"model": {"vocab": ids}, "added_tokens": [{"id": 6, "content": "<pad>"}]}
    jsons = {"vocab.json": ids, "labels.json": list(TOKENS), "tokenizer.json": tokenizer}
    texts = {"tokens.txt": "".join(f"{token} {index}\n" for token, index in ids.items()), "labels": "\n".join(TOKENS)}
    return given(*texts.items(), *((name, json.dumps(value)) for name, value in jsons.items()))(folder)


def use_tokens(path: Path, case: int, lexicon: Lexicon | None = None) -> None:
    symbols = read_symbols(path) if lexicon is None else Symbols(("", "h", "l", "eh", "|"), 0, WordRule.BAR)
    decoder = BeamSearchDecoder(symbols, config=DecodingConfig(beam=7, n_best=3), lexicon=lexicon)
    values = np.random.default_rng(case).dirichlet(np.ones(len(symbols)), 8).astype(np.float32)
    decoder.decode(np.log(np.maximum(values, 1e-9)))


def use_lexicon(path: Path, case: int) -> None:
    lexicon = Lexicon.read(path)
    lexicon.plain()
    use_tokens(path, case, lexicon)


def checkpoint(folder: Path) -> Sequence[Files]:
    row = {"epoch": 1, "loss": 3.5, "dev_wer": 50.0, "dev_cer": 20.0, "dev_loss": 2.5}
    state = RunState(
        epoch=1, batch=3, loss_sum=7.5, best_epoch=1, history=[row], config=RunConfig().to_dict(), data="d"
    )
    save_checkpoint(folder / "checkpoint.npz", state, {"network": [np.ones((2, 3), np.float32), np.ones(3)]})
    return [contents(folder)]


def use_checkpoint(path: Path, case: int) -> None:
    require_same_run(load_checkpoint(path)[0], RunState(config=RunConfig().to_dict(), data="d"), path.parent)


def use_manifest(path: Path, case: int) -> None:
    left_out(path)
    scan_manifest(path)  # of which no recording is there
    read_manifest(path, require_audio=False)


def lhotse(folder: Path) -> Sequence[Files]:
    recording = {"id": "r", "sources": [{"type": "file", "channels": [0, 1], "source": "a.wav"}], "duration": 9.0}
    said = {"id": "s", "recording_id": "r", "start": 0.5, "duration": 2, "channel": 0, "text": "One.", "speaker": "x"}
    cut = {"id": "c", "start": 0.5, "recording": recording, "supervisions": [said]}
    cuts, supervisions, recordings = (json.dumps(row).encode() + b"\n" for row in (cut, said, recording))
    pair = {"supervisions.jsonl": supervisions, "recordings.jsonl": recordings}
    return [{"cuts.jsonl": cuts}, {"cuts.jsonl.gz": gzip.compress(cuts)}, pair]


def use_transcripts(path: Path, case: int) -> None:
    ref = path.with_name(f"ref{path.suffix}")
    ref.write_bytes(path.read_bytes())
    if path.suffix == ".ctm":
        ref = path.with_name("ref.stm")
        ref.write_text(STM)
    score(path, ref, ScoringConfig(resamples=10, missing="deletions", extra="ignore"))


def packed(folder: Path) -> Sequence[Files]:
    packers = {"gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress}
    return [{f"a.trn.{suffix}": compress(TRN.encode())} for suffix, compress in packers.items()]


def sounds(suffix: str, **options: str) -> Make:
    def make(folder: Path) -> Sequence[Files]:
        noise = np.random.default_rng(1).normal(0, 0.1, (12_000, 2))
        for name, samples in {"mono": noise[:, 0], "stereo": noise}.items():
            soundfile.write(folder / f"{name}.{suffix}", samples, 16_000, **options)
        return [{name: data} for name, data in contents(folder).items()]

    return make


def media(folder: Path) -> Sequence[Files]:
    """What only FFmpeg reads: an MP4 of a phone, a WebM of a browser."""
    noise = np.random.default_rng(1).normal(0, 0.1, 36_000).astype(np.float32)
    encode(folder / "phone.m4a", noise, "aac", 48_000, fflags="bitexact")
    encode(folder / "browser.webm", noise, "libopus", 48_000, fflags="bitexact")
    return [{name: data} for name, data in contents(folder).items()]


def hear(path: Path, case: int) -> None:
    with contextlib.suppress(errors.AudioError):
        load_waveform(path, reading=Reading(salvage=True))
    probe(path)
    measure_duration_s(path)
    load_waveform(path, 8_000)


LEXICON = "hello\th eh l\nhello\th l\ncat\teh\nlow\tl eh\n"
CMUDICT = ";;; words\nhello h eh l # said\nhello(2) h l\ncat eh\nlow l eh\n"
TOML = """preset = "tiny"
[data]
train = "train.tsv"
alphabet = " abc'"
[features]
mel_bins = 20
hop_ms = 10.0
[model]
conv_layers = [{channels = 4, kernel_frames = 5, kernel_bins = 5, stride_frames = 3, stride_bins = 4}]
rnn_layers = 1
[training]
epochs = 2
augmentation.speeds = [0.9, 1.0]
augmentation.codecs = ["mp3-32k"]
[decoding]
beam = 50
hotwords = ["big cat=3"]
[transcription]
format = ["txt", "srt"]
"""
ROWS = [f"{i}.wav,1.5,ann,0,1.0,{text},{name}" for i, (name, text) in enumerate(TEXTS.items())]
CSV = "\n".join(["path,seconds,speaker,channel,weight,text,utterance_id", *ROWS, ""])
NEMO = "".join(
    json.dumps({"audio_filepath": "a.wav", "duration": 1.5, "offset": 0.5, "speaker": "ann", "text": t, "id": n}) + "\n"
    for n, t in TEXTS.items()
)
STM = ";; c\n" + "".join(f"{name} 1 ann 0.0 9.5 <o,f0> {text}\n" for name, text in TEXTS.items())
CTM = "".join(f"{n} 1 {i}.5 0.25 {word} 0.9\n" for n, text in TEXTS.items() for i, word in enumerate(text.split()))
TRN = "".join(f"{text} ({name})\n" for name, text in TEXTS.items())
RECOGS = "".join(f"{name}:\t{side}={text.split()}\n" for name, text in TEXTS.items() for side in ("ref", "hyp"))
TABLES = (("a.csv", CSV), ("a.tsv", CSV.replace(",", "\t")), ("recogs-a.txt", RECOGS), ("a.jsonl", NEMO))
JSONS = [transcripts.WHISPER, transcripts.WHISPERX, transcripts.WHISPER_CPP, transcripts.VOSK, transcripts.AMAZON]
JSONS += [transcripts.GOOGLE, transcripts.SEGMENTS, [{"id": name, "text": text} for name, text in TEXTS.items()]]

_BUNDLE = (errors.BundleError, errors.ConfigError, errors.TranscriptionError)
_EMISSIONS = (errors.DecodingError, errors.ConfigError, errors.TranscriptionError, errors.ManifestError)
_LM = errors.LanguageModelError
_CHANGED = "binary models, changed after the check"
NATIVE = (
    Reader("ARPA models", arpa, use_model, _LM, is_native=True),
    Reader("binary models", binary, use_model, _LM, damaged_binary, is_native=True),
    Reader(_CHANGED, binary, use_changed_model, _native.NgramFileError, damaged_binary, is_native=True),
    Reader("arrays of emissions", arrays, decode_arrays, _EMISSIONS, is_native=True),
    Reader("tokens", tokens, use_tokens, errors.ConfigError, is_native=True),
    Reader("lexicons", given(("a", LEXICON), ("b", CMUDICT)), use_lexicon, errors.LexiconError, is_native=True),
)
READERS = (
    *NATIVE,
    Reader("KenLM binaries", kenlm, use_model, _LM),
    Reader("bundle.json", *part_of(own_bundle, "bundle.json", use_bundle), _BUNDLE),
    Reader("weights.npz", *part_of(own_bundle, "weights.npz", use_bundle), _BUNDLE),
    Reader("ONNX graphs", *part_of(foreign_bundle, "model.onnx", use_bundle), _BUNDLE),
    Reader("bundle.json, made elsewhere", *part_of(foreign_bundle, "bundle.json", use_bundle), _BUNDLE),
    Reader("emissions", *part_of(run, "a.emissions.npz", decode_kept), _EMISSIONS),
    Reader("checkpoints", checkpoint, use_checkpoint, errors.TrainingError),
    Reader("results.jsonl", *part_of(run, "results.jsonl", use_run), (errors.TranscriptionError, errors.ScoringError)),
    Reader("run.json", *part_of(run, "run.json", use_run), errors.TranscriptionError),
    Reader("TOML", given(("a.toml", TOML)), lambda path, case: Project.load(path), errors.ConfigError),
    Reader("manifests, TSV", given(("m.tsv", CSV.replace(",", "\t"))), use_manifest, errors.ManifestError),
    Reader("manifests, CSV", given(("m.csv", CSV)), use_manifest, errors.ManifestError),
    Reader("manifests, JSON lines", given(("m.jsonl", NEMO)), use_manifest, errors.ManifestError),
    Reader("manifests, lhotse", lhotse, use_manifest, errors.ManifestError),
    Reader("packed transcripts", packed, use_transcripts, errors.ScoringError),
    Reader("tables of transcripts", given(*TABLES), use_transcripts, errors.ScoringError),
    Reader("trn", given(("a.trn", TRN)), use_transcripts, errors.ScoringError),
    Reader("stm", given(("a.stm", STM)), use_transcripts, errors.ScoringError),
    Reader("ctm", given(("a.ctm", CTM)), use_transcripts, errors.ScoringError),
    Reader("SRT", given(("a.srt", transcripts.SRT)), use_transcripts, errors.ScoringError),
    Reader("WebVTT", given(("a.vtt", transcripts.VTT)), use_transcripts, errors.ScoringError),
    Reader("JSON", given(*(("a.json", json.dumps(j, indent=1)) for j in JSONS)), use_transcripts, errors.ScoringError),
    Reader("WAV", sounds("wav"), hear, errors.AudioError),
    Reader("FLAC", sounds("flac"), hear, errors.AudioError),
    Reader("MP3", sounds("mp3"), hear, errors.AudioError),
    Reader("Opus", sounds("opus", format="OGG", subtype="OPUS"), hear, errors.AudioError),
    Reader("M4A and WebM", media, hear, errors.AudioError),
)
