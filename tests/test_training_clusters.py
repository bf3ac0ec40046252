"""``--hosts auto``: the place of a host, from what each cluster tells its processes that JAX listens to."""

from __future__ import annotations

import os
import socket
import sys
from types import SimpleNamespace

import pytest

from asrkit.errors import ConfigError
from asrkit.training import hosts
from asrkit.training.hosts import Place, found_place

pytestmark = pytest.mark.jax
pytest.importorskip("jax", reason="JAX finds the cluster")

SLURM = {
    "SLURM_JOB_ID": "4097",
    "SLURM_STEP_NODELIST": "node[007-009,12]",
    "SLURM_NTASKS": "4",
    "SLURM_PROCID": "2",
    "SLURM_LOCALID": "0",
}
OPEN_MPI = {
    "OMPI_MCA_orte_hnp_uri": "1531576320.0;tcp://10.96.0.1,10.148.0.1:34911",
    "OMPI_COMM_WORLD_SIZE": "3",
    "OMPI_COMM_WORLD_RANK": "1",
    "OMPI_COMM_WORLD_LOCAL_RANK": "1",
}
GKE = {"TPU_SKIP_MDS_QUERY": "true", "TPU_WORKER_HOSTNAMES": "tpu-0,tpu-1", "TPU_WORKER_ID": "1"}
SLICES = {"MEGASCALE_COORDINATOR_ADDRESS": "first:8080", "MEGASCALE_NUM_SLICES": "2", "MEGASCALE_SLICE_ID": "1"}
GCE = {"agent-worker-number": "1", "worker-network-endpoints": "a:1:10.0.0.2,b:2:10.0.0.3", "tpu-env": ""}
KUBERNETES = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": "train-1", "JOB_COMPLETION_INDEX": "1"}

# the highest 4,096 ports are given out by the number of the job
FOUND = [
    ("Slurm", SLURM, Place("node007:61441", 4, 2, devices=(0,))),
    ("Slurm, one name", SLURM | {"SLURM_STEP_NODELIST": "gpu1,gpu2"}, Place("gpu1:61441", 4, 2, devices=(0,))),
    ("a port that is told", SLURM | {"JAX_COORDINATOR_PORT": "77"}, Place("node007:77", 4, 2, devices=(0,))),
    ("devices that are told", SLURM | {"JAX_LOCAL_DEVICE_IDS": "0,1"}, Place("node007:61441", 4, 2)),
    ("an address that is told", SLURM | {"JAX_COORDINATOR_ADDRESS": "a:5"}, Place("a:5", 4, 2, devices=(0,))),
    ("Open MPI", OPEN_MPI, Place("10.96.0.1:62624", 3, 1, devices=(1,))),
    ("TPUs in Kubernetes", GKE, Place("tpu-0:8482", 2, 1)),
    ("several slices of TPUs", GKE | SLICES, Place("first:8482", 4, 3)),
    ("TPU machines", {}, Place("10.0.0.2:8482", 2, 1)),
    ("Kubernetes", KUBERNETES, Place("train-0.pods:55527", 2, 1)),
]


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch):
    monkeypatch.setattr(hosts, "keras_backend", lambda: "jax")
    told = ("SLURM_", "OMPI_", "TPU_", "MEGASCALE_", "KUBERNETES_", "JOB_COMPLETION", "JAX_COORD", "JAX_LOCAL")
    for name in [name for name in os.environ if name.startswith(told)]:
        monkeypatch.delenv(name)


def kubernetes():
    """Return as much of the package as JAX asks: this pod belongs to a job of two."""
    owner = SimpleNamespace(controller=True, kind="Job")
    labels = SimpleNamespace(labels={"job-name": "train"}, name="train-1-x", owner_references=[owner])
    pod = SimpleNamespace(metadata=labels, spec=SimpleNamespace(subdomain="pods"))
    job = SimpleNamespace(metadata=SimpleNamespace(labels={}, name="train"), spec=SimpleNamespace(parallelism=2))
    core = SimpleNamespace(list_namespaced_pod=lambda **_: SimpleNamespace(items=[pod]))
    batch = SimpleNamespace(read_namespaced_job=lambda **_: job)
    return SimpleNamespace(
        config=SimpleNamespace(load_incluster_config=lambda: None),
        client=SimpleNamespace(
            CoreV1Api=lambda: core, BatchV1Api=lambda: batch, exceptions=SimpleNamespace(ApiException=OSError)
        ),
    )


@pytest.mark.parametrize(("cluster", "told", "place"), FOUND)
def test_a_host_finds_its_place_as_its_cluster_tells_it(cluster, told, place, monkeypatch):
    from jax._src.clusters import cloud_tpu_cluster, k8s_cluster
    from jax._src.clusters import cluster as asking

    for name, value in told.items():
        monkeypatch.setenv(name, value)
    has_tpu = "TPU" in cluster
    for module in (cloud_tpu_cluster, asking):
        monkeypatch.setattr(module, "running_in_cloud_tpu_vm", has_tpu)
    monkeypatch.setattr(cloud_tpu_cluster, "get_metadata", lambda key: (GCE[key], 200))
    monkeypatch.setitem(sys.modules, "kubernetes", kubernetes())
    monkeypatch.setattr(k8s_cluster.K8sCluster, "_namespace", lambda: "default")
    monkeypatch.setattr(socket, "gethostbyname", lambda name: "10.0.0.9")
    assert found_place() == place


def test_without_a_cluster_one_line_says_what_to_name(monkeypatch):
    with pytest.raises(
        ConfigError, match=r"^--hosts auto: JAX finds no cluster in the environment; name --coordinator"
    ):
        found_place()
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    with pytest.raises(ConfigError, match=r"the `kubernetes` package is not installed[^\n]*\); name --coordinator"):
        found_place()


def test_a_cluster_that_tells_half_is_no_place(monkeypatch):
    for name, value in (OPEN_MPI | {"OMPI_COMM_WORLD_SIZE": "many"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=r"environment \(invalid literal .*'many'\); name"):
        found_place()
