"""The whole loop in other languages, in their own letters: speak, train, build a language model, transcribe, score."""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from asrkit.data import read_manifest

# slots of a sentence; letters with umlauts, accents and final forms, and numbers that are spelled in the language
WORLDS = {
    "de": (
        ["Der Bär", "Die Köchin", "Mein Onkel", "Das Mädchen", "Unsere Tante", "Der König", "Die Großmutter"],
        ["kauft", "zählt", "sucht", "verliert", "öffnet", "trägt"],
        ["drei", "7", "zwölf", "viele", "20"],
        ["Äpfel", "Schlüssel", "Bücher", "Türen", "Nüsse", "Fässer"],
        ["am Fluss.", "im März.", "für Jürgen.", "über Nacht.", "mit Vergnügen.", "ohne Grüße."],
    ),
    "ru": (
        ["Мой брат", "Старый учитель", "Наша соседка", "Ёжик", "Этот мальчик", "Новый врач", "Девочка"],
        ["покупает", "считает", "ищет", "теряет", "приносит", "рисует"],
        ["три", "7", "много", "несколько", "20"],
        ["яблок", "ключей", "книг", "рыб", "домов", "чашек"],
        ["у реки.", "в марте.", "для друга.", "после ночи.", "каждый день.", "без ошибки."],
    ),
    "el": (
        ["Ο γιατρός", "Η δασκάλα", "Ο πατέρας", "Το κορίτσι", "Η γιαγιά", "Ο ναύτης", "Το παιδί"],
        ["αγοράζει", "μετράει", "ψάχνει", "χάνει", "φέρνει", "ανοίγει"],
        ["τρία", "επτά", "δώδεκα", "πολλά", "είκοσι"],
        ["μήλα", "κλειδιά", "βιβλία", "σπίτια", "ψάρια", "ποτήρια"],
        ["στο ποτάμι.", "τον Μάρτιο.", "για τον Γιώργο.", "όλη νύχτα.", "κάθε μέρα.", "χωρίς λάθος."],
    ),
}
# how texts are normalized: nothing spells numbers in Greek
NORMALIZERS = {"de": "standard", "ru": "standard", "el": "basic"}
LETTERS = {
    "de": "abcdefghijklmnopqrstuvwxyzäöüß ",
    "ru": "абвгдеёжзийклмнопрстуфхцчшщъыьэюя ",
    "el": "αάβγδεέζηήθιίκλμνξοόπρσςτυύφχψωώϊϋΐΰ ",
}


@pytest.mark.slow
@pytest.mark.parametrize("language", WORLDS)
def test_a_language_goes_the_whole_way_in_its_own_letters(language: str, tmp_path: Path) -> None:
    for module in ("espeakng_loader", "num2words", "keras"):
        pytest.importorskip(module, reason="the extras demo, languages and train are not installed")
    sentences = [" ".join(words) for words in itertools.product(*WORLDS[language])]
    random.Random(1).shuffle(sentences)
    (tmp_path / "sentences.txt").write_text("".join(f"{line}\n" for line in sentences), encoding="utf-8")
    normalizer = NORMALIZERS[language]
    told = [f"data.language={language}", f"data.normalizer={normalizer}", "data.alphabet=auto"]
    for command in (
        f"data synth speech --sentences sentences.txt --language {language} --normalizer {normalizer} "
        "--train 500 --dev 30 --test 40",
        "train speech/train.tsv --dev speech/dev.tsv --preset tiny --output models/own "
        + " ".join(f"--set {setting}" for setting in told),
        "lm build speech/train.txt --order 3 --discount-fallback --model models/own --output lm/3gram.arpa",
        "transcribe speech/test --model models/own --beam 50 --lm lm/3gram.arpa -o out",
    ):
        done = subprocess.run([sys.executable, "-m", "asrkit", *command.split()], cwd=tmp_path, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
    score = [sys.executable, "-m", "asrkit", "score", "out/hyp.txt", "speech/test.tsv", "--json"]
    report = json.loads(subprocess.run(score, cwd=tmp_path, capture_output=True, check=True).stdout)
    assert report["settings"]["language"] == language  # told by the bundle behind the hypotheses
    assert report["scores"]["normalized"]["wer"]["rate"] < 0.1
    written = (tmp_path / "out" / "hyp.txt").read_text(encoding="utf-8")
    texts = "".join(line.partition(" ")[2] for line in written.splitlines())
    assert set(texts) <= set(LETTERS[language])
    assert not any(character.isdigit() for u in read_manifest(tmp_path / "speech" / "test.tsv") for character in u.text)
