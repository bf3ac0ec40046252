"""What this process holds, and making much of it at a time."""

from __future__ import annotations

import gc

import pytest

from asrkit.memory import collection_paused, peak_mb


def test_the_peak_is_at_least_what_is_held() -> None:
    held = bytearray(64 << 20)
    peak = peak_mb()
    assert peak is None or peak >= len(held) >> 20


@pytest.mark.parametrize("was_enabled", [True, False])
def test_collection_pauses_and_is_as_it_was_also_after_an_error(was_enabled: bool) -> None:
    (gc.enable if was_enabled else gc.disable)()
    try:
        with pytest.raises(KeyError), collection_paused():
            assert not gc.isenabled()
            with collection_paused():
                pass
            assert not gc.isenabled()
            raise KeyError
        assert gc.isenabled() == was_enabled
    finally:
        gc.enable()
