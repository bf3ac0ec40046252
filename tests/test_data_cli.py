"""``asrkit data`` end to end on small corpora."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import soundfile
from test_download import Server, server, tar  # noqa: F401
from typer.testing import CliRunner, Result

from asrkit.cli.data import _print_statistics
from asrkit.cli.whole import app
from asrkit.data import read_manifest
from asrkit.data.download import ARCHIVES, Archive
from asrkit.data.split import SPLITS
from asrkit.data.statistics import CorpusStatistics


@pytest.fixture
def ljspeech(tmp_path: Path) -> Path:
    folder = tmp_path / "LJSpeech-1.1"
    (folder / "wavs").mkdir(parents=True)
    ids = [f"LJ{chapter:03}-{clip:04}" for chapter in range(1, 21) for clip in range(1, 31)]
    (folder / "metadata.csv").write_text("".join(f'{name}|Dr. {name}|Doctor "Caf\u00e9"\n' for name in ids))
    soundfile.write(tmp_path / "silence.wav", np.zeros(220), 22_050)
    for name in ids:
        (folder / "wavs" / f"{name}.wav").write_bytes((tmp_path / "silence.wav").read_bytes())
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["data", *map(str, arguments)])


def test_importing_measures_fits_and_reports(ljspeech: Path, tmp_path: Path) -> None:
    (ljspeech / "wavs" / "LJ001-0002.wav").unlink()
    (ljspeech / "wavs" / "LJ001-0003.wav").write_bytes(b"")
    result = run("import", ljspeech, "-o", tmp_path / "m.tsv")
    assert result.exit_code == 3
    assert result.stdout == f"{tmp_path / 'm.tsv'}\n"
    assert "598 utterances" in result.stderr
    assert "'\u00e9' (U+00E9 LATIN SMALL LETTER E WITH ACUTE): 598 folded" in result.stderr
    assert f"{ljspeech / 'metadata.csv'}:2: no audio file" in result.stderr
    assert "LJ001-0003.wav: the file is empty" in result.stderr
    first = read_manifest(tmp_path / "m.tsv")[0]
    assert (first.id, first.text, first.duration_s) == ("LJ001-0001", "doctor cafe", 0.01)


def test_importing_to_jsonl_may_keep_the_text(ljspeech: Path, tmp_path: Path) -> None:
    assert run("import", ljspeech, "-o", tmp_path / "m.jsonl", "--keep-text").exit_code == 0
    entry = json.loads((tmp_path / "m.jsonl").read_text().splitlines()[0])
    assert entry["text"] == 'Doctor "Caf\u00e9"'
    assert entry["audio_filepath"] == "LJSpeech-1.1/wavs/LJ001-0001.wav"


@pytest.mark.parametrize(
    ("split", "sizes"),
    [
        ("random", {"train": 540, "dev": 60}),
        ("speaker", {"train": 540, "dev": 60}),
        ("last500", {"train": 100, "dev": 250, "test": 250}),
        ("chapter", {"train": 480, "dev": 60, "test": 60}),
    ],
)
def test_splits_of_ljspeech(ljspeech: Path, tmp_path: Path, split: str, sizes: dict[str, int]) -> None:
    assert run("import", ljspeech, "-o", tmp_path / "sets", "--split", split).exit_code == 0
    sets = {path.stem: {u.id for u in read_manifest(path)} for path in (tmp_path / "sets").iterdir()}
    assert {name: len(ids) for name, ids in sets.items()} == sizes
    assert len(set.union(*sets.values())) == 600
    if split == "last500":
        assert max(sets["train"]) < min(sets["dev"])
        assert max(sets["dev"]) < min(sets["test"])
    if split == "chapter":
        assert {name[:5] for name in sets["dev"]} == {"LJ005", "LJ015"}
        assert {name[:5] for name in sets["test"]} == {"LJ010", "LJ020"}


def test_a_folder_holds_the_sets_of_one_split(ljspeech: Path, tmp_path: Path) -> None:
    sets = tmp_path / "sets"
    for split in ("chapter", "last500"):
        assert run("import", ljspeech, "-o", sets, "--split", split).exit_code == 0
    before = {path: path.read_bytes() for path in sets.iterdir()}
    assert str(run("import", ljspeech, "-o", sets, "--split", "random").exception) == (
        f"{sets / 'test.tsv'}: is no set of the split random, which may train on its utterances; remove it, or name "
        "another folder"
    )
    assert {path: path.read_bytes() for path in sets.iterdir()} == before
    (sets / "test.tsv").unlink()
    assert run("import", ljspeech, "-o", sets, "--split", "random").exit_code == 0


def test_an_import_keeps_its_sources(ljspeech: Path, tmp_path: Path) -> None:
    whole = tmp_path / "train.tsv"
    assert run("import", ljspeech, "-o", whole).exit_code == 0
    content = whole.read_bytes()
    (tmp_path / "link").symlink_to(tmp_path)
    for output in (["-o", whole], ["-o", tmp_path / "link", "--split", "random"], ["-o", tmp_path / "link/train.tsv"]):
        result = run("import", ljspeech, whole, *output)
        assert f"train.tsv: is kept: it is the source {whole}, or may belong to it; name another output" in str(
            result.exception
        )
    assert whole.read_bytes() == content


def test_an_import_into_the_folder_of_its_source_replaces_its_own_files_only(ljspeech: Path) -> None:
    for name in ("train.tsv", "all.jsonl"):
        for _ in range(2):
            assert run("import", ljspeech, "-o", ljspeech / name).exit_code == 0
    (ljspeech / "dev.tsv").write_text("client_id\tpath\tsentence\n")
    for source in (ljspeech, ljspeech / "all.jsonl"):
        result = run("import", source, "-o", ljspeech, "--split", "random")
        assert str(result.exception).startswith(f"{ljspeech / 'dev.tsv'}: is kept: it is the source {source}, or may")
    assert (ljspeech / "dev.tsv").read_text() == "client_id\tpath\tsentence\n"


def test_an_export_keeps_its_source(ljspeech: Path, tmp_path: Path) -> None:
    source = tmp_path / "m.jsonl"
    assert run("import", ljspeech, "-o", source).exit_code == 0
    content = source.read_bytes()
    assert "is kept: it is the source" in str(run("export", source, source, "--to", "nemo").exception)
    assert source.read_bytes() == content
    for _ in range(2):  # what was written is
        assert run("export", source, tmp_path / "kaldi", "--to", "kaldi").exit_code == 0
    kaldi = tmp_path / "kaldi"
    assert "is kept: it is the source" in str(run("export", kaldi, kaldi, "--to", "kaldi").exception)


def test_wrong_use_is_one_line(ljspeech: Path, tmp_path: Path) -> None:
    result = run("import", ljspeech, "-o", tmp_path / "folder")
    assert str(result.exception) == "--output must end in .tsv or .jsonl, not 'folder'; a folder needs --split"
    for chapter in range(2, 21):
        for path in (ljspeech / "wavs").glob(f"LJ{chapter:03}-*"):
            path.unlink()
    for split, message in (("last500", "more than 500 utterances, not 30"), ("chapter", "10 chapters, not 1")):
        assert message in str(run("import", ljspeech, "-o", tmp_path / "sets", "--split", split).exception)


def test_stats_count(ljspeech: Path) -> None:
    result = run("stats", ljspeech, "--json")
    assert result.exit_code == 0
    (entry,) = json.loads(result.stdout)
    assert (entry["name"], entry["num_utterances"], entry["num_speakers"]) == ("ljspeech", 600, 1)
    assert (entry["num_words"], entry["num_distinct_words"]) == (1200, 2)
    assert entry["hours"] == pytest.approx(600 * 220 / 22_050 / 3600)
    manifest = ljspeech / "one.tsv"
    name = "corpus_of_a_name_longer_than_any_column"
    manifest.write_text(f"path\ttext\tcorpus\nwavs/LJ001-0001.wav\tyes\t{name}\n")
    assert name in "".join(line.split()[0] for line in run("stats", manifest).stdout.splitlines() if line.split())
    picture = ljspeech / "stats.png"
    assert "600" in run("stats", ljspeech, "--plot", picture).stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "the figure cannot be written" in str(run("stats", ljspeech, "--plot", ljspeech / "stats.xyz").exception)


def test_numbers_of_a_large_corpus_are_whole(capsys: pytest.CaptureFixture[str]) -> None:
    numbers = (281_241, 2_338, 960.91, 0, 1.3, 13.3, 24.5, 9_403_555, 89_114, 14.0, dict[str, int]())
    _print_statistics([CorpusStatistics("a_corpus_of_a_long_name", *numbers).to_dict()])
    words = capsys.readouterr().out.split()
    assert [*map(words.count, ("281,241", "2,338", "960.91", "24.5", "9,403,555", "89,114"))] == [1] * 6


def test_downloading_ends_in_manifests(
    server: Server,  # noqa: F811
    ljspeech: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = [path for path in sorted(ljspeech.rglob("*")) if path.is_file()]
    server.content = tar(*((str(path.relative_to(tmp_path)), path.read_bytes()) for path in files))
    digest = hashlib.sha256(server.content).hexdigest()
    archive = Archive(server.url, len(server.content), digest, ljspeech.name, 10_000_000, 1_000)
    monkeypatch.setitem(ARCHIVES, "ljspeech", archive)
    data = tmp_path / "data"
    result = run("download", "ljspeech", "--into", data)
    assert result.exit_code == 0, result.output
    assert result.stdout.split() == [str(data / "ljspeech" / f"{name}.tsv") for name in ("train", "dev", "test")]
    assert read_manifest(data / "ljspeech" / "test.tsv")[0].audio_path.is_relative_to(data / ljspeech.name)
    assert "is no set of the split random" in str(
        run("download", "ljspeech", "--into", data, "--split", "random").exception
    )
    (data / ljspeech.name / "wavs" / "LJ001-0003.wav").write_bytes(b"")
    (tmp_path / "asrkit.toml").write_text('data.alphabet = " abcdefghijklmnopqrstuvwxyz\u00e9"\n')
    monkeypatch.chdir(tmp_path)
    result = run("download", "ljspeech", "--into", data)
    assert result.exit_code == 3, result.output
    assert read_manifest(data / "ljspeech" / "test.tsv")[0].text == "doctor caf\u00e9"


def test_the_options_name_what_the_library_offers() -> None:
    from asrkit.cli.data import Corpus, Split

    assert set(get_args(Split)) == set(SPLITS)
    assert set(get_args(Corpus)) == set(ARCHIVES)


def test_lengths_of_a_manifest_are_measured_not_believed(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(16_000), 8_000)
    entries = [
        {"duration": 99},
        {"duration": 99, "offset": 0.5},
        {"duration": 1, "offset": 0.5},
        {"offset": 10, "duration": 1},
    ]
    lines = [
        json.dumps({"audio_filepath": "a.wav", "text": "one", "id": f"u{n}", **entry})
        for n, entry in enumerate(entries)
    ]
    (tmp_path / "m.jsonl").write_text("\n".join(lines) + "\n")
    result = run("import", tmp_path / "m.jsonl", "-o", tmp_path / "out.tsv")
    assert result.exit_code == 3
    assert "lasts 2.00 s, but 'u3' begins at 10.00 s; mend its start" in result.stderr
    lengths = {u.id: u.duration_s for u in read_manifest(tmp_path / "out.tsv")}
    assert lengths == {"u0": 2.0, "u1": 1.5, "u2": 1.0}
