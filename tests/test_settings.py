from __future__ import annotations

from pathlib import Path

import pytest
from random_bundle import random_bundle

from asrkit.cli import settings
from asrkit.cli.settings import Project, choose_model, named_model, resolve, sources
from asrkit.cli.train import run_settings
from asrkit.config import DecodingConfig, TranscriptionConfig
from asrkit.errors import ConfigError, MissingPathError

FLAG, VARIABLE, TOML, BUNDLE, DEFAULT = 8, 7, 6, 5, DecodingConfig.beam


@pytest.mark.parametrize("bundle", [None, BUNDLE])
@pytest.mark.parametrize("toml", [None, TOML])
@pytest.mark.parametrize("variable", [None, VARIABLE])
@pytest.mark.parametrize("flag", [None, FLAG])
def test_the_nearest_source_wins(
    flag: int | None, variable: int | None, toml: int | None, bundle: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable is not None:
        monkeypatch.setenv("ASRKIT_BEAM", str(variable))
    expected = next(value for value in (flag, variable, toml, bundle, DEFAULT) if value is not None)
    project = Project(Path("asrkit.toml"), {"decoding": {} if toml is None else {"beam": toml}})
    config = resolve(
        DecodingConfig,
        "decoding",
        {"beam": flag},
        project=project,
        bundle={} if bundle is None else {"beam": bundle},
    )
    assert config == DecodingConfig(beam=expected)


def test_sources_are_mixed_setting_by_setting() -> None:
    project = Project(Path("asrkit.toml"), {"decoding": {"lm_weight": 0.9, "beam": 8}})
    flags = {"beam": 9, "word_bonus": None}
    config = resolve(DecodingConfig, "decoding", flags, project=project, bundle={"word_bonus": 2.5, "lm_weight": 0.1})
    assert (config.beam, config.lm_weight, config.word_bonus) == (9, 0.9, 2.5)
    named = sources(DecodingConfig, "decoding", flags, project=project, bundle={"word_bonus": 2.5})
    assert {name: source for name, (_, source) in named.items()} == {
        "beam": "command line",
        "lm_weight": "asrkit.toml",
        "word_bonus": "bundle",
    }


def test_settings_of_a_newer_bundle_are_left_out() -> None:
    assert resolve(DecodingConfig, "decoding", {}, bundle={"beam": 3, "from_the_future": 1}).beam == 3


def test_variables_are_read_by_the_type_of_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"RECURSIVE": "no", "FORMAT": "txt srt", "WINDOW_S": "20", "JOBS": "3", "INCLUDE": ""}.items():
        monkeypatch.setenv(f"ASRKIT_{name}", text)
    config = resolve(TranscriptionConfig, "transcription", {})
    assert config == TranscriptionConfig(recursive=False, format=("txt", "srt"), window_s=20.0, jobs=3)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("JOBS", "two", "ASRKIT_JOBS must be a whole number, not 'two'"),
        ("WINDOW_S", "x", "ASRKIT_WINDOW_S must be a number"),
        ("RECURSIVE", "maybe", "ASRKIT_RECURSIVE must be true or false"),
    ],
)
def test_a_variable_of_another_type_is_named(
    name: str, text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"ASRKIT_{name}", text)
    with pytest.raises(ConfigError, match=message):
        resolve(TranscriptionConfig, "transcription", {})


def test_values_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="beam must be positive"):
        resolve(DecodingConfig, "decoding", {"beam": 0})


def test_a_project_file_is_found_read_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Project.load() == Project()
    Path("asrkit.toml").write_text("[decoding]\nbeam = 12\n")
    assert Project.load().tables == {"decoding": {"beam": 12}}
    Path("other.toml").write_text("[decoding]\nbeem = 12\n")
    with pytest.raises(ConfigError, match=r"other\.toml.*beem.*did you mean 'beam'"):
        Project.load(Path("other.toml"))
    with pytest.raises(MissingPathError):
        Project.load(Path("absent.toml"))


def test_the_model_is_chosen_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASRKIT_MODEL", raising=False)
    monkeypatch.setattr(settings, "_BOX", tmp_path / "box")
    with pytest.raises(MissingPathError, match="asrkit train"):
        choose_model()
    for folder in ("box/english", "models/latest", "from_environment", "from_flag"):
        random_bundle(Path(folder))
        if folder == "from_environment":
            assert choose_model().path == Path("models/latest")
            monkeypatch.setenv("ASRKIT_MODEL", folder)
            assert choose_model().path == Path(folder)
            assert choose_model(Path(folder)).reason == "ASRKIT_MODEL"  # as typer hands a variable on
        elif folder == "box/english":
            assert choose_model().path == tmp_path / folder
    assert choose_model(Path("from_flag")).reason == "--model"


@pytest.mark.parametrize("source", ["flag", "environment"])
def test_a_named_model_that_is_missing_is_never_replaced(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("models/latest").mkdir(parents=True)
    monkeypatch.setenv("ASRKIT_MODEL", "typo") if source == "environment" else monkeypatch.delenv("ASRKIT_MODEL", False)
    with pytest.raises(MissingPathError, match="typo"):
        choose_model(Path("typo") if source == "flag" else None)


def test_a_model_in_the_box_goes_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(settings, "_BOX", tmp_path / "box")
    random_bundle(tmp_path / "box/english-small")
    assert named_model(Path("english-small"), "--from") == tmp_path / "box/english-small"
    (tmp_path / "english-small").mkdir()
    assert named_model(Path("english-small"), "--from") == Path("english-small")
    with pytest.raises(MissingPathError, match="named by --from"):
        named_model(Path("german-small"), "--from")


def test_fine_tuning_takes_the_network_of_the_model_it_begins_with(tmp_path: Path) -> None:
    bundle = random_bundle(tmp_path / "model")
    (tmp_path / "train.tsv").write_text("utterance_id\tpath\ttext\n")
    begin = f"training.start_from='{bundle.path}'"
    run = run_settings(tmp_path / "train.tsv", None, "small", None, 3, [begin, "model.dropout=0.4"])
    assert (run.model, run.features) == (bundle.model.replace(dropout=0.4), bundle.features)
    assert run.data.alphabet == bundle.alphabet.symbols
    assert run.training.epochs == 3
