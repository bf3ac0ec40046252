"""A command that is told to end does so with one line and the exit code that a shell expects, whenever it is told."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX signals")

# A shell that runs the tests in the background lets them ignore Ctrl-C; the program must not inherit that.
START = """
import signal
import sys
import time

import asrkit.interrupts

signal.signal(signal.SIGINT, signal.default_int_handler)

def wait():
    print("ready", flush=True)
    for _ in range(600):  # not at once: a signal just before a sleep is not looked at before the sleep is over
        time.sleep(0.1)
"""
COMMAND = """
from asrkit.cli import doctor, main

sys.argv = ["asrkit", "doctor"]
doctor.diagnose = work
main()
"""


def program(work: str) -> subprocess.Popen[str]:
    """Start a command whose work is these lines, and return once it waits to be interrupted."""
    lines = "".join(f"    {line}\n" for line in work.splitlines())
    code = f"{START}\ndef work():\n{lines}\n{COMMAND}"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_both_signals_end_a_command_after_it_cleaned_up(number: signal.Signals, code: int) -> None:
    process = program("try:\n    wait()\nfinally:\n    print('cleaned up')")
    process.send_signal(number)
    assert end(process) == (code, "cleaned up\n", "asrkit: interrupted\n")


def test_a_second_signal_does_not_break_off_what_cleans_up() -> None:
    process = program(
        "from asrkit.cli import ending\nending._PATIENCE_S = 60.0  # a busy machine is no failure\n"
        "try:\n    wait()\nfinally:\n    print('cleaning', flush=True)\n    time.sleep(0.5)\n    print('done')"
    )
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None and process.stdout.readline() == "cleaning\n"
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    assert end(process) == (130, "done\n", "asrkit: interrupted\n")


def test_a_later_signal_ends_what_hangs() -> None:
    process = program(
        "from asrkit.cli import ending\nending._PATIENCE_S = 0.0\n"
        "try:\n    wait()\nfinally:\n    wait()"  # the second time while it cleans up
    )
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert end(process)[0] == 143


def test_notes_become_part_of_the_line() -> None:
    process = program("try:\n    wait()\nexcept KeyboardInterrupt as error:\n    error.add_note('a, b')\n    raise")
    process.send_signal(signal.SIGTERM)
    assert end(process) == (143, "", "asrkit: interrupted; a, b\n")


def test_a_library_that_makes_another_error_of_it_changes_nothing() -> None:
    process = program(
        "try:\n    wait()\nexcept KeyboardInterrupt as error:\n    raise ImportError('cannot load') from error"
    )
    process.send_signal(signal.SIGINT)
    assert end(process) == (130, "", "asrkit: interrupted\n")


def test_an_interrupt_that_passed_code_from_a_string_changes_nothing(tmp_path: Path) -> None:
    """With ``python -m``, Python would end by SIGINT; namedtuple and dataclass run such code while modules load."""
    (tmp_path / "command.py").write_text(f"{START}\ndef work():\n    exec('wait()')\n{COMMAND}")
    process = subprocess.Popen(
        [sys.executable, "-m", "command"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert end(process) == (143, "", "asrkit: interrupted\n")


def test_an_error_while_saving_is_told_instead() -> None:
    process = program(
        "try:\n    wait()\nexcept KeyboardInterrupt:\n    raise OSError(28, 'No space left on device', 'a.npz')"
    )
    process.send_signal(signal.SIGINT)
    assert end(process) == (1, "", "asrkit: a.npz: No space left on device\n")


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 40))])
def test_no_moment_of_the_start_prints_a_traceback(seed: int) -> None:
    moments = random.Random(seed)
    code = (
        f"{START}\nprint('ready', flush=True)\nfrom asrkit.cli import main\nsys.argv = ['asrkit', '--version']\nmain()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    time.sleep(moments.uniform(0, 0.3))
    process.send_signal(signal.SIGINT)
    if seed % 2:
        time.sleep(moments.uniform(0, 0.02))
        process.send_signal(signal.SIGINT)
    status, out, err = end(process)
    if status == 0:  # it was done before the signal came
        assert out.startswith("asrkit ")
        # Past our own end, while Python waits for its threads, it alone can report the signal.
        assert err == "" or err.startswith("Exception ignored in: <module 'threading'")
    else:
        assert (status, err) == (130, "asrkit: interrupted\n")
