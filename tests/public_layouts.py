"""Small imitations of the public corpora of english-small, in the layouts of their releases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile


def write_audio(path: Path, seconds: float = 0.5) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".raw":
        np.zeros(int(seconds * 16_000), "<i2").tofile(path)
        return
    soundfile.write(path, np.zeros(int(seconds * 16_000)), 16_000, format="FLAC" if path.suffix == ".flac" else "WAV")


def write_lines(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def make_chapters(folder: Path, *utterance_ids: str) -> None:
    for utterance_id in utterance_ids:
        reader, chapter, _ = utterance_id.split("-")
        write_lines(folder / reader / chapter / f"{reader}-{chapter}.trans.txt", f"{utterance_id} MISTER O'BRIEN CAME")
        write_audio(folder / reader / chapter / f"{utterance_id}.flac")


def make_mini_librispeech(folder: Path) -> None:
    make_chapters(folder / "train-clean-5", "1088-134315-0000", "332-128985-0000", "9999-1-0000")


def make_librispeech_train(folder: Path) -> None:
    make_chapters(folder / "train-clean-100", "19-227-0072", "26-495-0091", "32-21625-0000", "39-121914-0001")
    make_chapters(folder / "train-clean-100", "1088-134315-0000")  # Mini LibriSpeech is a part of it


def make_librispeech_dev(folder: Path) -> None:
    make_chapters(folder / "dev-clean", "84-121123-0004", "174-168635-0001", "422-122949-0035", "3752-4943-0000")


def make_speechocean(folder: Path) -> None:
    for part, speaker, utterance in (
        ("train", "0001", "000010011"),
        ("train", "0001", "000010012"),
        ("train", "0001", "000010013"),
        ("train", "0001", "000010014"),
        ("train", "7001", "070010001"),
        ("test", "0094", "000940012"),
        ("test", "0003", "000030012"),
        ("test", "3014", "030140010"),
    ):
        audio = f"WAVE/SPEAKER{speaker}/{utterance}.WAV"
        write_audio(folder / audio)
        for name, value in (("wav.scp", audio), ("text", "WE CALL IT BEAR"), ("utt2spk", speaker)):
            (folder / part).mkdir(exist_ok=True)
            with (folder / part / name).open("a", encoding="utf-8") as file:
                file.write(f"{utterance}\t{value}\n")


def make_kathleen(folder: Path) -> None:
    for name in ("a0001_1592748574", "a0001_1592748585", "b0469_1592527437", "b0470_1592527426", "b0500_1592526500"):
        end = {"b0469": " And so on", "b0470": " And on"}.get(name[:5], "")
        write_lines(folder / "data" / f"arctic_{name}.txt", f"Author of the danger trail, Mrs. Steels, etc.{end}")
        write_audio(folder / "data" / f"arctic_{name}.wav")


def make_cmu_arctic(folder: Path) -> None:
    for voice in ("bdl", "slt", "awb"):
        voice_dir = folder / f"cmu_us_{voice}_arctic"
        prompts = ("a0001", "a0438", "b0482", "b0514")
        lines = [f'( arctic_{prompt} "Author of the \\"danger\\" trail." )' for prompt in prompts]
        write_lines(voice_dir / "etc" / "txt.done.data", *lines, "")
        for prompt in prompts:
            write_audio(voice_dir / "wav" / f"arctic_{prompt}.wav")


def make_an4(folder: Path) -> None:
    write_lines(folder / "etc" / "an4_train.transcription", "<s> ENTER SIX </s> (an251-fash-b)")
    write_audio(folder / "wav" / "an4_clstk" / "fash" / "an251-fash-b.raw")


def make_ljspeech(folder: Path) -> None:
    names = ("LJ001-0001", "LJ002-0115", "LJ002-0144", "LJ002-0145", "LJ002-0170", "LJ003-0001")
    write_lines(folder / "metadata.csv", *(f"{name}|In 1805|In eighteen oh five," for name in names))
    for name in names[:5]:  # clips that are not used need not be there
        write_audio(folder / "wavs" / f"{name}.wav")


def make_vctk(folder: Path) -> None:
    for name in ("p239_001", "p239_002", "p239_464", "p239_465", "p239_480", "p226_011", "p226_012", "p225_001"):
        speaker = name[:4]
        write_lines(folder / "txt" / speaker / f"{name}.txt", "Please call Stella.")
        for microphone in ("mic1", "mic2"):
            write_audio(folder / "wav48_silence_trimmed" / speaker / f"{name}_{microphone}.flac")


# Option, and what its archive unpacks to.
MAKERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "mini-librispeech": ("LibriSpeech", make_mini_librispeech),
    "librispeech-train": ("LibriSpeech", make_librispeech_train),
    "librispeech-dev": ("LibriSpeech", make_librispeech_dev),
    "speechocean": ("speechocean762", make_speechocean),
    "kathleen": ("dataset-voice-kathleen", make_kathleen),
    "cmu-arctic": ("", make_cmu_arctic),
    "an4": ("an4", make_an4),
    "ljspeech": ("LJSpeech-1.1", make_ljspeech),
    "vctk": ("VCTK-Corpus-0.92", make_vctk),
}
