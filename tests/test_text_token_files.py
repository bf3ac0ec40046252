from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrkit.errors import ConfigError, MissingPathError
from asrkit.text.symbols import WordRule
from asrkit.text.token_files import read_labels, read_symbols


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    ("name", "text", "labels"),
    [
        ("tokens.txt", "<blk> 0\n▁a 1\nb 2\n", ["<blk>", "▁a", "b"]),
        ("tokens.txt", "b 2\n<blk> 0\r\n▁a 1", ["<blk>", "▁a", "b"]),
        ("tokens.txt", "<blk>\t0\na\t1\n", ["<blk>", "a"]),
        ("tokens.txt", "\ufeff<blk> 0\na 1\n\n", ["<blk>", "a"]),
        ("tokens.txt", "<blk> 0\n  1\na 2\n3\n", None),
        ("tokens.txt", "<blk> 0\n  1\na 2\n", ["<blk>", " ", "a"]),
        ("tokens.txt", "<blk> 0\n1\na 2\n", ["<blk>", " ", "a"]),
        ("units.txt", "<blank> 0\n1 1\n2 2\n", ["<blank>", "1", "2"]),
        ("labels.txt", "<blk>\n1\n2\n", ["<blk>", "1", "2"]),
        ("labels.txt", "a\n \n\nb\n", ["a", " ", "", "b"]),
        ("labels.txt", "a\n\u2028\nb\u0085\n", ["a", "\u2028", "b\u0085"]),
        ("tokens.txt", "<blk> 0\na 1\n#0 2\n#1 3\n", ["<blk>", "a"]),  # of a decoding graph, no outputs
        ("tokens.txt", "<blk> 0\n# 1\n#1 2\n", ["<blk>", "#", "#1"]),
        ("tokens.txt", "1 a\n0 <blk>\n2 ▁ b\n", ["<blk>", "a", "▁ b"]),
        ("labels.txt", "0 a\n0 b\n", ["0 a", "0 b"]),
        ("bpe.vocab", "<unk>\t0\n▁a\t-0\nb\t-1\n", ["<unk>", "▁a", "b"]),  # sentencepiece, with scores
        ("unigram.vocab", "<unk>\t0\n▁a\t-1.5\nb\t-2e-05\n", ["<unk>", "▁a", "b"]),
        ("labels.json", '["", "a", " "]', ["", "a", " "]),
        ("alphabet.json", '{"labels": ["", "a"], "is_bpe": false}', ["", "a"]),
        ("vocab.json", '{"a": 1, "<pad>": 0}', ["<pad>", "a"]),
        ("tokenizer.json", '{"model": {"vocab": [["<unk>", 0.0], ["▁a", -1.5]]}}', ["<unk>", "▁a"]),
        (
            "tokenizer.json",
            '{"model": {"vocab": {"a": 0, "b": 1}}, "added_tokens": [{"id": 2, "content": "<pad>"}]}',
            ["a", "b", "<pad>"],
        ),
    ],
)
def test_files_of_labels(tmp_path: Path, name: str, text: str, labels: list[str] | None) -> None:
    path = write(tmp_path / name, text)
    if labels is None:
        with pytest.raises(ConfigError):
            read_symbols(path)  # two spaces
    else:
        assert list(read_labels(path)) == labels


token = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r \t\ufeff"), min_size=1, max_size=3)
token = token.filter(lambda label: not label.startswith("#"))  # at the end those of a graph are no outputs


@given(labels=st.lists(token, min_size=1, max_size=9, unique=True), data=st.data())
def test_labels_come_back_from_every_kind_of_file(
    tmp_path_factory: pytest.TempPathFactory, labels: list[str], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("labels")
    rows = data.draw(st.permutations(list(enumerate(labels))))
    ids = {label: index for index, label in rows}
    files = [
        write(folder / "tokens.txt", "".join(f"{label} {index}\n" for index, label in rows)),
        write(folder / "labels.txt", "".join(f"{label}\n" for label in labels)),
        write(folder / "labels.json", json.dumps(labels)),
        write(folder / "vocab.json", json.dumps(ids)),
    ]
    for path in files:
        assert list(read_labels(path)) == labels, path.name


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("tokens.txt", "", "holds no labels"),
        ("tokens.txt", "<blk> 0\na 2\nb 3\n", "tokens.txt: no label has the id 1, of 3"),
        ("tokens.txt", "<blk> 0\na 1\nb 1\n", "tokens.txt:3: 'b' has the id 1, which is that of 'a'"),
        ("tokens.txt", "<blk> 0\na 1\nb -1\n", "tokens.txt:3: 'b' has the id -1"),
        ("tokens.txt", f"<blk> 0\na 1\nb {'1' * 5_000}\n", "tokens.txt:3: 'b 1+' ends with no number"),
        ("tokens.txt", "<blk> 0\na 1\nb two\n", "tokens.txt:3: 'b two' ends with no number"),
        ("tokens.txt", "<blk> 0\na 1\na 2\n", "tokens.txt: outputs 1 and 2 are both 'a'"),
        ("tokens.txt", "<blk> 0\na\\x 1\n▁b▁c 2\n", "output 2, '▁b▁c', is more than one word"),
        ("tokens.txt", "a 0\nb 1\n", "tokens.txt: no label looks like the blank"),
        ("vocab.json", '{"a": 0, "b": 0}', "'b' has the id 0, which is that of 'a'"),
        ("vocab.json", '{"a": 0, "a": 1}', "'a' stands twice"),
        ("vocab.json", '{"a": "0"}', "the id of 'a' is '0', not a number"),
        ("vocab.json", '{"a": true}', "the id of 'a' is True, not a number"),
        ("vocab.json", '{"deu": {"a": 0}, "fra": {"a": 0}}', "the labels of 2 languages .deu, fra."),
        ("vocab.json", '{"a": 0', "cannot be read as JSON"),
        ("vocab.json", "[" * 100_000, "cannot be read as JSON"),
        ("vocab.json", "7", "neither a list of labels nor an object"),
        ("vocab.json", "{}", "holds no labels"),
        ("labels.json", '["a", 1]', "label 1 is 1, not text"),
        ("tokenizer.json", '{"model": {"vocab": ["a"]}}', "model.vocab is not a list of pieces"),
        ("tokenizer.json", '{"model": {"vocab": {"a": 0}}, "added_tokens": [1]}', "do not name tokens"),
    ],
)
def test_unusable_files_are_refused_in_one_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        read_symbols(write(tmp_path / name, text))
    assert "\n" not in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokens.model").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        read_labels(tmp_path / "tokens.model")
    with pytest.raises(MissingPathError, match="no such file of labels"):
        read_labels(tmp_path / "none.txt")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_labels(tmp_path)


def test_the_blank_comes_last_where_the_model_has_one_output_more(tmp_path: Path) -> None:
    path = write(tmp_path / "vocab.txt", "▁a\nb\n")
    assert read_symbols(path, 3).blank_index == 2
    assert len(read_symbols(path, 3)) == 3
    with pytest.raises(ConfigError, match="no label looks like the blank"):
        read_symbols(path, 2)
    with pytest.raises(ConfigError, match="has 2 labels, the model has 4 outputs"):
        read_symbols(path, 4)


def test_labels_must_fit_the_model(tmp_path: Path) -> None:
    path = write(tmp_path / "vocab.txt", "<blk>\n▁a\nb\n")
    with pytest.raises(ConfigError, match="has 3 labels, the model has 4 outputs"):
        read_symbols(path, 4)
    with pytest.raises(ConfigError, match="the blank cannot be output 3 of 3"):
        read_symbols(path, 3, blank=3)
    assert read_symbols(path, 3, blank=2, words=WordRule.PIECE).labels[2] == "b"
