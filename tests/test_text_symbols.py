from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrkit.errors import ConfigError
from asrkit.text import Alphabet, Spelling, Symbols, WordRule

LETTERS = list("abcdefghijklmnopqrstuvwxyz'")

# What the families of models call their outputs: labels, blank, word rule, names of the skipped ones.
FAMILIES = {
    "wav2vec2": (["<pad>", "<s>", "</s>", "<unk>", "|", "E", "T", "'"], 0, "|", "<s> </s> <unk>"),
    "wav2vec2 in square brackets": (["|", *LETTERS, "[UNK]", "[PAD]"], 29, "|", "[UNK]"),
    "torchaudio": (["-", "|", "E", "T", "A"], 0, "|", ""),
    "ctc-segmentation": (["a", "b", " ", "_"], 3, "space", ""),
    "pyctcdecode": ([" ", *LETTERS, ""], 28, "space", ""),
    "icefall": (["<blk>", "<sos/eos>", "<unk>", "▁THE", "▁A", "S", "▁"], 0, "▁", "<sos/eos> <unk>"),
    "WeNet": (["<blank>", "<unk>", "▁a", "我", "你", "<sos/eos>"], 0, "▁", "<unk> <sos/eos>"),
    "WeNet, Chinese characters alone": (["<blank>", "<unk>", "我", "你", "<sos/eos>"], 0, "none", "<unk> <sos/eos>"),
    "SenseVoice": (["<unk>", "<s>", "<|zh|>", "▁the", "是", "<blank>"], 5, "▁", "<unk> <s> <|zh|>"),
    "Parakeet from the hub": (["<unk>", "▁t", "he", "<pad>"], 3, "▁", "<unk>"),
    "a blank and a padding": (["<blank>", "<pad>", "a", " "], 0, "space", "<pad>"),
    "ESPnet": (["<blank>", "<unk>", "<space>", "A", "B", "<sos/eos>"], 0, "space", "<unk> <sos/eos>"),
    "sentencepiece with bytes": (["<unk>", "<0xE2>", "<0x82>", "▁a", "b", "<blk>"], 5, "▁", "<unk>"),
    "wordpiece": (["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "##s", "cat"], 0, "##", "[UNK] [CLS] [SEP]"),
    "GPT-2": (["<|endoftext|>", "Ġthe", "Ġc", "at", "Ã©", "<blk>"], 5, "Ġ", "<|endoftext|>"),
    "subword-nmt": (["<b>", "c@@", "at", "the", "<unk>"], 0, "@@", "<unk>"),
    "byte pairs with an ending": (["<pad>", "ca", "t</w>", "</w>", "a</w>"], 0, "</w>", ""),
    "phonemes": (["ɪ", "tʃ", "aɪ", "<wb>", "<blank>"], 4, "space", ""),
    "phonemes without a boundary": (["<blk>", "ɪ", "tʃ", "aɪ", "<noise>"], 0, "none", "<noise>"),
    "capital letters of Maltese": (["<pad>", "|", *"ABĊDEFĠGĦ"], 0, "|", ""),
    "a bar among pieces": (["<blk>", "▁a", "▁b", "c", "|"], 0, "▁", ""),
    "number signs among pieces": (["<blk>", *(f"▁{c}" for c in LETTERS), "##a", "x@@"], 0, "▁", ""),
    "a bar beside a space": (["a", "|", " ", ""], 3, "space", ""),
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_the_labels_of_known_families_are_recognized(family: str) -> None:
    labels, blank, words, skipped = FAMILIES[family]
    symbols = Symbols.recognize(labels)
    assert (symbols.labels, symbols.blank_index, symbols.words) == (tuple(labels), blank, words)
    assert [labels[index] for index in sorted(symbols.skipped)] == skipped.split()
    silent = set(symbols.silent)
    assert symbols.silent[0] == blank
    assert [index for index, spelling in enumerate(symbols.spellings) if spelling is None] == sorted(silent)
    assert pickle.loads(pickle.dumps(symbols)) == symbols


@pytest.mark.parametrize(
    ("words", "label", "text", "opens", "closes"),
    [
        ("space", "a", "a", False, False),
        ("space", " ", "", True, False),
        ("space", "<space>", "", True, False),
        ("space", " the", "the", True, False),
        ("space", "▁", "▁", False, False),
        ("|", "|", "", True, False),
        ("|", "a|", "a|", False, False),
        ("▁", "▁the", "the", True, False),
        ("▁", "s", "s", False, False),
        ("▁", "▁", "", True, False),
        ("▁", "▁▁", "", True, False),
        ("▁", "the▁", "the", False, True),
        ("▁", "##a", "##a", False, False),
        ("▁", "<0xE2>", b"\xe2", False, False),
        ("▁", "<0x20>", "", True, False),
        ("##", "cat", "cat", True, False),
        ("##", "##s", "s", False, False),
        ("##", "###", "###", True, False),
        ("Ġ", "Ġthe", "the", True, False),
        ("Ġ", "Ã©", "é", False, False),
        ("Ġ", "ðŁ", b"\xf0\x9f", False, False),
        ("Ġ", "Ċ", "", True, False),
        ("@@", "c@@", "c", False, False),
        ("@@", "at", "at", False, True),
        ("@@", "@@", "@@", False, True),
        ("</w>", "ca", "ca", False, False),
        ("</w>", "t</w>", "t", False, True),
        ("</w>", "</w>", "", True, False),
        ("none", "我", "我", False, False),
        ("none", "▁a", "▁a", False, False),
    ],
)
def test_what_a_label_spells(words: str, label: str, text: str | bytes, opens: bool, closes: bool) -> None:
    mark = {"space": " ", "Ġ": "Ġx", "none": "x", "##": "##x", "@@": "x@@"}.get(words, words)
    labels = ("", label) if label == mark else ("", label, mark)
    spelling = Symbols(labels, 0, WordRule(words)).spellings[1]
    assert spelling == Spelling(text if isinstance(text, bytes) else text.encode(), opens, closes)


def test_units_are_bytes_only_where_an_output_may_be_a_part_of_a_character() -> None:
    assert not Symbols(("", "▁é"), 0, WordRule.PIECE).is_bytewise
    assert Symbols(("", "▁é", "<0xC3>"), 0, WordRule.PIECE).is_bytewise
    assert Symbols(("", "Ġa"), 0, WordRule.BYTE_PIECE).is_bytewise
    assert not Symbols(("<0xC3>", "▁é"), 0, WordRule.PIECE).is_bytewise, "the blank spells nothing"


def mark(pieces: list[str], words: WordRule) -> list[str]:
    """Return the labels of the pieces of one word, as the tools that make such labels write them."""
    first, last = pieces[0], pieces[-1]
    match words:
        case WordRule.SPACE | WordRule.BAR:
            return [*pieces, " " if words is WordRule.SPACE else "|"]
        case WordRule.PIECE:
            return ["▁" + first, *pieces[1:]]
        case WordRule.CONTINUATION:
            return [first, *("##" + piece for piece in pieces[1:])]
        case WordRule.BYTE_PIECE:
            return ["Ġ" + first, *pieces[1:]]
        case WordRule.CONTINUED:
            return [*(piece + "@@" for piece in pieces[:-1]), last]
        case WordRule.ENDING:
            return [*pieces[:-1], last + "</w>"]
    raise AssertionError(words)


@given(
    st.lists(st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=3), min_size=1, max_size=6),
    st.sampled_from([rule for rule in WordRule if rule is not WordRule.NONE]),
)
def test_the_words_of_a_text_come_back_under_every_rule(text: list[list[str]], words: WordRule) -> None:
    written = [label for pieces in text for label in mark(pieces, words)]
    symbols = Symbols(("<blk>", *dict.fromkeys(written)), 0, words)
    joined = b""
    for label in written:
        spelling = symbols.spellings[symbols.labels.index(label)]
        assert spelling
        joined += b" " * spelling.opens + spelling.text + b" " * spelling.closes
    assert joined.decode().split() == ["".join(pieces) for pieces in text]


def test_an_alphabet_is_the_simplest_case() -> None:
    alphabet = Alphabet("ab ")
    assert isinstance(alphabet, Symbols)
    assert alphabet.spellings == (
        Spelling(b"a", opens=False, closes=False),
        Spelling(b"b", opens=False, closes=False),
        Spelling(b"", opens=True, closes=False),
        None,
    )
    assert Alphabet("ab").words is WordRule.NONE
    assert alphabet == Alphabet("ab ") != Alphabet("abc ")
    assert pickle.loads(pickle.dumps(alphabet)).symbols == "ab "


def test_a_blank_may_come_after_the_last_label() -> None:
    symbols = Symbols.recognize(["▁a", "b"], blank=2)
    assert (symbols.labels, symbols.blank_index, len(symbols)) == (("▁a", "b", "<blank>"), 2, 3)


def test_what_is_known_is_not_guessed() -> None:
    symbols = Symbols.recognize(["<pad>", "▁a", "b@@", "_"], blank=3, words=WordRule.CONTINUED)
    assert (symbols.blank_index, symbols.words, symbols.skipped) == (3, "@@", {0})
    assert symbols.spellings[1] == Spelling("▁a".encode(), opens=False, closes=True)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "no label looks like the blank"),
        (["▁a", "b"], "no label looks like the blank.*0 to 2"),
        (["a", "_", "b"], "no label looks like the blank"),
        (["_", "a", "-"], "no label looks like the blank"),
        (["<pad>", "a", "[PAD]"], "outputs 0 and 2, '<pad>' and '\\[PAD\\]', both look like the blank"),
        (["", "a", ""], "outputs 0 and 2, '' and ''"),
        (["<blk>", "a", "b", "a"], "outputs 1 and 3 are both 'a'"),
        (["<blk>", "<unk>"], "no output writes anything"),
        (["<blk>", "▁a", "b@@"], "several marks of words, '▁' and '@@'"),
        (["<blk>", "▁a▁b", "c"], "output 1, '▁a▁b', is more than one word"),
        (["<blk>", "a\tb", " "], "output 1, 'a\\\\tb', is more than one word"),
        (["<blk>", "a\ud800", " "], "output 1, .* is not valid Unicode"),
    ],
)
def test_labels_that_leave_something_open_are_refused(labels: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Symbols.recognize(labels)


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        ((("a", "b"), 2, WordRule.NONE), "the blank cannot be output 2 of 2"),
        ((("a", "b"), -1, WordRule.NONE), "the blank cannot be output -1"),
        (((), 0, WordRule.NONE), "the blank cannot be output 0 of 0"),
        ((("a", ""), 0, WordRule.NONE), "output 1 has no label"),
        ((("", "a"), 0, WordRule.SPACE), "no label has the mark of words 'space'"),
        ((("", "a"), 0, WordRule.PIECE), "no label has the mark of words '▁'"),
        ((("", "Ġ我"), 0, WordRule.BYTE_PIECE), "output 1, 'Ġ我', has '我'"),
        ((("", "a"), 0, WordRule.NONE, frozenset({0})), "output 0 cannot be skipped"),
        ((("", "a"), 0, WordRule.NONE, frozenset({7})), "output 7 cannot be skipped"),
    ],
)
def test_symbols_are_checked(symbols: tuple, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ConfigError, match=message):
        Symbols(*symbols)


def test_labels_without_any_mark_may_be_whole_words() -> None:
    symbols = Symbols(("", "yes", "no"), 0, WordRule.CONTINUATION)
    assert symbols.spellings[1] == Spelling(b"yes", opens=True, closes=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("labels", ["a", 5]),
        ("blank_index", float("inf")),
        ("blank_index", 1.5),
        ("blank_index", True),
        ("skipped", [True]),
        ("skipped", None),
    ],
)
def test_plain_values_of_other_types_are_refused(name: str, value: object) -> None:
    values = Symbols(("a", "b", ""), 2, WordRule.NONE).to_dict()
    assert Symbols.from_dict(values).labels == ("a", "b", "")
    with pytest.raises(TypeError):
        Symbols.from_dict({**values, name: value})
