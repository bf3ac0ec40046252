"""espeak-ng, bound through ctypes: text to speech without a network, a model or a program to install.

The library and its data come from the wheel ``espeakng-loader`` (the extra ``demo``). espeak-ng keeps its state in
global variables, so one process has one engine and one caller at a time.
"""

from __future__ import annotations

import ctypes
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asrkit.errors import SynthesisError
from asrkit.packages import needed

FloatArray = npt.NDArray[np.float32]

# espeak_ng/speak_lib.h
_OUTPUT_RETRIEVAL = 1
_DONT_EXIT = 0x8000
_POSITION_CHARACTER = 1
_CHARS_UTF8 = 1
_RATE, _PITCH = 1, 3
_LONGEST_DATA_PATH = 120  # the library copies the path into 160 bytes and adds file names
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True)
class Voice:
    """Who speaks, and how.

    Args:
        name: An espeak-ng voice, with a variant after a plus, such as ``en-us+f2``.
        words_per_minute: Speed, 80 to 450.
        pitch: 0 to 99; 50 is the voice's own.
    """

    name: str = "en-us"
    words_per_minute: int = 175
    pitch: int = 50


class _Engine:
    """The one instance of the library in this process."""

    def __init__(self) -> None:
        with needed("speech synthesis", "espeakng_loader"):
            import espeakng_loader
        library_path, data_path = espeakng_loader.get_library_path(), espeakng_loader.get_data_path()
        try:
            self._library = ctypes.CDLL(library_path)
        except OSError as error:
            raise SynthesisError(f"espeak-ng cannot be loaded ({error}); reinstall espeakng-loader") from None
        self._library.espeak_Synth.argtypes = [
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]
        self._library.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
        self._library.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
        data_path = self._short(str(data_path))
        self.sample_rate_hz = int(self._library.espeak_Initialize(_OUTPUT_RETRIEVAL, 0, data_path.encode(), _DONT_EXIT))
        if self.sample_rate_hz <= 0:
            raise SynthesisError(f"espeak-ng does not start with its data at {data_path}; reinstall espeakng-loader")
        self._blocks: list[npt.NDArray[np.int16]] = []
        self._callback = _CALLBACK(self._receive)  # kept: the library holds only its address
        self._library.espeak_SetSynthCallback(self._callback)

    def _short(self, data_path: str) -> str:
        """Return a path the library can hold, by a link where the real one is too long."""
        if len(data_path.encode()) <= _LONGEST_DATA_PATH:
            return data_path
        self._link_dir = tempfile.TemporaryDirectory(prefix="asrkit-")
        link = Path(self._link_dir.name) / "espeak-ng-data"
        link.symlink_to(data_path)
        return str(link)

    def _receive(self, samples: ctypes._Pointer[ctypes.c_short], num_samples: int, events: int) -> int:
        """Take a block of speech; 0 asks for more."""
        if samples and num_samples:
            self._blocks.append(np.ctypeslib.as_array(samples, (num_samples,)).copy())
        return 0

    def speak(self, text: str, voice: Voice) -> FloatArray:
        """Return speech at ``sample_rate_hz``."""
        if self._library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            raise SynthesisError(f"espeak-ng has no voice {voice.name!r}; try en-us or en-gb+f2")
        self._library.espeak_SetParameter(_RATE, voice.words_per_minute, 0)
        self._library.espeak_SetParameter(_PITCH, voice.pitch, 0)
        self._blocks.clear()
        content = text.encode() + b"\0"
        if not any(character.isalnum() for character in text):
            raise SynthesisError(f"there is nothing to say in {text[:60]!r}")
        status = self._library.espeak_Synth(content, len(content), 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None)
        self._library.espeak_Synchronize()
        if status != 0 or not self._blocks:
            raise SynthesisError(f"espeak-ng says nothing for {text[:60]!r}")
        return np.concatenate(self._blocks).astype(np.float32) / 32_768


_lock = threading.Lock()
_engine: _Engine | None = None


def synthesize(text: str, voice: Voice = Voice(), sample_rate_hz: int = 16_000) -> FloatArray:
    """Speak a text.

    espeak-ng carries its phase from one text to the next: the same texts in the same order give the same samples in
    every process, but one text said twice gives recordings that differ by a few samples.

    Args:
        text: English words.
        voice: Who speaks, and how.
        sample_rate_hz: Rate of the answer.

    Returns:
        ``(samples,)`` in [-1, 1].

    Raises:
        SynthesisError: espeak-ng is not installed, knows no such voice, or has nothing to say.
    """
    import soxr

    global _engine
    with _lock:
        if _engine is None:
            _engine = _Engine()
        speech = _engine.speak(text, voice)
        rate_hz = _engine.sample_rate_hz
    resampled: FloatArray = soxr.resample(speech, rate_hz, sample_rate_hz)
    return np.clip(resampled, -1.0, 1.0)
