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
    **options: str,
) -> Path:
    """Write mono samples with FFmpeg's encoders; ``gap``: from this second on, time stamps are so much later."""
    import av

    with av.open(str(path), "w", format=container, options=options) as output:
        stream = output.add_stream(codec, rate=rate_hz, layout="mono")
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate_hz, 0
        resampler = av.AudioResampler(stream.format, "mono", rate_hz, stream.codec_context.frame_size or 1024)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            shift_s = late_s + (gap[1] if gap is not None and piece.pts >= gap[0] * rate_hz else 0.0)
            piece.pts += round(shift_s * rate_hz)
            output.mux(stream.encode(piece))
        output.mux(stream.encode(None))
    return path
