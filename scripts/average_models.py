"""Average the weights of models that began with the same one: often better than each, at no cost in use.

    python scripts/average_models.py MODEL MODEL... -o FOLDER

Models that were trained on from one model, with other data, seeds or rates, lie so near each other that the mean of
their weights is a model, too: one that has unlearned what each of them alone had learned from chance or from wrong
labels. The model that they began with may be among them (Wortsman et al. 2022, arXiv 2203.05482 and 2109.01903). A
model that is named twice counts twice. Settings of the search are not averaged: ``asrkit lm tune`` finds new ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asrkit.errors import AsrkitError, BundleError
from asrkit.model.bundle import Bundle, save_bundle
from asrkit.model.folder import require_place


def average_weights(bundles: Sequence[Bundle]) -> dict[str, npt.NDArray[np.float32]]:
    """Return the mean of each weight.

    Raises:
        BundleError: They are not all of one network with the same outputs and input, or one has no weights.
    """
    first = bundles[0]
    sums = {name: np.zeros(values.shape) for name, values in first.weights().items()}
    for bundle in bundles:
        if _what_must_agree(bundle) != _what_must_agree(first):
            raise BundleError(f"has another network, units, features or texts than {first.path}", path=bundle.path)
        for name, values in bundle.weights().items():
            sums[name] += values
    return {name: (values / len(bundles)).astype(np.float32) for name, values in sums.items()}


def _what_must_agree(bundle: Bundle) -> tuple[object, ...]:
    network = bundle.model.replace(dropout=0.0)  # which only training knows
    return network, bundle.symbols.to_dict(), bundle.features, bundle.normalizer, bundle.language


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        bundles = [Bundle.load(path) for path in arguments.models]
        first = bundles[0]
        require_place(arguments.output, *(bundle.path for bundle in bundles))
        save_bundle(
            arguments.output,
            alphabet=first.alphabet,
            units=first.units,
            features=first.features,
            model=first.model,
            weights=average_weights(bundles),
            normalizer=first.normalizer,
            language=first.language,
            card={"name": arguments.output.name, "averaged": [bundle.name for bundle in bundles]},
        )
    except (AsrkitError, OSError) as error:
        raise SystemExit(f"average_models: {error}") from None


if __name__ == "__main__":
    main()
