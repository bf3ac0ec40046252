"""Several hosts: the same batches, losses and weights as on one; on JAX in real processes, else in threads."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tiny_run import Recorder, smallest
from tone_speech import EVEN, write_corpus

from asrkit.data import read_manifest
from asrkit.errors import ConfigError, TrainingError
from asrkit.text import Alphabet
from asrkit.text.units import Characters
from asrkit.training import hosts as hosts_module
from asrkit.training.batches import BatchMaker
from asrkit.training.examples import data_fingerprint, load_examples
from asrkit.training.hosts import Hosts, JaxHosts, Place

TESTS = Path(__file__).parent


class Threads(JaxHosts):
    """Hosts that are threads of this process: what they exchange goes through a list."""

    def __init__(self, index, count, meeting, table):
        self.index, self.count, self.name = index, count, f"host {index} (thread)"
        self.meeting, self.table = meeting, table

    def exchange(self, value):
        self.table[self.index] = json.dumps(value) if not isinstance(value, np.ndarray) else value
        self.meeting.wait(30)
        found = [json.loads(v) if isinstance(v, str) else v for v in self.table]
        self.meeting.wait(30)
        return found


def on_hosts(count, work, monkeypatch):
    """Return what ``work(hosts)`` comes to on each of so many hosts."""
    meeting, table = threading.Barrier(count), [None] * count
    current = threading.local()
    monkeypatch.setattr(hosts_module, "_gather", lambda values: np.stack(current.hosts.exchange(values)))

    def run(index):
        current.hosts = Threads(index, count, meeting, table)
        try:
            return work(current.hosts)
        except BaseException:
            meeting.abort()
            raise

    with ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(run, index) for index in range(count)]]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("hosts") / "tones", 11)


@pytest.mark.parametrize("count", [1, 2, 3, 12])
def test_each_host_decodes_its_share_and_all_get_the_batches_of_one(count, corpus, tmp_path, monkeypatch):
    config = smallest(corpus)
    utterances, units = read_manifest(corpus), Characters(Alphabet())

    def prepare(hosts):
        cache = tmp_path / f"cache-{hosts.count}-{hosts.index}"
        examples, _ = load_examples(utterances, units, config, cache_dir=cache, hosts=hosts)
        maker = BatchMaker(examples, config.features, config.training, hosts=hosts)
        kept = sum(path.stat().st_size for path in cache.glob("*.int16"))
        batches = [maker.whole(maker.part(indices, 3)) for indices in ([0, 7, 3, 2], [10], [5, 1, 9])]
        return data_fingerprint(utterances, hosts=hosts), kept, batches

    (fingerprint, size, expected), *_ = on_hosts(1, prepare, monkeypatch)
    assert fingerprint == data_fingerprint(utterances)
    found = on_hosts(count, prepare, monkeypatch)
    assert sum(kept for _, kept, _ in found) == size
    if count > 1:
        assert max(kept for _, kept, _ in found) < size
    for name, _, batches in found:
        assert name == fingerprint
        for batch, other in zip(batches, expected, strict=True):
            assert batch.keys() == other.keys()
            for key, values in other.items():
                np.testing.assert_array_equal(batch[key], values, err_msg=key)


def test_what_cannot_be_read_is_left_out_by_every_host(corpus, tmp_path, monkeypatch):
    config, utterances = smallest(corpus), read_manifest(corpus)
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound")
    utterances[4] = type(utterances[4])("broken", broken, "tin", 1.0)

    def load(hosts):
        cache = tmp_path / f"cache{hosts.index}"
        examples, rejections = load_examples(utterances, Characters(Alphabet()), config, cache_dir=cache, hosts=hosts)
        return [(e.id, len(e.samples), e.host) for e in examples], [(r.id, r.reason) for r in rejections]

    first, second = on_hosts(2, load, monkeypatch)
    assert first == second
    assert [id for id, _ in first[1]] == ["broken"]
    assert [host for _, _, host in first[0]] == [0, 1, 0, 1, 1, 0, 1, 0, 1, 0]


def test_babble_is_made_of_what_the_host_has(corpus, tmp_path, monkeypatch):
    babble = {"noise_probability": 1.0, "noises": ["babble"], "speeds": [1.0]}
    config, utterances = smallest(corpus, training={"augmentation": babble}), read_manifest(corpus)

    def prepare(hosts):
        cache = tmp_path / f"cache{hosts.index}"
        examples, _ = load_examples(utterances, Characters(Alphabet()), config, cache_dir=cache, hosts=hosts)
        maker = BatchMaker(examples, config.features, config.training, hosts=hosts)
        return [maker.heard(index, 0)[0] for index, e in enumerate(examples) if e.host == hosts.index]

    heard = [degraded for of_one in on_hosts(2, prepare, monkeypatch) for degraded in of_one]
    assert all(d.done["noise"] == "babble" for d in heard)
    assert all(np.abs(d.waveform[:800]).max() > 0.01 for d in heard)  # before the speech begins: not of silence


@pytest.mark.parametrize("odd", [0, 1, 2])
def test_a_host_that_brings_something_else_is_told_what(odd, monkeypatch):
    def compare(hosts):
        rate = 0.1 if hosts.index == odd else 0.2
        try:
            hosts.require_same({"training": {"seed": 1, "learning_rate": rate}, "versions": {"jax": "1"}})
        except TrainingError as error:
            return str(error)
        return ""

    told = on_hosts(3, compare, monkeypatch)
    assert [bool(line) for line in told] == ([False, True, True] if odd == 0 else [i == odd for i in range(3)])
    theirs, first = (0.2, 0.1) if odd == 0 else (0.1, 0.2)
    assert f"training.learning_rate is {theirs} here and {first} on host 0" in told[odd or 1]
    assert "seed" not in told[odd or 1]


@pytest.mark.parametrize("change", ["fewer", "text", "order"])
def test_hosts_with_other_texts_find_out(change, corpus, monkeypatch):
    def fingerprint(hosts):
        utterances = read_manifest(corpus)
        if hosts.index == 1:
            if change == "fewer":
                del utterances[-1]
            elif change == "order":
                utterances.reverse()
            else:
                utterances[0] = type(utterances[0])(utterances[0].id, utterances[0].audio_path, "other")
        try:
            return data_fingerprint(utterances, hosts=hosts)
        except (TrainingError, threading.BrokenBarrierError) as error:
            hosts.meeting.abort()
            return error

    _, other = on_hosts(2, fingerprint, monkeypatch)
    assert "the hash of ids and texts is" in str(other) and ("utterances is 10 here and 11" in str(other)) == (
        change == "fewer"
    )


def test_alone_there_is_nothing_to_exchange():
    hosts = Hosts()
    assert hosts.share([1, 2, 3]) == hosts.merged([1, 2, 3]) == [1, 2, 3]
    assert (hosts.from_first("x"), hosts.any(True), hosts.agree_to_end(False)) == ("x", True, False)
    hosts.require_same({"anything": object()})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("node1", 2, 0), "HOST:PORT, as node1:7654, not 'node1'"),
        ((":80", 2, 0), "HOST:PORT"),
        (("node1:http", 2, 0), "HOST:PORT"),
        (("node1:70000", 2, 0), "HOST:PORT"),
        (("node1:7654", 2, 2), "of 2 the last is 1, not 2"),
        (("node1:7654", 2, -1), "not -1"),
    ],
)
def test_a_place_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Place(*arguments)


def test_sizes_that_go_round_are_few_and_have_room():
    sizes = {hosts_module._room(size, 64) for size in range(1, 20_000)}
    assert all(hosts_module._room(size, 64) >= size for size in range(1, 20_000))
    assert len(sizes) < 30 and all(hosts_module._room(size, 64) <= max(64, 1.3 * size) for size in range(1, 20_000))


def test_a_coordinator_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr(hosts_module, "keras_backend", lambda: "jax")
    with pytest.raises(TrainingError, match=r"the coordinator 127.0.0.1:\d+ does not answer within 0 s .*start host 0"):
        JaxHosts(Place(f"127.0.0.1:{free_port()}", 2, 1, patience_s=0.1))


@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_other_backends_say_that_they_cannot(backend, monkeypatch):
    monkeypatch.setattr(hosts_module, "keras_backend", lambda: backend)
    with pytest.raises(ConfigError, match=f"many hosts need Keras on JAX, not on {backend}"):
        JaxHosts(Place("localhost:1", 2, 1))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def even(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("hosts") / "even", 13, words=EVEN)


@pytest.fixture(scope="module")
def together(even, tmp_path_factory):
    """Return a function that runs two hosts and gives what both printed."""
    pytest.importorskip("jax", reason="many hosts train on JAX")
    folder = tmp_path_factory.mktemp("run")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")])),
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),  # the second pair of hosts need not compile again
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }

    def run(by_slurm=False, **told):
        told = {"corpus": str(even), "folder": str(folder), "output": "run", "changes": {}, **told}
        port = str(free_port())
        told["coordinator"] = None if by_slurm else f"127.0.0.1:{port}"
        slurm = {"SLURM_JOB_ID": "1", "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2", "SLURM_LOCALID": "0"}
        slurm |= {"JAX_COORDINATOR_PORT": port}
        commands = [[sys.executable, str(TESTS / "hosts_program.py"), str(i), json.dumps(told)] for i in (0, 1)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes = [
            subprocess.Popen(command, env={**environment, **slurm, "SLURM_PROCID": str(index)}, **pipes)
            for index, command in enumerate(commands)
        ]
        printed = [process.communicate(timeout=900) for process in processes]
        assert all(process.returncode == 0 for process in processes), printed
        return [json.loads(out.splitlines()[-1]) for out, _ in printed]

    run.folder = folder
    return run


@pytest.mark.jax
@pytest.mark.parametrize("disturb", ["kill after an epoch", "stop at the start"])
def test_two_hosts_train_as_one_does_and_go_on_as_one_and_as_two(disturb, even, together):
    """13 utterances in batches of 4: the last one has a single row, so that one host has nothing to give to it."""
    from asrkit.model.bundle import Bundle
    from asrkit.training.run import train

    changes = {"training": {"epochs": 5, "clip_norm": 0.5}, "model": {"dropout": 0.1, "normalization": "batch"}}
    config, output = smallest(even, **changes), together.folder / disturb
    whole = Recorder()
    expected = train(config, output / "whole", cache_dir=together.folder / "cache", observer=whole)
    assert len(whole.losses) == 20

    for attempt in range(5):  # so small a run may be over before it is told to end
        run = f"{disturb}/run{attempt}"
        begun, other = together(changes=changes, disturb=disturb, output=run)
        if other["ending"] != "done":
            break
    assert begun["device"] == "cpu on each of 2 hosts (jax)", begun["ending"]
    if disturb.startswith("kill"):
        assert "its process was killed" in begun["ending"]
        assert "host 0 died or cannot be reached" in other["ending"]
        del begun["losses"][4:]  # what followed the last checkpoint is done again
    else:
        assert begun["ending"] == other["ending"] == "KeyboardInterrupt: "
    alone = Recorder(stop_after=3)
    with pytest.raises(KeyboardInterrupt):
        train(config, together.folder / run, cache_dir=together.folder / "cache", observer=alone)
    rest, other = together(changes=changes, output=run)
    assert rest["ending"] == other["ending"] == "done"

    assert rest["losses"]  # those told to end at the start may do so before their first step
    np.testing.assert_allclose([*begun["losses"], *alone.losses, *rest["losses"]], whole.losses, rtol=1e-4)
    bundle, theirs = Bundle.load(together.folder / run), expected.weights()
    for name, values in bundle.weights().items():
        np.testing.assert_allclose(values, theirs[name], atol=1e-3, err_msg=name)
    assert bundle.card["dev"] == expected.card["dev"]
    assert bundle.card["data_fingerprint"] == expected.card["data_fingerprint"]
    assert not (together.folder / "nowhere").exists()


@pytest.mark.jax
def test_a_host_that_differs_ends_all_with_its_name_and_nothing_is_written(even, together):
    changes = {"changes": {"training": {"learning_rate": 0.5}}}
    for told in together(output="never", only_1=changes):
        assert "host 1 (" in told["ending"]
        assert "training.learning_rate is 0.5 here and 0.001 on host 0" in told["ending"]
    gone = even.with_name("gone.tsv")
    gone.write_text(even.read_text().replace("wavs/", "gone/"))
    for told in together(output="never", by_slurm=True, only_1={"corpus": str(gone)}):
        assert "host 1 (" in told["ending"] and "no audio file" in told["ending"]
    (alone, _) = together(output="never", count=3, patience_s=3.0)
    assert "host 0 (" in alone["ending"] and "not all others came within 3 s" in alone["ending"]
    assert not (together.folder / "never").exists()
