"""What the network hears, as a page with players and spectrograms."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asrkit.packages import needed
from asrkit.report.html.document import document
from asrkit.report.html.markup import section, tag, text
from asrkit.training.preview import Preview, Take


def render_preview(previews: Sequence[Preview], augmentation: dict[str, Any], page_dir: Path) -> str:
    """Return previews and the settings behind them as one HTML document; the recordings lie beside it."""
    loudest = max(float(np.abs(take.features).max()) for preview in previews for take in preview.takes)
    settings = ", ".join(f"{name} {value}" for name, value in augmentation.items())
    parts = [
        tag(
            "p", text("Each utterance as recorded, and as the network hears it in some epochs. Masked parts are gray.")
        ),
        tag("p", text(settings), class_="note"),
        *(_utterance(preview, loudest, page_dir) for preview in previews),
    ]
    return document("What the network hears", "".join(parts))


def _utterance(preview: Preview, loudest: float, page_dir: Path) -> str:
    rows = "".join(tag("tr", _take(take, loudest, page_dir)) for take in preview.takes)
    content = tag("p", tag("bdi", text(preview.text))) + tag("div", tag("table", tag("tbody", rows)), class_="wide")
    return section(preview.id, content)


def _take(take: Take, loudest: float, page_dir: Path) -> str:
    source = take.audio_path.relative_to(page_dir).as_posix()
    player = tag("audio", "", controls="", preload="none", src=source, aria_label=f"recording, {take.name}")
    picture = base64.b64encode(draw_features(take.features, loudest)).decode("ascii")
    image = f'<img src="data:image/png;base64,{picture}" alt="{text(f"spectrogram, {take.name}")}">'
    return (
        tag("th", text(take.name), scope="row")
        + tag("td", text("; ".join([f"{take.seconds:.2f} s", *(" ".join(item) for item in take.done.items())])))
        + tag("td", player)
        + tag("td", image)
    )


def draw_features(features: Any, loudest: float) -> bytes:
    """Return a spectrogram as a PNG, two pixels a frame, low frequencies below; masks are gray.

    Args:
        features: ``(frames, bins)``; exactly 0 where they are masked.
        loudest: The value of the brightest color, and minus it the darkest.
    """
    with needed("drawing spectrograms", "matplotlib"):
        import matplotlib as mpl
        from matplotlib import image

    colors = mpl.colormaps["magma"](np.clip(features.T[::-1] / (2 * loudest) + 0.5, 0, 1))
    colors[(features == 0).T[::-1]] = (0.5, 0.5, 0.5, 1.0)
    file = io.BytesIO()
    image.imsave(file, np.repeat(np.repeat(colors, 2, axis=0), 2, axis=1), format="png")
    return file.getvalue()
