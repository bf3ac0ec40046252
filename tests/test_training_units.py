"""The units of a run: made once, kept with it, and what becomes of texts they cannot spell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tiny_run import Recorder, settings
from tone_speech import LETTERS, WORDS, write_corpus

from asrkit.data import Utterance
from asrkit.errors import ConfigError
from asrkit.text import Lexicon
from asrkit.text.units import Phonemes
from asrkit.training.batches import BatchMaker
from asrkit.training.checkpoint import CHECKPOINT, RunState, save_checkpoint
from asrkit.training.examples import Example, load_examples, reason_to_refuse
from asrkit.training.run import train
from asrkit.training.units import auxiliary_units, keep_units, tell_of_changed_lexicon, units_of_run

PHONES = {letter: f"{letter}h".upper() for letter in LETTERS}
LEXICON = "".join(f"{word}\t{' '.join(PHONES[letter] for letter in word)}\n" for word in WORDS) + "tin\tTH IH\n"


@pytest.fixture
def lexicon(tmp_path: Path) -> Path:
    path = tmp_path / "lexicon.tsv"
    path.write_text(LEXICON, encoding="utf-8")
    return path


def phonetic(corpus: Path, lexicon: Path, **changes: object):
    return settings(corpus, data={"units": "phonemes", "lexicon": str(lexicon), **changes})


def test_words_outside_the_lexicon_are_counted(tmp_path: Path, lexicon: Path) -> None:
    heard = Recorder()
    units = units_of_run(phonetic(tmp_path, lexicon), ["tin rod", "tin cup", "cup cup zoo"], None, heard)
    assert len(units.symbols) == len(LETTERS) + 2
    assert heard.notes == [
        "2 words are not in the lexicon: cup (3), zoo (1); 2 of 3 utterances are left out "
        "(a lexicon that has them counts, or data.unknown_words = 'pronounce' guesses how they are said)"
    ]
    units_of_run(phonetic(tmp_path, lexicon, unknown_words="pronounce"), ["tin zoo"], None, heard)
    assert heard.notes[-1].endswith("(a lexicon that has them counts)"), "no advice to do what was done"


def test_a_run_goes_on_with_the_units_it_began_with(tmp_path: Path, lexicon: Path) -> None:
    config = phonetic(tmp_path, lexicon)
    units = units_of_run(config, ["tin rod"], tmp_path, Recorder())
    keep_units(units, tmp_path)
    save_checkpoint(tmp_path / CHECKPOINT, RunState(config=config.to_dict()), {})
    lexicon.write_text("tin\tX Y Z\n", encoding="utf-8")
    heard = Recorder()
    again = units_of_run(config, ["tin rod", "cup"], tmp_path, heard)
    np.testing.assert_array_equal(again.encode("tin rod"), units.encode("tin rod"))
    assert "(with --fresh, a lexicon that has them counts, or data.unknown_words" in heard.notes[0]


@pytest.mark.parametrize("unknown_words", ["refuse", "pronounce"])
def test_a_lexicon_that_changed_meanwhile_is_told_of(unknown_words: str, tmp_path: Path, lexicon: Path) -> None:
    config = phonetic(tmp_path, lexicon)
    config = config.replace(data=config.data.replace(unknown_words=unknown_words))
    keep_units(units_of_run(config, ["tin cup"], tmp_path, Recorder()), tmp_path)

    def told() -> list[str]:
        heard = Recorder()
        tell_of_changed_lexicon(config, tmp_path, heard)
        return heard.notes

    assert told() == [], "guessed words are not in the file, and need not be"
    lexicon.write_text(LEXICON.lower() + "\n", encoding="utf-8")
    assert told() == [], "of labels it is the sounds that count"
    for mended in (LEXICON + "cup\tKH UH PH\n", LEXICON.replace("tin\tTH IH\n", "")):
        lexicon.write_text(mended, encoding="utf-8")
        (note,) = told()
        assert note.startswith(f"{lexicon} is not what this run began with, which keeps its own in {tmp_path}")
        assert "--fresh" in note


@pytest.mark.parametrize("change", [{"data": {"units": "phonemes"}}, {"training": {"auxiliary_units": "phonemes"}}])
def test_phonemes_need_a_lexicon(change: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"phonemes need data\.lexicon"):
        units_of_run(settings(tmp_path, **change), ["tin rod"], None, Recorder())


def test_another_way_to_say_a_word_is_drawn_each_epoch(tmp_path: Path, lexicon: Path) -> None:
    units = Phonemes.of(Lexicon.read(lexicon))
    examples = [Example(f"u{i}", "tin rod", np.zeros(8_000, np.int16), units.encode("tin rod")) for i in range(16)]
    config = settings(tmp_path)
    maker = BatchMaker(examples, config.features, config.training, redraw=units)
    lengths = [tuple(maker.batch(range(16), epoch)["num_labels"]) for epoch in (None, 1, 2, 1)]
    assert set(lengths[0]) == {7}
    assert set(lengths[1]) == {6, 7}
    assert lengths[1] == lengths[3] != lengths[2]
    plain = BatchMaker(examples, config.features, config.training)
    np.testing.assert_array_equal(plain.batch([3], 1)["features"], maker.batch([3], 1)["features"])


def test_texts_that_cannot_be_learned_are_refused(tmp_path: Path, lexicon: Path) -> None:
    config, units = phonetic(tmp_path, lexicon), Phonemes.of(Lexicon.read(lexicon))

    def reason(text: str, seconds: float, *, is_judged: bool = False) -> str | None:
        utterance = Utterance("u", tmp_path / "u.wav", text)
        return reason_to_refuse(utterance, int(seconds * 16_000), units, config, is_judged=is_judged)

    assert reason("tin rod", 0.4) is None
    assert reason("tin cup", 0.4) == "'cup': cannot be spelled with the model's phonemes"
    assert reason("tin cup", 0.4, is_judged=True) is None, "of a dev set such a word is an error"
    assert reason("cup cup", 0.4, is_judged=True) == "'cup': cannot be spelled with the model's phonemes"
    assert "the text needs 7 steps, the audio gives 5" in str(reason("tin rod", 0.2)), "of its longest way to be said"


@pytest.mark.slow
def test_phonemes_are_learned_and_become_words(tmp_path: Path, lexicon: Path) -> None:
    corpus = write_corpus(tmp_path / "tones", 40)
    config = settings(
        corpus,
        data={"units": "phonemes", "lexicon": str(lexicon)},
        training={"epochs": 40, "learning_rate": 2e-2, "ema_momentum": 0.0, "auxiliary_units": "characters"},
    )
    heard = Recorder()
    bundle = train(config, tmp_path / "run", cache_dir=tmp_path, observer=heard)
    assert bundle.kind == "phonemes"
    assert heard.epochs[-1].dev_cer < 10, "of sounds"
    assert heard.epochs[-1].dev_wer < 60, "of words found by their sounds"
    other = settings(corpus, training={"epochs": 1, "start_from": str(bundle.path)})
    train(other, tmp_path / "letters", cache_dir=tmp_path, observer=heard)
    assert heard.notes[-1] == "run writes other outputs: the last layer begins anew"


def test_a_second_loss_has_labels_of_its_own(tmp_path: Path, lexicon: Path) -> None:
    config = phonetic(tmp_path, lexicon)
    config = config.replace(training=config.training.replace(auxiliary_units="characters"))
    units = units_of_run(config, ["tin rod"], None, Recorder())
    second = auxiliary_units(config, ["tin rod"])
    assert second is not None and auxiliary_units(settings(tmp_path), []) is None
    example = Example("u", "tin rod", np.zeros(8_000, np.int16), units.encode("tin rod"), second.encode("tin rod"))
    batch = BatchMaker([example, example], config.features, config.training).batch([0, 1], None)
    np.testing.assert_array_equal(batch["labels"][1], units.encode("tin rod"))
    np.testing.assert_array_equal(batch["auxiliary"][1], second.encode("tin rod"))
    assert list(batch["num_auxiliary"]) == [7, 7]


def test_a_dev_set_keeps_its_hard_words(tmp_path: Path, lexicon: Path) -> None:
    units = Phonemes.of(Lexicon.read(lexicon))
    soundfile.write(tmp_path / "u.wav", 0.1 * np.ones(16_000), 16_000)
    utterance = Utterance("u", tmp_path / "u.wav", "tin cup rod")
    config = phonetic(tmp_path, lexicon)
    (example,), refused = load_examples([utterance], units, config, cache_dir=tmp_path / "cache", is_judged=True)
    assert (example.text, refused) == ("tin cup rod", [])
    np.testing.assert_array_equal(example.labels, units.encode("tin rod"))
    learned, refused = load_examples([utterance], units, config, cache_dir=tmp_path / "cache")
    assert learned == [] and "'cup'" in refused[0].reason
