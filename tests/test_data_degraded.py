"""Degraded sets: what was asked for, in columns beside the text, the same for any threads; nothing is replaced."""

import hashlib
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from tone_speech import write_corpus
from typer.testing import CliRunner

from asrkit.cli.whole import app
from asrkit.config import AugmentationConfig
from asrkit.data import Utterance, read_manifest, write_manifest
from asrkit.data import degraded as degrading
from asrkit.data.degraded import degrade_set
from asrkit.degrading import Degrader
from asrkit.degrading.rooms import add_room
from asrkit.errors import ConfigError, ManifestError

ALL = AugmentationConfig(
    speeds=(1.0,),
    gain_db=0.0,
    noise_probability=1.0,
    noises=("babble", "white"),
    room_probability=1.0,
    clip_probability=1.0,
    codec_probability=1.0,
    codecs=("telephone", "mp3-32k"),
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("data") / "tones", 6)


def rows(manifest):
    header, *lines = manifest.read_text(encoding="utf-8").splitlines()
    return [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]


def digests(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def run(*arguments):
    return CliRunner().invoke(app, ["data", "degrade", *map(str, arguments)])


def test_what_was_done_stands_in_the_manifest(corpus, tmp_path):
    utterances = read_manifest(corpus)
    written = degrade_set(utterances, tmp_path / "out", ALL, name="noisy")
    assert written.manifest == tmp_path / "out" / "noisy.tsv"
    assert written.errors == []
    found = rows(written.manifest)
    assert list(found[0]) == [
        *("utterance_id", "path", "seconds", "speaker", "corpus"),
        *("room", "noise", "snr", "clip", "codec", "text"),
    ]
    assert {row["noise"] for row in found} == {"babble", "white"}
    assert {row["codec"] for row in found} == {"telephone", "mp3-32k"}
    assert all(10 <= float(row["snr"]) <= 30 and 0.2 <= float(row["room"]) <= 0.7 for row in found)
    for before, after in zip(utterances, read_manifest(written.manifest), strict=True):
        assert replace(after, audio_path=before.audio_path) == replace(before, duration_s=after.duration_s)
        assert after.audio_path == tmp_path / "out" / "audio" / f"{before.id}.flac"
        assert len(after.waveform(16_000)) == len(before.waveform(16_000))


def test_columns_are_those_of_what_happens_and_the_level_is_that_asked_for(corpus, tmp_path):
    config = AugmentationConfig(speeds=(1.0,), gain_db=0, noise_probability=1.0, noise_snr_db=(5.0, 5.0))
    written = degrade_set(read_manifest(corpus), tmp_path / "out", config, suffix=".wav")
    assert list(rows(written.manifest)[0]) == [
        *("utterance_id", "path", "seconds", "speaker", "corpus", "noise", "snr", "text"),
    ]
    for before, after in zip(read_manifest(corpus), written.utterances, strict=True):
        clean, noisy = before.waveform(16_000), after.waveform(16_000)
        noisy *= np.vdot(clean, clean) / np.vdot(clean, noisy)  # what would be too loud is written softer
        snr_db = 10 * np.log10(np.square(clean).sum() / np.square(noisy - clean).sum())
        assert snr_db == pytest.approx(5, abs=0.3)


def test_threads_order_and_company_change_nothing(corpus, tmp_path, monkeypatch):
    utterances = read_manifest(corpus)
    degrade_set(utterances, tmp_path / "many", ALL)
    monkeypatch.setattr(degrading.os, "cpu_count", lambda: 1)
    degrade_set(utterances, tmp_path / "one", ALL)
    assert digests(tmp_path / "many") == digests(tmp_path / "one")
    degrade_set(utterances, tmp_path / "other", ALL, seed=2)
    assert not set(digests(tmp_path / "other").values()) & set(digests(tmp_path / "one").values())
    white = ALL.replace(noises=("white",))
    degrade_set(utterances, tmp_path / "all", white)
    degrade_set(utterances[:1:-1], tmp_path / "some", white)
    kept = {name: digest for name, digest in digests(tmp_path / "some").items() if name.startswith("audio")}
    assert len(kept) == 4
    assert kept.items() <= digests(tmp_path / "all").items()


def test_a_test_set_is_not_in_the_rooms_of_a_training_run_of_its_seed(corpus, tmp_path):
    config = AugmentationConfig(speeds=(1.0,), gain_db=0, room_probability=1.0)
    written = degrade_set(read_manifest(corpus), tmp_path / "out", config, seed=1)
    training = Degrader(config, 16_000, 1)
    clean = read_manifest(corpus)[0].waveform(16_000)
    heard = written.utterances[0].waveform(16_000)
    for number in range(64):
        assert np.abs(add_room(clean, training._computed(number)[1]) - heard).max() > 0.01


def test_parts_of_recordings_become_recordings(corpus, tmp_path):
    (whole, *_) = read_manifest(corpus)
    parts = [replace(whole, id=f"p{i}", start_s=i * 0.3, end_s=i * 0.3 + 0.3, duration_s=0.3) for i in range(2)]
    written = degrade_set(parts, tmp_path / "out", ALL)
    for before, after in zip(parts, read_manifest(written.manifest), strict=True):
        assert after.start_s is None
        assert soundfile.info(after.audio_path).frames == len(before.waveform(16_000))


@pytest.mark.parametrize("ids", [["a/b", "c"], ["A", "a"], ["é", "e"], ["x" * 200, "y"]])
def test_ids_that_are_no_file_names_get_numbers(corpus, tmp_path, ids):
    utterances = [replace(u, id=id) for u, id in zip(read_manifest(corpus), ids, strict=False)]
    written = degrade_set(utterances, tmp_path / "out", ALL)
    assert [u.audio_path.name for u in written.utterances] == ["000001.flac", "000002.flac"]
    assert [u.id for u in read_manifest(written.manifest)] == ids


def test_nothing_that_is_there_is_replaced(corpus, tmp_path):
    before = digests(corpus.parent)
    (tmp_path / "file").write_text("mine")
    for folder in (corpus.parent, corpus.parent / "wavs", tmp_path / "file"):
        with pytest.raises(ConfigError, match="is there already and not empty; name a new folder"):
            degrade_set(read_manifest(corpus), folder, ALL)
    assert digests(corpus.parent) == before
    (tmp_path / "empty").mkdir()
    assert degrade_set(read_manifest(corpus), tmp_path / "empty", ALL).manifest.exists()


def test_what_cannot_be_read_is_left_out_and_named(corpus, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    bad = Utterance("bad", tmp_path / "bad.wav", "no")
    white, babble = ALL.replace(noises=("white",)), ALL.replace(noises=("babble",))
    for name, config in (("white", white), ("babble", babble)):
        written = degrade_set([bad, *read_manifest(corpus)], tmp_path / name, config)
        assert len(written.utterances) == 6
        assert [error.path for error in written.errors] == [bad.audio_path]
    with pytest.raises(ManifestError, match=r"no recording can be used; .*bad\.wav"):
        degrade_set([bad], tmp_path / "none", white)
    with pytest.raises(ConfigError, match="babble is made of other utterances"):
        degrade_set(read_manifest(corpus)[:1], tmp_path / "none", babble)
    assert not (tmp_path / "none").exists(), "with better settings the same folder will do"


def test_the_command_writes_a_set_that_is_scored_by_what_was_done(corpus, tmp_path):
    out = tmp_path / "noisy"
    result = run(corpus, "-o", out, "--snr", "0:20", "--noise", "white", "--codec", "telephone", "--codec", "mp3-32k")
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(out / "tones.tsv")
    found = rows(out / "tones.tsv")
    # the recognizer of this test hears what came by telephone as nothing
    hyp = tmp_path / "hyp.txt"
    said = {row["utterance_id"]: "" if row["codec"] == "telephone" else row["text"] for row in found}
    hyp.write_text("".join(f"{id} {text}\n" for id, text in said.items()), encoding="utf-8")
    arguments = ["score", str(hyp), str(out / "tones.tsv"), "--by", "codec", "--by", "snr"]
    scored = CliRunner().invoke(app, arguments)
    assert scored.exit_code == 0, scored.output
    lines = [line.split() for line in scored.stdout.splitlines()]
    rates = {line[0]: line for line in lines if line and line[0] in ("telephone", "mp3-32k")}
    assert any("100.00" in cell for cell in rates["telephone"])
    assert any(cell.startswith("0.00") for cell in rates["mp3-32k"])


def test_a_set_is_called_as_its_folder(corpus, tmp_path):
    folder = tmp_path / "LJSpeech-1.1"
    folder.mkdir()
    shutil.copy(read_manifest(corpus)[0].audio_path, folder / "a.wav")
    (folder / "a.txt").write_text("one")
    assert run(folder, "-o", tmp_path / "out", "--snr", "5").exit_code == 0
    assert (tmp_path / "out" / "LJSpeech-1.1.tsv").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing to do: name at least one of --snr, --noise, --room, --clip, --codec"),
        (["--snr", "loud"], "--snr takes a number or LOWEST:HIGHEST, not 'loud'"),
        (["--snr", "nan"], "noise_snr_db must be a number, not NaN"),
        (["--room", "no/such"], "not 'no/such' and no folder of that name is there"),
        (["--room", "9"], "room_rt60_s must be [lowest, highest] within 0.05 and 3"),
        (["--clip", "9:3"], "clip_db must be [lowest, highest]"),
        (["--codec", "mp3"], "codecs must be telephone, or mp3 or opus"),
        (["--noise", "pink"], "pink: no such folder of recordings, and none of colored, white, babble"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(corpus, tmp_path, arguments, words):
    result = run(corpus, "-o", tmp_path / "out", *arguments)
    assert words in str(result.exception)
    assert result.exception.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_a_folder_without_audio_is_refused(corpus, tmp_path):
    (tmp_path / "empty").mkdir()
    for option in ("--noise", "--room"):
        assert "holds no recordings" in str(run(corpus, "-o", tmp_path / "out", option, tmp_path / "empty").exception)


def test_further_columns_come_before_the_text_and_as_keys(corpus, tmp_path):
    utterances = read_manifest(corpus)[:2]
    for name in ("m.tsv", "m.jsonl"):
        write_manifest(tmp_path / name, utterances, {"snr": ["5", "10"]})
        assert [u.id for u in read_manifest(tmp_path / name)] == [u.id for u in utterances]
    assert (tmp_path / "m.tsv").read_text().splitlines()[0].endswith("corpus\tsnr\ttext")
    assert '"snr": "10"' in (tmp_path / "m.jsonl").read_text().splitlines()[1]
    with pytest.raises(ManifestError, match=r"snr of .* holds a tab"):
        write_manifest(tmp_path / "m.tsv", utterances, {"snr": ["5\t", "10"]})
