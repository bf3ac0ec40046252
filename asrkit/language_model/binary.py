"""asrkit's own binary models, written from any model."""

from __future__ import annotations

from pathlib import Path

from asrkit.errors import ConfigError, LanguageModelError
from asrkit.language_model.files import COMPRESSED_SUFFIXES, model_file
from asrkit.language_model.ngram import NgramModel


def write_binary(model: NgramModel, output: Path | str, *, quantize: bool = False) -> Path:
    """Write a model as one file that ``NgramModel.load`` maps into memory at once.

    Args:
        model: Any model; one that is quantized already stays so.
        output: The file; it appears only when it is complete.
        quantize: Keep probabilities and back-offs in 8 bits: a quarter or more smaller, and a little less exact.

    Raises:
        ConfigError: Its name says that it is compressed.
        LanguageModelError: The model is too large to quantize, or the file cannot be written.
    """
    from asrkit import _native

    output = Path(output)
    if output.suffix in COMPRESSED_SUFFIXES:
        raise ConfigError(f"a binary model is mapped and not compressed; name it .bin, not {output.name!r}")
    try:
        image = _native.NgramImage(model.native, quantize)
    except ValueError as error:
        raise LanguageModelError(str(error), path=model.path) from None
    with model_file(output, compress=False) as file:
        for index in range(image.num_pieces):
            file.write(image.piece(index).data)
    return output
