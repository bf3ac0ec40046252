"""Alphabets: found in texts of any script, obeyed by every data command, refused where they are of another script."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from tone_speech import RATE_HZ
from typer.testing import CliRunner, Result

from asrkit.cli.whole import app
from asrkit.config import DataConfig
from asrkit.data import Utterance, fit_text, read_manifest, write_manifest
from asrkit.data.alphabets import find_alphabet, settle_texts
from asrkit.errors import ConfigError
from asrkit.text import Alphabet, get_normalizer

GERMAN = " abcdefghijklmnopqrstuvwxyzäöüß"
RUSSIAN = " абвгдежзийклмнопрстуфхцчшщъыьэюя"
GREEK = " αβγδεζηθικλμνξοπρστυφχψωάέήίόύώς"
TURKISH = " abcçdefgğhıijklmnoöprsştuüvyz"


def manifest(folder: Path, *texts: str, name: str = "m.tsv") -> Path:
    """Write a manifest whose recordings are a second of a tone each."""
    soundfile.write(folder / "a.wav", [0.1, -0.1] * (RATE_HZ // 2), RATE_HZ)
    utterances = [Utterance(f"u{place}", folder / "a.wav", text) for place, text in enumerate(texts)]
    write_manifest(folder / name, utterances)
    return folder / name


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["data", *map(str, arguments)], env={"COLUMNS": "200"})


@pytest.mark.parametrize(
    ("texts", "symbols", "why"),
    [
        (["The cat", "a 3rd dog"], DataConfig.alphabet, "English needs all letters, to spell numbers"),
        (["Привет, мир! 25 рублей"], " бвеийлмпрту", "digits and signs are no letters"),
        (["Größe"], "egrßö", "no space where there is none"),
        (["ΣΑΣ και σας"], " αικςσ", "a final sigma is a letter of its own"),
        (["IŞIK ışık"], " ikış", "of Turkish both i"),
        (["我们在这里。", "你好，我们"], "".join(sorted(set("我们在这里你好"))), "scripts without spaces have none"),
        (["नमस्ते दुनिया"], " " + "".join(sorted(set("नमस्तेदुनिया"))), "marks are part of the writing"),
        (["l'été d'hiver"], " dehilrtvé'", "an apostrophe stays where there is one"),
        (["привет " * 50 + "cat"], " веипрт", "a foreign word in a hundred letters is none of the script"),
    ],
)
def test_the_letters_of_texts_are_found(texts: list[str], symbols: str, why: str) -> None:
    assert find_alphabet(texts).symbols == symbols, why


def test_letters_come_with_counts_and_what_is_left_out_is_named() -> None:
    found = find_alphabet(["да " * 200, "x"])
    assert found.counts == {"д": 200, "а": 200}
    assert found.left_out == {"x": 1}
    assert found.describe() == [
        '3 symbols are found in the texts: data.alphabet = " ад"',
        "letters: д 200, а 200",
        "too rare or of another script, left out: x 1",
    ]


@given(st.text(st.sampled_from("aéßждσς我नि 'x"), min_size=1, max_size=40))
def test_what_is_found_writes_all_that_is_not_left_out(text: str) -> None:
    said = get_normalizer("basic").said(text)
    if not any(character.isalpha() for character in said):
        return
    found = find_alphabet([text])
    Alphabet(found.symbols)
    assert set(found.counts) <= set(found.symbols)
    if found.symbols != DataConfig.alphabet:
        assert set(said) - set(found.left_out) <= set(found.symbols) | {" ", "'"}


def test_texts_without_a_letter_have_no_alphabet() -> None:
    with pytest.raises(ConfigError, match="there is no letter in the texts"):
        find_alphabet(["25 %", ""])


@pytest.mark.parametrize(
    ("alphabet", "text", "expected", "why"),
    [
        (GERMAN, "Dr. Müllers Straße GROẞ", "dr müllers straße groß", "no English title, and ß stays"),
        (GREEK, "ΚΑΛΟΣ κόσμος", "καλος κόσμος", "a final sigma is written"),
        (TURKISH, "IŞIK İzmir", "ışık izmir", "the two i of Turkish"),
        (RUSSIAN, "Привет, Мир!", "привет мир", "punctuation goes"),
        (DataConfig.alphabet, "Mr. Brown & 2 cats", "mister brown and two cats", "English is read as ever"),
    ],
)
def test_letters_of_the_alphabet_survive(alphabet: str, text: str, expected: str, why: str) -> None:
    data = settle_texts(DataConfig(alphabet=alphabet), [])
    fit = fit_text(
        [Utterance("u", Path("a"), text)], Alphabet(alphabet), get_normalizer(data.normalizer, data.language)
    )
    assert [utterance.text for utterance in fit.utterances] == [expected], why


@pytest.mark.parametrize("text", ["Das kostet 3,50 €", "100 %", "Kraut & Rüben", "25 рублей"])
def test_digits_and_signs_outside_english_are_left_out_by_id_and_never_read_in_english(text: str) -> None:
    data = settle_texts(DataConfig(alphabet=GERMAN), [])
    utterances = [Utterance("good", Path("a"), "schön"), Utterance("odd", Path("a"), text)]
    fit = fit_text(utterances, Alphabet(GERMAN), get_normalizer(data.normalizer, data.language))
    assert [utterance.id for utterance in fit.utterances] == ["good"]
    assert fit.unread_ids == ("odd",)
    assert "data.language" in fit.describe()[0] and fit.describe()[0].endswith(": odd")


@pytest.mark.parametrize(
    ("settings", "recorded"),
    [
        ({}, ("standard-2", "en")),
        ({"alphabet": GERMAN}, ("basic-1", "en")),
        ({"alphabet": TURKISH}, ("basic-1", "tr")),
        ({"alphabet": GERMAN, "normalizer": "standard"}, ("standard-2", "en")),
        ({"alphabet": " abc?!"}, ("standard-2", "en")),
    ],
)
def test_a_foreign_alphabet_turns_english_off_unless_it_is_asked_for(settings: dict, recorded: tuple) -> None:
    settled = settle_texts(DataConfig(**settings), [])
    assert (settled.normalizer, settled.language) == recorded


def test_check_and_import_and_stats_obey_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "asrkit.toml").write_text(f'[data]\nalphabet = "{GERMAN}"\n')
    path = manifest(tmp_path, "Schöne Küsse")
    assert run("import", path, "-o", "out.tsv").exit_code == 0
    assert read_manifest(tmp_path / "out.tsv")[0].text == "schöne küsse"
    checked = run("check", path, "-o", "checked")
    assert checked.exit_code == 0, checked.stdout
    assert read_manifest(tmp_path / "checked" / "m.clean.tsv")[0].text == "schöne küsse"
    assert "outside the alphabet" not in run("stats", path).stderr
    (tmp_path / "asrkit.toml").unlink()
    assert "'ö' (U+00F6" in run("stats", path).stderr


@pytest.mark.parametrize(
    ("text", "letters"), [("привет мир", "веимпрт"), ("你好我们在这里", "".join(sorted("你好我们在这里")))]
)
@pytest.mark.parametrize("command", [("check",), ("import", "-o", "out.tsv")])
def test_an_alphabet_of_another_script_is_refused_in_one_line(
    command: tuple[str, ...], text: str, letters: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = manifest(tmp_path, text, text + " 25")
    result = run(*command, path)
    assert result.exit_code in (1, 2)
    told = f"{result.stderr}{result.exception}"
    assert letters in told.replace("\n", "") and 'data.alphabet = "' in told.replace("\n", " ")


def test_auto_finds_the_alphabet_and_digits_become_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = manifest(tmp_path, "привет мир", "25 рублей")
    result = run("check", path, "--alphabet", "auto")
    assert result.exit_code == 3
    assert "m\tu1\tquarantined\tdigits" in result.stdout
    assert "letters: " in result.stderr and 'data.alphabet = " бвеийлмпрту"'[:18] in result.stderr
    assert run("import", path, "-o", "out.tsv", "--alphabet", "auto").exit_code == 0
    assert [(u.id, u.text) for u in read_manifest(tmp_path / "out.tsv")] == [("u0", "привет мир")]
