"""asrkit's own binary models: written from any model, checked in full."""

from __future__ import annotations

from pathlib import Path

from asrkit.errors import LanguageModelError
from asrkit.language_model.files import model_file
from asrkit.language_model.ngram import NgramModel, is_binary, read_bytes


def write_binary(model: NgramModel, output: Path | str, *, quantize: bool = False) -> Path:
    """Write a model as one file that ``NgramModel.load`` maps into memory at once.

    Args:
        model: Any model; one that is quantized already stays so.
        output: The file; it appears only when it is complete.
        quantize: Keep probabilities and back-offs in 8 bits: a quarter or more smaller, and a little less exact.

    Raises:
        LanguageModelError: The model is too large to quantize, or the file cannot be written.
    """
    from asrkit import _native

    output = Path(output)
    try:
        image = _native.NgramImage(model.native, quantize)
    except ValueError as error:
        raise LanguageModelError(str(error), path=model.path) from None
    with model_file(output, compress=False) as file:
        for index in range(image.num_pieces):
            file.write(image.piece(index).data)
    return output


def verify_binary(path: Path | str) -> None:
    """Read all of a binary model and compare its checksums.

    Raises:
        MissingPathError: There is no such file.
        LanguageModelError: It is no binary model of asrkit, or it is damaged.
    """
    from asrkit import _native

    path = Path(path)
    data = read_bytes(path)
    if not is_binary(data):
        raise LanguageModelError("only asrkit's binary models carry checksums; convert the model first", path=path)
    try:
        is_whole = _native.NgramModel.verify_binary(data)
    except _native.NgramFileError as error:
        raise LanguageModelError(str(error), path=path) from None
    if not is_whole:
        raise LanguageModelError("the checksum is wrong: the file is damaged; convert the model again", path=path)
