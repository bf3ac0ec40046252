from __future__ import annotations

import errno
import inspect
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
import typer.main
from fake_recognition import write_speech
from transcribe_project import Done, provenance

from asrkit.cli.lists import listed
from asrkit.cli.progress import TranscriptionProgress
from asrkit.cli.whole import app
from asrkit.config import DecodingConfig, TranscriptionConfig
from asrkit.transcription import Transcript, TranscriptionSummary
from asrkit.transcription.summary import Failure


def test_a_folder_is_transcribed_into_transcripts(project: Path, asrkit) -> None:  # type: ignore[no-untyped-def]
    done = asrkit("transcribe", "./wavs", "--beam", "50", "--lm", "lm.arpa")
    assert (done.code, done.out) == (0, "")
    assert "model: babble (models/latest, the latest trained here)" in done.err
    assert "3 transcribed" in done.err and "x real time" in done.err and done.err.endswith("-> transcripts\n")
    written = sorted(path.relative_to("transcripts").as_posix() for path in Path("transcripts").rglob("*.*"))
    assert [name for name in written if not name.startswith(".")] == [
        "hyp.txt", "results.jsonl", "run.json", "s0/u0.txt", "s0/u2.txt", "s1/u1.txt",
    ]  # fmt: skip
    hypotheses = Path("transcripts/hyp.txt").read_text().splitlines()
    assert [line.split(" ")[0] for line in hypotheses] == ["s0/u0", "s0/u2", "s1/u1"]
    assert any(len(line.split()) > 1 for line in hypotheses)
    assert provenance()["lm"] == "lm.arpa"
    again = asrkit("transcribe", "./wavs", "--beam", "50", "--lm", "lm.arpa")
    assert again.code == 0 and "0 transcribed, 3 already done" in again.err


def test_a_lexicon_says_which_words_there_are(project: Path, asrkit) -> None:  # type: ignore[no-untyped-def]
    free = asrkit("transcribe", "wavs", "--lm", "none").code, Path("transcripts/hyp.txt").read_text()
    Path("words.txt").write_text("abba\ta b b a\ncab\tc a b\n")
    done = asrkit("transcribe", "wavs", "--lm", "none", "--lexicon", "words.txt")
    assert done.code == 0 and "3 transcribed" in done.err, "another lexicon is another run"
    said = {word for line in Path("transcripts/hyp.txt").read_text().splitlines() for word in line.split()[1:]}
    assert said and said <= {"abba", "cab"} and Path("transcripts/hyp.txt").read_text() != free[1]
    assert provenance()["lexicon"] == "words.txt"
    assert asrkit("transcribe", "wavs", "--lexicon", "nowhere.txt").code == 2


def test_the_model_may_be_named(project: Path, asrkit, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    assert "model: other (--model)" in asrkit("transcribe", "wavs", "--model", "other").err
    monkeypatch.setenv("ASRKIT_MODEL", "other")
    assert "model: other (ASRKIT_MODEL)" in asrkit("transcribe", "wavs").err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["wavs", "--beam", "1", "--lm", "lm.arpa"], 2, "does nothing in a greedy decode (beam 1)"),
        (["wavs", "--decoder", "greedy", "--lm", "lm.arpa"], 2, "(decoder greedy); widen the beam, or --lm none"),
        (["wavs", "--beam", "1", "--hotword", "abc"], 2, "hotwords do nothing in a greedy decode"),
        (["wavs", "--decoder", "pyctcdecode", "--hotword", "abc"], 2, "hotwords work with the beam decoder only"),
        (["nosuch://bucket/a.wav"], 2, "nosuch"),
        (["wavs", "--hotword", "abc=much"], 2, "hotword 'abc=much' needs a number after the equals sign"),
        (["wavs", "--hotwords", "nowhere.txt"], 2, "nowhere.txt: no such file of hotwords"),
        (["wavs", "nowhere"], 2, "no such file or folder: nowhere"),
        (["wavs", "--lm", "nowhere.arpa"], 2, "nowhere.arpa: no such language model"),
        (["wavs", "--model", "nowhere"], 2, "nowhere: no such model bundle"),
        (["wavs", "--model", "wavs"], 1, "wavs: no bundle.json"),
        (["wavs", "--config", "nowhere.toml"], 2, "nowhere.toml: no such file"),
        (["wavs", "--beam", "0"], 2, "beam"),
        (["wavs", "-f", "docx"], 2, "format must be one of txt"),
        (["wavs", "-f", "txt,docx"], 2, "tsv, ctm, textgrid, not 'docx'"),
        (["wavs", "--overlap-s", "20"], 2, "overlap_s"),
        (["wavs", "--lm", "wavs/s0/u0.wav"], 1, "wavs/s0/u0.wav"),
        ([], 2, "name files or folders"),
        ([""], 2, "there is an empty argument, behind 'transcribe'; give it a value"),
        (["wavs", "-o", ""], 2, "there is an empty argument, behind '-o'"),
        (["wavs", "--output="], 2, "there is an empty argument, behind '--output'"),
        (["wavs", "-o", "-"], 2, "-o names a folder; --stdout prints"),
        (["models"], 1, "nothing to transcribe in models"),
        (["--files-from", "nowhere.txt"], 2, "nowhere.txt: no such list"),
        (["wavs", "--emissions", "wavs"], 2, "--emissions takes the place of inputs"),
        (["--emissions", "nowhere"], 2, "nowhere: no such folder"),
        (["--emissions", "wavs"], 1, "no usable emissions"),
        (["--emissions", "wavs", "--in-place"], 2, "--emissions has nothing to do with audio; drop --in-place"),
        (["wavs", "--stdout", "--in-place"], 2, "no file is written, so --in-place would do nothing"),
        (["wavs", "--stdout", "-o", "out"], 2, "so --output-dir would do nothing"),
        (["wavs", "--stdout", "-f", "txt", "-f", "srt"], 2, "stdout takes one format"),
        (["wavs", "--stdout", "-f", "txt, srt"], 2, "stdout takes one format"),
        (["wavs", "--stdout", "-f", "srt"], 2, "3 recordings of such a format cannot share stdout; name a folder"),
        (["wavs/s1", "--stdout", "-f", "vtt", "--channels", "split"], 2, "several channels"),
        (["wavs", "-"], 2, "- is the audio on stdin, which goes with no other input"),
        (["-", "--in-place"], 2, "- is the audio on stdin"),
        (["memory://wavs", "--in-place"], 2, "cannot be written beside recordings on other machines"),
        (["wavs", "--plan", "--dry-run"], 2, "choose one"),
        (["wavs", "--ray-address", "auto"], 2, "--ray-address needs --runner ray"),
        (["wavs", "--vocabulary", "closed"], 2, "a closed vocabulary is that of a language model"),
        (["wavs", "--lm", "wavs"], 1, "wavs: cannot be read (is a directory); name an ARPA file"),
        (["wavs", "--hotwords", "wavs"], 2, "wavs: is a folder, not a file of hotwords"),
        (["--files-from", "wavs"], 2, "wavs: is a folder, not a list of files"),
        (["wavs", "-o", "lm.arpa"], 1, "lm.arpa: cannot be written (file exists): a file is in the way"),
        (["wavs", "-o", "lm.arpa/out"], 1, "a file is in the way; name another folder"),
    ],
)
def test_wrong_usage_is_one_line_and_an_exit_code(
    arguments: list[str], code: int, message: str, project: Path, asrkit
) -> None:  # type: ignore[no-untyped-def]
    done = asrkit("transcribe", *arguments, "--quiet")
    assert done.code == code
    assert message in done.err and "Traceback" not in done.err
    assert not Path("transcripts/results.jsonl").exists()


def test_without_any_model_the_error_says_what_to_do(project: Path, asrkit, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    from asrkit.cli import settings

    shutil.rmtree("models")
    monkeypatch.setattr(settings, "_BOX", project / "empty")
    done = asrkit("transcribe", "wavs")
    assert done.code == 2 and "asrkit train" in done.err


def test_bad_files_are_named_and_the_exit_code_tells(project: Path, asrkit) -> None:  # type: ignore[no-untyped-def]
    Path("wavs/bad.wav").write_text("not audio")
    done = asrkit("transcribe", "wavs", "--json")
    assert done.code == 3
    assert "failed: bad: not a readable recording" in done.err and "3 transcribed, 1 failed" in done.err
    summary = json.loads(done.out)
    assert (summary["transcribed"], summary["failed"][0]["utterance_id"]) == (3, "bad")
    assert summary["speed"] == pytest.approx(summary["audio_s"] / summary["elapsed_s"], rel=0.1)
    assert asrkit("transcribe", "wavs/bad.wav", "-o", "out").code == 1
    state = json.loads(asrkit("status", "--json").out)
    assert (state["state"], state["done"], state["left"], len(state["failed"])) == ("finished", 3, 0, 1)
    assert "3 of 4" in asrkit("status").out


@pytest.mark.parametrize(("code", "arguments"), [(2, ["nowhere"]), (1, ["wavs"])])
def test_status_of_what_is_no_output_folder(code: int, arguments: list[str], project: Path, asrkit) -> None:  # type: ignore[no-untyped-def]
    assert asrkit("status", *arguments).code == code


def test_stdout_gets_transcripts_and_nothing_else(project: Path, asrkit, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    assert asrkit("transcribe", "wavs").code == 0
    hypotheses = Path("transcripts/hyp.txt").read_text()
    before = sorted(Path().rglob("*"))
    assert asrkit("transcribe", "wavs", "--stdout").out == hypotheses
    single = asrkit("transcribe", "wavs/s0/u2.wav", "--stdout").out
    assert single == Path("transcripts/s0/u2.txt").read_text()
    rows = asrkit("transcribe", "wavs", "--stdout", "-f", "jsonl").out.splitlines()
    assert [json.loads(row)["utterance_id"] for row in rows] == ["s0/u0", "s0/u2", "s1/u1"]
    audio = io.TextIOWrapper(io.BytesIO(Path("wavs/s0/u2.wav").read_bytes()))
    monkeypatch.setattr(sys, "stdin", audio)
    assert asrkit("transcribe", "-").out == single
    assert sorted(Path().rglob("*")) == before
    subtitles = asrkit("transcribe", "wavs/s1", "--stdout", "-f", "srt").out
    assert subtitles.startswith("1\n00:00:0") and subtitles.count("\n1\n") == 0


def stdin_of(path: Path) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(path.read_bytes()))


def test_stdin_may_go_into_a_folder_and_hold_bare_samples(project: Path, asrkit, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    assert asrkit("transcribe", "wavs/s0/u2.wav").code == 0
    text = Path("transcripts/u2.txt").read_text()
    monkeypatch.setattr(sys, "stdin", stdin_of(Path("wavs/s0/u2.wav")))
    done = asrkit("transcribe", "-", "-o", "out", "-f", "txt", "-f", "srt")
    assert (done.code, done.out, Path("out/stdin.txt").read_text()) == (0, "", text)
    assert Path("out/stdin.srt").exists()
    samples, rate_hz = soundfile.read("wavs/s0/u2.wav", dtype="int16")
    Path("samples").write_bytes(samples.astype("<i2").tobytes())
    monkeypatch.setattr(sys, "stdin", stdin_of(Path("samples")))
    assert asrkit("transcribe", "-", "--raw-rate-hz", str(rate_hz)).out == text


def test_a_full_disk_under_the_audio_on_stdin(project: Path, asrkit, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "stdin", stdin_of(Path("wavs/s0/u2.wav")))
    monkeypatch.setattr(shutil, "copyfileobj", fill)
    done = asrkit("transcribe", "-")
    assert done.code == 1 and "(no space left on device); set TMPDIR" in done.err and done.err.count("\n") == 1


def test_lists_of_files_and_globs(project: Path, asrkit, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    Path("list.txt").write_text("wavs/s0/u0.wav\n\nwavs/s1/u1.wav\n")
    asrkit("transcribe", "--files-from", "list.txt", "-o", "one")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"wavs/s0/u0.wav\r\n")))
    asrkit("transcribe", "--files-from", "-", "wavs/s1/*.wav", "-o", "two")
    assert Path("one/hyp.txt").read_bytes() == Path("two/hyp.txt").read_bytes()
    assert Path("one/hyp.txt").read_text().startswith("s0/u0")
    Path("list.txt").write_text("wavs/s0/u0.wav\nwavs/s1/gone.wav\nwavs/s1/u1.wav\n")
    done = asrkit("transcribe", "--files-from", "list.txt", "-o", "one")
    assert done.code == 3 and "2 already done, 1 failed" in done.err
    assert "failed: s1/gone: no such file or folder" in done.err


@pytest.mark.parametrize("name", ["a\x85b.wav", "a\u2028b.wav", "a\rb.wav", "a\x0bb.wav", " a.wav", "a\udce9.wav"])
def test_only_a_line_feed_ends_a_line_of_a_list(name: str, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfx.wav\r\n" + os.fsencode(name) + b"\n \n")
    assert listed(str(tmp_path / "list.txt")) == ["x.wav", name]


def test_a_dry_run_prints_what_there_is_to_do(project: Path, asrkit) -> None:  # type: ignore[no-untyped-def]
    asrkit("transcribe", "wavs/s0", "-o", "out")
    write_speech(Path("wavs/s0/new.wav"), 0.5)
    rows = json.loads(asrkit("transcribe", "wavs/s0", "-o", "out", "--dry-run", "--json").out)
    assert [row["state"] for row in rows] == ["new", "done", "done"]
    assert Path(rows[0]["audio"]) == project / "wavs/s0/new.wav"
    done = asrkit("transcribe", "wavs/s0", "-o", "out", "--dry-run")
    assert done.code == 0
    assert [line.split("\t")[:2] for line in done.out.splitlines()] == [["new", "new"], ["done", "u0"], ["done", "u2"]]
    Path("wavs/s0/bad.wav").write_text("no audio")
    done = asrkit("transcribe", "wavs/s0", "-o", "out", "--dry-run")
    assert done.out.startswith("unusable\tbad\t") and "failed: bad: not a readable recording" in done.err


def test_a_plan_says_what_the_run_will_cost(project: Path, asrkit) -> None:  # type: ignore[no-untyped-def]
    before = sorted(Path().rglob("*"))
    done = asrkit("transcribe", "wavs", "--plan", "--json")
    plan = json.loads(done.out)
    assert done.code == 0 and sorted(Path().rglob("*")) == before
    assert (plan["num_recordings"], plan["num_todo"]) == (3, 3)
    assert plan["audio_s"] == pytest.approx(plan["measured_s"]) == pytest.approx(3.4, abs=0.01)
    assert plan["work_s"] == pytest.approx(plan["audio_s"] / plan["speed"])
    assert plan["peak_mb"] > 20
    assert "3 of 3" in asrkit("transcribe", "wavs", "--plan").out
    Path("wavs/bad.wav").write_text("no audio")
    assert "nothing left to transcribe" in asrkit("transcribe", "wavs/bad.wav", "--plan").out


def test_kept_emissions_decode_to_the_same_without_audio_and_model(project: Path, asrkit) -> None:  # type: ignore[no-untyped-def]
    assert asrkit("transcribe", "wavs", "--keep-emissions", "--beam", "9").code == 0
    shutil.rmtree("wavs")
    shutil.rmtree("models")
    assert asrkit("transcribe", "--emissions", "transcripts", "-o", "again", "--beam", "9").code == 0
    for name in ("hyp.txt", "results.jsonl", "s0/u2.txt"):
        assert Path("again", name).read_bytes() == Path("transcripts", name).read_bytes()
    assert asrkit("transcribe", "--emissions", "transcripts", "-o", "again", "--lm", "lm.arpa").code == 0
    assert provenance("again")["lm"] == "lm.arpa"


def test_emissions_are_decoded_as_the_model_that_made_them_would(project: Path, asrkit) -> None:  # type: ignore[no-untyped-def]
    shutil.copy("lm.arpa", "models/latest/language_model.arpa")
    Path("wavs/s0").rename("wavs/a 100%")
    assert asrkit("transcribe", "wavs", "--keep-emissions").code == 0
    done = asrkit("transcribe", "--emissions", "transcripts", "-o", "again")
    assert "settings: those of babble" in done.err and "language_model.arpa" in done.err
    for name in ("hyp.txt", "results.jsonl", "a 100%/u0.txt"):
        assert Path("again", name).read_bytes() == Path("transcripts", name).read_bytes()
    shutil.rmtree("models")
    done = asrkit("transcribe", "--emissions", "transcripts", "-o", "again")
    assert done.code == 0 and "settings: the defaults; --model takes those of babble" in done.err
    assert provenance("again")["lm"] is None
    assert asrkit("transcribe", "--emissions", "transcripts", "--model", "nowhere").code == 2


def test_pyctcdecode_and_a_binary_model_of_ours(project: Path, asrkit) -> None:  # type: ignore[no-untyped-def]
    assert asrkit("lm", "convert", "lm.arpa", "lm.bin").code == 0
    done = asrkit("transcribe", "wavs", "--decoder", "pyctcdecode", "--lm", "lm.bin", "--quiet")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "pyctcdecode cannot read lm.bin: name an ARPA" in done.err


def test_score_finds_hyp_txt_where_transcribe_leaves_it(project: Path, asrkit) -> None:  # type: ignore[no-untyped-def]
    assert asrkit("transcribe", "./wavs").code == 0
    shutil.copy("transcripts/hyp.txt", "ref.txt")
    done = asrkit("score", "hyp.txt", "ref.txt", "--json")
    assert done.code == 0 and "scoring transcripts/hyp.txt" in done.err
    Path("hyp.txt").write_text("s0/u0 other\ns0/u2 x\ns1/u1 x\n")
    assert "scoring" not in asrkit("score", "hyp.txt", "ref.txt", "--json").err  # one that is here comes first


def test_quiet_and_verbose(project: Path, asrkit) -> None:  # type: ignore[no-untyped-def]
    assert asrkit("transcribe", "wavs", "--quiet") == Done(0, "", "")
    Path("bad").mkdir()
    for index in range(12):
        Path(f"bad/{index:02d}.wav").write_text("no audio")
    err = asrkit("transcribe", "bad", "--quiet").err  # failures are errors
    assert err.count("failed: ") == 10 and "failures.tsv" in err
    assert asrkit("transcribe", "bad", "--quiet", "--stdout").err.count("failed: ") == 12
    err = asrkit("transcribe", "wavs", "--verbose", "--overwrite").err
    text = Path("transcripts/s0/u2.txt").read_text().strip()
    assert f"s0/u2: {text}\n" in err


def test_the_command_is_its_library_function_plus_presentation() -> None:
    """Every option is a setting, an argument of the library, or on the list of what only a command line has."""
    from asrkit.transcription import decode_emissions, transcribe

    presentation = {"stdout", "json_output", "quiet", "verbose", "setting", "files_from", "hotwords_from"}
    command = typer.main.get_command(app).commands["transcribe"]  # type: ignore[attr-defined]
    library = (
        set(inspect.signature(transcribe).parameters) | set(vars(TranscriptionConfig())) | set(vars(DecodingConfig()))
    )
    assert "emissions_dir" in inspect.signature(decode_emissions).parameters
    options = {option.name for option in command.params} - {"help", "emissions"}
    assert options - library == presentation
    defaults = {option.name: option.default for option in command.params}
    assert str(defaults["output_dir"]) == inspect.signature(transcribe).parameters["output_dir"].default
    assert all(defaults[name] is None for name in options & set(vars(TranscriptionConfig())))
    missing = set(vars(TranscriptionConfig())) - options
    assert missing == set(), "a setting without an option"


def test_one_short_file_takes_no_heavy_import(project: Path) -> None:
    code = (
        "import sys; sys.argv = ['asrkit', 'transcribe', 'wavs/s0/u0.wav', '--lm', 'lm.arpa']\n"
        "from asrkit.cli import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code, end.code\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.split())
    assert not loaded & {"keras", "tensorflow", "pyctcdecode", "kenlm", "av", "matplotlib", "jiwer", "ray"}
    assert "onnxruntime" in loaded


def test_an_interrupted_run_says_how_much_is_done() -> None:
    view = TranscriptionProgress()
    view.found(1200)
    view.scanned(600, 100, 9.0)  # the others are not looked at yet
    with pytest.raises(KeyboardInterrupt) as end, view:
        raise KeyboardInterrupt
    assert end.value.__notes__ == ["0 of 1,100 done; run the same command again to go on"]
    view = TranscriptionProgress(keep=True)
    view.found(3)
    view.scanned(3, 0, 9.0)
    with pytest.raises(KeyboardInterrupt) as end, view:
        raise KeyboardInterrupt
    assert end.value.__notes__ == ["0 of 3 done; nothing is kept; name a folder with -o"]


def test_a_log_tells_the_time_left_once_something_is_heard(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("asrkit.cli.progress.time.monotonic", lambda: now[0])
    view = TranscriptionProgress()
    view.found(2)
    for act in (
        lambda: view.scanned(2, 0, 7_210.0),  # nothing is heard yet
        lambda: view.heard("hour", 900.0),  # a part of a recording
        lambda: view.heard("hour", 1_800.0),
        lambda: view.transcribed(Transcript("hour", "/hour.wav", 3_600.0, "word", 1.0)),  # counts once
        lambda: view.heard("broken", 1_800.0),
        lambda: view.failed(Failure("broken", "/broken.wav", "is broken")),
    ):
        now[0] += 100.0
        act()
    assert [line for line in capsys.readouterr().err.splitlines() if "real time" in line] == [
        "0 of 2, 0.0 s of 2.00 h, 0x real time",
        "0 of 2, 0.25 h of 2.00 h, 4x real time, 0:23:22 left",
        "0 of 2, 0.50 h of 2.00 h, 6x real time, 0:15:02 left",
        "1 of 2, 1.00 h of 2.00 h, 9x real time, 0:06:41 left",
        "1 of 2, 1.50 h of 2.00 h, 11x real time, 0:02:48 left",
        "2 of 2, 1.00 h of 2.00 h, 6x real time, 0:10:02 left",
    ]


def test_of_a_long_transcript_the_beginning_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    view = TranscriptionProgress()
    view.found(1)
    view.transcribed(Transcript("u", "/u.wav", 1.0, "word " * 1_000, 1.0))
    view.close(TranscriptionSummary())
    first = capsys.readouterr().err.splitlines()[0]
    assert len(first) < 1_100 and first.endswith("... (5,000 characters)")


def test_a_status_without_a_language_model_says_so(project: Path, asrkit) -> None:  # type: ignore[no-untyped-def]
    assert asrkit("transcribe", "wavs/s1", "-f", "srt", "--subtitle-width", "5", "--subtitle-lines", "1").code == 0
    blocks = Path("transcripts/u1.srt").read_text().strip().split("\n\n")
    assert all(len(block.splitlines()) == 3 for block in blocks)
    assert "babble, no language model" in asrkit("status").out


@pytest.mark.parametrize("at", [8, 10])
def test_emissions_packed_as_nobody_can_read_fail_alone_and_are_made_again(project: Path, at: int, asrkit) -> None:  # type: ignore[no-untyped-def]
    """Byte 8 of a directory's entry says that it is encrypted, byte 10 how it is packed."""
    assert asrkit("transcribe", "wavs", "--keep-emissions").code == 0
    path = Path("transcripts/emissions/s0/u2.emissions.npz")
    whole = path.read_bytes()
    place = whole.index(b"PK\x01\x02") + at
    path.write_bytes(whole[:place] + b"\x63" + whole[place + 1 :])
    done = asrkit("transcribe", "--emissions", "transcripts", "-o", "again")
    assert done.code == 3 and "u2" in done.err
    (line,) = Path("again/failures.tsv").read_text().splitlines()[1:]
    assert "u2.emissions.npz" in line
    texts = [set(Path(folder, "hyp.txt").read_text().splitlines()) for folder in ("transcripts", "again")]
    assert [text.split()[0] for text in texts[0] - texts[1]] == ["s0/u2"] and texts[1] < texts[0]
    assert asrkit("transcribe", "wavs", "--keep-emissions").code == 0
    assert path.read_bytes() == whole
