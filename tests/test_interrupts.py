"""Held back, a signal ends nothing in the middle, and is never lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from asrkit.interrupts import held

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def heard() -> Iterator[list[int]]:
    """Let both signals be heard as a program hears Ctrl-C; a shell may have made the tests ignore it."""
    numbers: list[int] = []

    def hear(number: int, frame: object) -> None:
        numbers.append(number)
        raise KeyboardInterrupt(number)

    before = {number: signal.signal(number, hear) for number in SIGNALS}
    yield numbers
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_takes_effect_when_the_block_ends(number: signal.Signals, heard: list[int]) -> None:
    done = []
    with pytest.raises(KeyboardInterrupt, match=str(int(number))), held() as interrupts:
        signal.raise_signal(number)
        signal.raise_signal(number)
        signal.raise_signal(signal.SIGINT)
        assert interrupts.number == number
        done.append("all of it")
    assert done
    assert heard == [number], "the first one, once"


def test_checks_end_the_block_between_its_steps(heard: list[int]) -> None:
    taken, saved = [], []
    with pytest.raises(KeyboardInterrupt), held() as interrupts:
        try:
            for step in interrupts.between(range(9)):
                if step == 3:
                    signal.raise_signal(signal.SIGINT)
                taken.append(step)
        except KeyboardInterrupt:
            signal.raise_signal(signal.SIGTERM)
            saved.append(len(taken))
            raise
    assert taken == [0, 1, 2, 3]
    assert saved == [4]
    assert heard == [signal.SIGINT]


@pytest.mark.parametrize("when", ["before the first", "in the last"])
def test_a_signal_outside_the_items_ends_the_loop_too(when: str) -> None:
    taken = []
    with pytest.raises(KeyboardInterrupt), held() as interrupts:
        if when == "before the first":
            signal.raise_signal(signal.SIGINT)
        for item in interrupts.between("ab"):
            taken.append(item)
            if item == "b":
                signal.raise_signal(signal.SIGINT)
        taken.append("not reached")
    assert taken == ([] if when == "before the first" else ["a", "b"])


def test_without_a_signal_nothing_is_noticed() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with held() as interrupts:
        assert list(interrupts.between("abc")) == ["a", "b", "c"]
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_an_error_takes_the_place_of_the_signal(heard: list[int]) -> None:
    with pytest.raises(OSError, match="full"), held():
        signal.raise_signal(signal.SIGINT)
        raise OSError("full")
    assert heard == []


def test_where_the_handler_before_does_not_raise_a_stopped_block_still_ends(heard: list[int]) -> None:
    calls = []
    signal.signal(signal.SIGINT, lambda *_: calls.append("told"))
    with held():
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), held() as interrupts:
        signal.raise_signal(signal.SIGINT)
        interrupts.check()
    assert calls == ["told", "told"]


def test_what_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with held() as interrupts:
        signal.raise_signal(signal.SIGINT)
        interrupts.check()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_other_threads_hold_nothing_back() -> None:
    def work() -> tuple[list[int], object]:
        with held() as interrupts:
            return list(interrupts.between(range(3))), signal.getsignal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work).result() == ([0, 1, 2], before)
    assert threading.current_thread() is threading.main_thread()


def test_each_signal_can_be_passed_on_at_once() -> None:
    passed: list[int] = []
    with pytest.raises(KeyboardInterrupt), held(passed.append):
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        assert passed == [signal.SIGTERM, signal.SIGINT]


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_a_program_that_knows_no_sigterm_dies_of_it_after_the_block() -> None:
    program = """
import signal
from asrkit.interrupts import held
with held():
    signal.raise_signal(signal.SIGTERM)
    print("saved", flush=True)
print("not reached")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGTERM, "saved\n", "")
