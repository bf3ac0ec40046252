"""Recordings as phones, browsers and video have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def encode(
    path: Path,
    samples: np.ndarray,
    codec: str,
    rate_hz: int = 16_000,
    container: str | None = None,
    late_s: float = 0.0,
    gap: tuple[float, float] | None = None,
    bit_rate: int | None = None,
    layout: str = "mono",
    **options: str,
) -> Path:
    """Write samples, the same in each channel, with FFmpeg's encoders.

    ``gap``: from this second on, time stamps are so much later.
    """
    import av

    with av.open(str(path), "w", format=container, options=options) as output:
        stream = output.add_stream(codec, rate=rate_hz, layout=layout)
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        num_channels = stream.codec_context.layout.nb_channels
        frame = av.AudioFrame.from_ndarray(np.tile(samples, (num_channels, 1)), format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate_hz, 0
        resampler = av.AudioResampler(stream.format, layout, rate_hz, stream.codec_context.frame_size or 1024)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            shift_s = late_s + (gap[1] if gap is not None and piece.pts >= gap[0] * rate_hz else 0.0)
            piece.pts += round(shift_s * rate_hz)
            output.mux(stream.encode(piece))
        output.mux(stream.encode(None))
    return path
