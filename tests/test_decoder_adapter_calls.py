"""What users of pyctcdecode call: states, pieces, folders, several language models."""

from __future__ import annotations

import math
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from asrkit.config import DecodingConfig
from asrkit.decoder import (
    BeamSearchDecoder,
    BeamSearchDecoderCTC,
    LanguageModel,
    LMState,
    MultiLanguageModel,
    build_ctcdecoder,
)
from asrkit.decoder.adapter import HotwordScorer
from asrkit.errors import ConfigError, DecodingError
from asrkit.language_model import NgramModel


def bugs_model(folder: Path) -> Path:
    """Write a 2-gram model in which "bugs bunny" is likely."""
    path = folder / "bugs.arpa"
    path.write_text(
        "\\data\\\nngram 1=5\nngram 2=3\n\n\\1-grams:\n-1.5\t<unk>\n-99\t<s>\t-0.3\n-0.9\t</s>\n-0.9\tbugs\t-0.3\n"
        "-1.2\tbunny\t-0.3\n\n\\2-grams:\n-0.3\t<s> bugs\n-0.2\tbugs bunny\n-0.3\tbunny </s>\n\n\\end\\\n"
    )
    return path


@pytest.fixture
def lm(tmp_path: Path) -> Path:
    return bugs_model(tmp_path)


SMALL = [" ", "b", "g", "n", "s", "u", "y", ""]


def spoken(*texts: str, shares: tuple[float, ...] = (1.0,)) -> np.ndarray:
    """Probabilities of texts spoken at once, a step a letter; "-" is the blank."""
    values = np.full((len(texts[0]), len(SMALL)), 1e-9)
    for text, share in zip(texts, shares, strict=True):
        for step, letter in enumerate(text):
            values[step, SMALL.index("" if letter == "-" else letter)] += share
    return np.asarray(values / values.sum(axis=1, keepdims=True))


@pytest.mark.parametrize(
    ("labels", "path"),
    [
        (["▁bugs", "▁bun", "ny", ""], [3, 0, 1, 2, 2, 3]),
        (["[PAD]", "bugs", "bun", "##ny", "[UNK]"], [0, 1, 2, 3, 3, 0]),
        (["<pad>", "▁bugs", "▁", "b", "unny"], [0, 1, 2, 3, 4, 0]),
    ],
)
def test_labels_may_be_pieces_of_words(labels: list[str], path: list[int], lm: Path) -> None:
    logits = np.full((6, len(labels)), -9.0)
    logits[np.arange(6), path] = 0.0
    for decoder in (build_ctcdecoder(labels), build_ctcdecoder(labels, lm)):
        text, state, frames, _, _ = decoder.decode_beams(logits)[0]
        assert text == "bugs bunny"
        assert frames[0] == ("bugs", (1, 2))
        assert frames[1] == ("bunny", (3 if "▁" in labels else 2, 5))
    assert state == LMState(("bunny",))
    again = decoder.decode_beams(logits[2:], lm_start_state=LMState(("bugs",)))[0]
    assert again[0] == "bunny"


def test_a_state_goes_on_where_the_last_call_was(lm: Path) -> None:
    first, second = spoken("bugs"), spoken("bugs--", "bun-ny", shares=(0.51, 0.49))
    whole = np.vstack([first, spoken(" "), second])
    decoder = build_ctcdecoder(SMALL, lm)
    assert decoder.decode(whole) == "bugs bunny"
    assert decoder.decode(second) == "bugs"
    _, state, _, logit_score, score = decoder.decode_beams(first)[0]
    text, after, frames, next_logit_score, next_score = decoder.decode_beams(second, lm_start_state=state)[0]
    assert (text, frames, after) == ("bunny", [("bunny", (0, 6))], LMState(("bunny",)))
    assert decoder.decode(second, lm_start_state=pickle.loads(pickle.dumps(state))) == "bunny"
    best = decoder.decode_beams(whole)[0]
    assert logit_score + next_logit_score == pytest.approx(best[3], abs=1e-3)
    # The first piece was scored with the end of its sentence.
    end = 0.5 * math.log(10) * NgramModel.load(lm).score_words("bugs")[-1][0]
    assert score + next_score - end == pytest.approx(best[4], abs=1e-3)
    assert build_ctcdecoder(SMALL).decode_beams(first)[0][1] is None
    with pytest.raises(DecodingError, match="lm_start_state is the second item"):
        decoder.decode(first, lm_start_state=object())  # type: ignore[arg-type]


def test_what_follows_a_state_begins_with_a_new_word(lm: Path) -> None:
    """Also where no label parts words: a piece that goes on with one is the first of another, as in pyctcdecode."""
    labels = ["▁bugs", "▁bun", "ny", "bugs", ""]
    decoder = build_ctcdecoder(labels, lm)
    state = decoder.decode_beams(np.eye(5)[[0, 4]])[0][1]
    text, after, frames, logit_score, score = decoder.decode_beams(np.eye(5)[[3, 1, 2]], lm_start_state=state)[0]
    assert (text, frames) == ("bugs bunny", [("bugs", (0, 1)), ("bunny", (1, 3))])
    assert after == LMState(("bunny",)) and logit_score == pytest.approx(0.0)
    probabilities = NgramModel.load(lm).score_words("bugs bugs bunny")
    assert score == pytest.approx(0.5 * math.log(10) * sum(p for p, _ in probabilities[1:]) + 2 * 1.5, abs=1e-3)


@pytest.mark.parametrize("hotwords", [[], ["bugs"]])
def test_pieces_of_an_utterance_give_the_answer_of_the_whole(lm: Path, hotwords: list[str]) -> None:
    logits = spoken("bun-ny bun-ny", "bugs-- bun-ny", shares=(0.51, 0.49))
    for decoder in (build_ctcdecoder(SMALL), build_ctcdecoder(SMALL, lm)):
        whole = decoder.decode_beams(logits, hotwords=hotwords, hotword_weight=25.0)
        beams, scores, partial_scores = decoder.get_starting_state()
        scorer = HotwordScorer.build_scorer(hotwords, weight=25.0)
        for start, end in ((0, 3), (3, 8), (8, 13)):
            beams = decoder.partial_decode_beams(
                logits[start:end], scores, partial_scores, beams, start, hotword_scorer=scorer, is_end=end == 13
            )
        assert [(b.text, b.text_frames, b.logit_score, b.lm_score) for b in beams] == [
            (text, [frame for _, frame in frames], logit_score, score) for text, _, frames, logit_score, score in whole
        ]


@pytest.mark.parametrize("alpha", [-0.5, -3.0])
def test_a_language_model_may_be_opposed(lm: Path, alpha: float) -> None:
    logits = spoken("bugs bun-ny", "bugs bugs--", shares=(0.5, 0.5))
    beams = build_ctcdecoder(SMALL, lm, alpha=alpha, beta=0.0).decode_beams(logits, beam_prune_logp=-40.0)
    known = NgramModel.load(lm)
    scores = [beam[4] for beam in beams]
    assert scores == sorted(scores, reverse=True)
    texts = [text for text, *_ in beams if text in ("bugs bugs", "bugs bunny")]
    assert texts == ["bugs bugs", "bugs bunny"]
    for text, _, _, logit_score, score in beams:
        if text in texts:
            assert score == pytest.approx(logit_score + alpha * math.log(10) * known.score(text), abs=1e-2)
    assert build_ctcdecoder(SMALL, lm, alpha=alpha).decode_batch(None, [logits]) == [beams[0][0]]


def test_thresholds_of_nothing_keep_the_best(lm: Path) -> None:
    decoder = build_ctcdecoder(SMALL, lm)
    logits = spoken("bun-ny bun-ny", "bugs-- bun-ny", shares=(0.51, 0.49))
    assert decoder.decode(logits) == "bugs bunny"
    assert decoder.decode(logits, token_min_logp=0.0) == decoder.decode(logits, token_min_logp=3.0) == "bunny bunny"
    assert decoder.decode(logits, beam_prune_logp=0.0)


def test_odd_hotwords_do_no_harm() -> None:
    decoder = build_ctcdecoder(SMALL)
    logits = spoken("bun-ny bun-ny", "bugs-- bun-ny", shares=(0.51, 0.49))
    assert decoder.decode(logits) == "bunny bunny"
    for odd in ("", " ", "bugs=on", "BUGS", "zebra", "bugs_"):
        assert decoder.decode(logits, hotwords=[odd]) == "bunny bunny", odd
        assert decoder.decode(logits, hotwords=[odd, " bugs "]) == "bugs bunny", odd
    assert decoder.decode(logits, hotwords=["bugs"], hotword_weight=9_999_999) == "bugs bunny"


def test_one_text_is_no_list_of_words(lm: Path) -> None:
    decoder = build_ctcdecoder(SMALL)
    for call in (decoder.decode, decoder.decode_beams):
        with pytest.raises(DecodingError, match=r"such as \['bugs'\]"):
            call(spoken("bugs"), hotwords="bugs")
    with pytest.raises(DecodingError, match="not one text"):
        HotwordScorer.build_scorer("bugs")
    with pytest.raises(DecodingError, match=r"unigrams are a list, such as \['unigrams.txt'\], not one text"):
        build_ctcdecoder(SMALL, lm, unigrams="unigrams.txt")
    with pytest.raises(DecodingError, match="the words said before are a list"):
        BeamSearchDecoder.from_labels(SMALL, SMALL.index(""), lm).after("bugs bunny")
    with pytest.raises(ConfigError, match="hotwords must be a list, not 'bugs'"):
        DecodingConfig(hotwords="bugs")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "labels",
    [
        ["<pad>", "[PAD]", " ", "a", "b"],
        ["<blank>", "<unk>", " ", "a", "b"],
        ["<pad>", "<s>", " ", "a", "b"],
        ["-", "[UNK]", "|", "a", "b"],
    ],
)
def test_several_special_labels(labels: list[str]) -> None:
    logits = np.full((6, 5), -9.0)
    logits[np.arange(6), [3, 0, 2, 4, 1, 0]] = 0.0
    assert build_ctcdecoder(labels).decode(logits) == "a b"


def test_two_blanks_are_one() -> None:
    logits = np.log([[0.3, 0.3, 0.4], [0.05, 0.05, 0.9]])
    assert build_ctcdecoder(["<pad>", "[PAD]", "a"]).decode_beams(logits)[0][3] == pytest.approx(
        math.log(0.6 * 0.9 + 0.4 * 0.1 + 0.4 * 0.9), abs=1e-5
    )


def test_parameters_are_reset_and_looked_at_by_the_next_call(lm: Path) -> None:
    decoder = build_ctcdecoder(SMALL, lm, alpha=0.0)
    logits = spoken("bun-ny bun-ny", "bugs-- bun-ny", shares=(0.51, 0.49))
    assert decoder.decode(logits) == "bunny bunny"
    decoder.reset_params(alpha=1.0)
    assert decoder.decode(logits) == "bugs bunny"
    for name, value in (
        ("alpha", math.nan),
        ("beta", 1e9),
        ("lm_score_boundary", False),
        ("unk_score_offset", math.inf),
    ):
        other = build_ctcdecoder(SMALL, lm)
        other.reset_params(**{name: value})
        with pytest.raises(ValueError, match=name):
            other.decode(logits)


def test_words_beyond_the_unigrams_pay_the_offset(lm: Path) -> None:
    logits = spoken("bun-ny bun-ny", "bugs-- bun-ny", shares=(0.51, 0.49))
    assert build_ctcdecoder(SMALL, lm, ["bugs", "bunny"], alpha=1.0).decode(logits) == "bugs bunny"
    assert build_ctcdecoder(SMALL, lm, ["bunny"], alpha=1.0).decode(logits) == "bunny bunny"
    assert build_ctcdecoder(SMALL, lm, ["bunny"], alpha=1.0, unk_score_offset=0.0).decode(logits) == "bugs bunny"


@pytest.mark.parametrize("alpha", [0.5, 2.0, 5.74])
@pytest.mark.parametrize("offset", [-60.0, -3.0, 0.0, 2.0])
def test_an_offset_that_is_set_is_paid_by_unknown_words(lm: Path, offset: float, alpha: float) -> None:
    decoder = build_ctcdecoder(SMALL, lm, alpha=alpha, unk_score_offset=offset)
    text, _, _, logit_score, score = decoder.decode_beams(spoken("bugs bun"))[0]
    assert text == "bugs bun"
    expected = alpha * math.log(10) * (NgramModel.load(lm).score("bugs bun") + offset) + 2 * 1.5
    assert score - logit_score == pytest.approx(expected, rel=1e-5)
    for extreme in (-1e6, 1e6):
        decoder.reset_params(unk_score_offset=extreme)
        assert decoder.decode(spoken("bugs bun")) == "bugs bun"


def test_history_is_pruned_to_the_best_of_each_ending() -> None:
    decoder = build_ctcdecoder(SMALL)
    logits = spoken("bun-ny bun-ny", "bugs-- bun-ny", shares=(0.51, 0.49))
    beams = decoder.decode_beams(logits, beam_prune_logp=-30.0)
    pruned = decoder.decode_beams(logits, beam_prune_logp=-30.0, prune_history=True)
    endings = [beam[0].split()[-1] for beam in beams]
    assert [beam[0] for beam in pruned] == [beam[0] for i, beam in enumerate(beams) if endings[i] not in endings[:i]]
    assert len(pruned) < len(beams)


def test_decoders_are_saved_and_loaded_in_the_format_of_pyctcdecode(lm: Path, tmp_path: Path) -> None:
    logits = spoken("bun-ny bun-ny", "bugs-- bun-ny", shares=(0.51, 0.49))
    decoder = build_ctcdecoder(SMALL, lm, ["bugs", "bunny"], alpha=0.9, beta=1.1)
    decoder.save_to_dir(tmp_path / "saved")
    again = BeamSearchDecoderCTC.load_from_dir(tmp_path / "saved")
    assert again.decode_beams(logits) == decoder.decode_beams(logits)
    build_ctcdecoder(SMALL).save_to_dir(tmp_path / "plain")
    assert BeamSearchDecoderCTC.load_from_dir(tmp_path / "plain").decode(logits) == "bunny bunny"
    again.save_to_dir(tmp_path / "saved")  # onto itself
    for other in (build_ctcdecoder(SMALL), build_ctcdecoder(SMALL, shutil.copy(lm, tmp_path / "other.arpa"))):
        with pytest.raises(DecodingError, match=r"holds another language model \("):
            other.save_to_dir(tmp_path / "saved")
    assert BeamSearchDecoderCTC.load_from_dir(tmp_path / "saved").decode(logits) == "bugs bunny"
    peer = pytest.importorskip("pyctcdecode", reason="pyctcdecode is not installed")
    theirs = peer.BeamSearchDecoderCTC.load_from_dir(str(tmp_path / "saved"))
    assert theirs.decode(logits) == "bugs bunny"
    (tmp_path / "theirs").mkdir()
    theirs.save_to_dir(str(tmp_path / "theirs"))
    assert BeamSearchDecoderCTC.load_from_dir(tmp_path / "theirs").decode_beams(logits) == decoder.decode_beams(logits)
    assert BeamSearchDecoderCTC(theirs._alphabet, LanguageModel(lm)).decode(logits) == "bugs bunny"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("other.json", "{}", "there is no alphabet.json"),
        ("alphabet.json", "{}", "this is no alphabet.json of pyctcdecode"),
        ("alphabet.json", '{"labels": ["a", 1], "is_bpe": false}', "labels are not texts"),
        ("alphabet.json", "[" * 100_000, "this is no alphabet.json"),
        ("language_model/x.arpa", "", "a language model's folder has attrs.json"),
    ],
)
def test_folders_of_something_else_are_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    if "/" in name:
        (tmp_path / "alphabet.json").write_text('{"labels": ["a", ""], "is_bpe": false}')
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        BeamSearchDecoderCTC.load_from_dir(tmp_path)


def test_several_language_models_are_averaged(lm: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.arpa"
    other.write_text(lm.read_text().replace("-0.2\tbugs bunny", "-0.9\tbugs bunny"))
    logits = spoken("bun-ny bun-ny", "bugs-- bun-ny", shares=(0.51, 0.49))
    alphabet = build_ctcdecoder(SMALL)._alphabet
    one, two = LanguageModel(lm, alpha=1.0), LanguageModel(other, alpha=0.5)
    with pytest.raises(DecodingError, match="at least two"):
        MultiLanguageModel([one])
    with pytest.raises(DecodingError, match="a MultiLanguageModel cannot be saved"):
        BeamSearchDecoderCTC(alphabet, MultiLanguageModel([one, two])).save_to_dir(tmp_path / "saved")
    single = BeamSearchDecoderCTC(alphabet, one).decode_beams(logits)
    assert BeamSearchDecoderCTC(alphabet, MultiLanguageModel([one, one])).decode_beams(logits) == single
    both = BeamSearchDecoderCTC(alphabet, MultiLanguageModel([one, two])).decode_beams(logits)[0]
    peer = pytest.importorskip("pyctcdecode", reason="pyctcdecode is not installed")
    kenlm = pytest.importorskip("kenlm", reason="kenlm is not installed")
    models = peer.language_model
    theirs = peer.BeamSearchDecoderCTC(
        peer.Alphabet.build_alphabet(SMALL),
        models.MultiLanguageModel(
            [models.LanguageModel(kenlm.Model(str(lm)), alpha=1.0), models.LanguageModel(kenlm.Model(str(other)))]
        ),
    ).decode_beams(logits)[0]
    assert both[0] == theirs[0] == "bugs bunny"
    assert both[4] == pytest.approx(theirs[4], abs=1e-3)


@pytest.mark.parametrize("dtype", ["float16", "float32", "bfloat16", ">f8"])
def test_probabilities_of_any_type_are_probabilities(dtype: str) -> None:
    kind = getattr(pytest.importorskip("ml_dtypes"), dtype) if dtype == "bfloat16" else np.dtype(dtype)
    logits = spoken("bun-ny bun-ny", "bugs-- bun-ny", shares=(0.52, 0.48)).astype(kind)
    assert build_ctcdecoder(SMALL).decode(logits) == "bunny bunny"


def test_no_threshold_is_too_wide_and_what_cannot_be_is_called_what_the_caller_calls_it(lm: Path) -> None:
    decoder = build_ctcdecoder(SMALL, lm)
    assert decoder.decode(spoken("bugs"), token_min_logp=-math.inf, beam_prune_logp=-math.inf) == "bugs"
    for settings, message in (
        ({"beam_width": 0}, "beam_width must be positive"),
        ({"token_min_logp": math.nan}, "token_min_logp must be a number"),
    ):
        with pytest.raises(DecodingError, match=f"^{message}"):
            decoder.decode(spoken("bugs"), **settings)
    with pytest.raises(DecodingError, match=r"^alpha must lie between 0 and 1000"):
        build_ctcdecoder(SMALL, lm, alpha=1e6)


def test_a_frame_without_any_possible_label_is_named() -> None:
    logits = np.log(spoken("bugs"))
    logits[2] = -np.inf
    with pytest.raises(ValueError, match="step 2 gives every output the probability 0"):
        build_ctcdecoder(SMALL).decode(logits)


def test_the_models_in_use_are_listed_as_pyctcdecode_lists_them(lm: Path) -> None:
    before = len(BeamSearchDecoderCTC.model_container)
    decoder = build_ctcdecoder(SMALL, lm)
    assert len(BeamSearchDecoderCTC.model_container) == before + 1
    decoder.cleanup()
    assert len(BeamSearchDecoderCTC.model_container) == before
    assert decoder.decode(spoken("bugs")) == "bugs"
