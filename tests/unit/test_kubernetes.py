"""The files for Kubernetes say the same as docker-compose.yml, in Kubernetes' own form. They have
never run on a cluster: this is all that is known of them."""

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from prometheus_client import generate_latest

from contract.process.stopping import GRACE_S
from gateway.config import Settings
from inference.telemetry import Metrics
from tests.support import ROOT

KUBERNETES = ROOT / "deploy/kubernetes"
BASE = KUBERNETES / "base"
FOLDERS = sorted(path.parent for path in KUBERNETES.rglob("kustomization.yaml"))
# The oldest that is still looked after by its makers, and the newest that the schemas know.
VERSIONS = ["1.33", "1.37"]
PODS = {"Deployment", "StatefulSet", "Job"}
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())

Document = dict[str, Any]


def documents(folder: Path) -> list[Document]:
    listed = kustomization(folder)["resources"]
    files = [folder / name for name in listed if name.endswith(".yaml")]
    return [each for file in files for each in yaml.safe_load_all(file.read_text())]


def kustomization(folder: Path) -> Document:
    found: Document = yaml.safe_load((folder / "kustomization.yaml").read_text())
    return found


EVERYTHING = [each for folder in FOLDERS for each in documents(folder)]
NAMES = [f"{each['kind']} {each['metadata']['name']}" for each in EVERYTHING]


def one(kind: str, name: str) -> Document:
    (found,) = (
        each for each in EVERYTHING if (each["kind"], each["metadata"]["name"]) == (kind, name)
    )
    return found


def pods() -> Iterator[tuple[str, Document, Document]]:
    """Names, specifications and only containers."""
    for each in EVERYTHING:
        if each["kind"] in PODS:
            spec = each["spec"]["template"]["spec"]
            (container,) = spec["containers"]
            yield each["metadata"]["name"], spec, container


def service(name: str) -> Document:
    found: Document = COMPOSE["services"][name]
    return found


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_every_file_is_listed_and_every_listed_one_is_there(folder: Path) -> None:
    whole = kustomization(folder)
    patches = [patch["path"] for patch in whole.get("patches", ())]
    named = {folder / name for name in [*whole["resources"], *patches]}
    assert all(path.exists() for path in named)
    assert set(folder.glob("*.yaml")) - {folder / "kustomization.yaml"} <= named


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("document", EVERYTHING, ids=NAMES)
def test_each_has_kubernetes_own_form(document: Document, version: str) -> None:
    kubernetes_validate.validate(document, version, strict=True)
    wrong = copy.deepcopy(document)
    wrong["spce"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, version, strict=True)


def test_a_patch_changes_something_that_is_there() -> None:
    for folder in FOLDERS:
        for patch in kustomization(folder).get("patches", ()):
            wanted = yaml.safe_load((folder / patch["path"]).read_text())
            target = one(wanted["kind"], wanted["metadata"]["name"])
            theirs = wanted["spec"]["template"]["spec"]["containers"]
            ours = target["spec"]["template"]["spec"]["containers"]
            assert {each["name"] for each in theirs} <= {each["name"] for each in ours}


def test_images_are_those_of_compose() -> None:
    tags = {each["name"]: each["newTag"] for each in kustomization(BASE)["images"]}
    composed = {
        name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", each["image"])
        for name, each in COMPOSE["services"].items()
    }
    for name, _, container in pods():
        image = container["image"]
        if name == "nginx":  # with the page in it, of the same one
            assert f"FROM {composed['nginx']}\n" in (ROOT / "nginx/Dockerfile").read_text()
            assert tags[image] == composed["gateway"].partition(":")[2]
        else:
            whole = f"{image}:{tags[image]}" if image in tags else image
            assert whole == composed[name], name


def test_the_way_back_is_open_as_in_compose() -> None:
    command = container("migrate")["command"]
    assert command == service("migrate")["command"].split()
    assert "--newer-ok" in command


def test_whoever_waits_waits_for_the_deadline() -> None:
    """nginx gives up 5 s after it (settings.sh), and containers have 10 s more to stop."""
    deadline_s = Settings.model_fields["deadline_ms"].default // 1000
    for name in ("shopsight", "nginx"):
        assert one("ConfigMap", name)["data"]["DEADLINE_MS"] == str(deadline_s * 1000)
    for name in ("gateway", "nginx"):
        passed = service(name)["environment"]["DEADLINE_MS"]
        assert passed == f"${{DEADLINE_MS:-{deadline_s * 1000}}}"
        assert service(name)["stop_grace_period"] == f"${{STOP_GRACE:-{deadline_s + GRACE_S}s}}"
    for name, spec, each in pods():
        if name in {"gateway", "nginx", "batch", "inference"}:
            # It counts from before preStop.
            hook = each.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command")
            before_s = int(hook[1]) if hook else 0
            assert spec["terminationGracePeriodSeconds"] == before_s + deadline_s + GRACE_S, name
            assert (name == "batch") == (before_s == 0)


def test_environments_are_those_of_compose() -> None:
    known = {name.upper() for name in Settings.model_fields}
    ours = one("ConfigMap", "shopsight")["data"]
    owner = one("ConfigMap", "shopsight-owner")["data"]
    theirs = service("gateway")["environment"]
    assert ours.keys() <= known
    assert owner.keys() <= service("worker")["environment"].keys()
    fixed = {
        name
        for name, value in theirs.items()
        if "$" not in str(value) and name not in {"INTERNAL_HOST", "ADMIN_HOST"}
    }
    assert fixed == {name for name in fixed if str(ours.get(name)) == str(theirs[name])}
    for name, value in owner.items():
        assert service("migrate")["environment"][name] == value
    assert one("ConfigMap", "nginx")["data"].keys() == service("nginx")["environment"].keys()


def test_erasures_after_a_restore_reach_photos_and_files_of_batches() -> None:
    """`shopsight erasures` runs in the worker, whose account may write audits."""
    people = {"/images", "/files"}
    mounts = next(c["volumeMounts"] for name, _, c in pods() if name == "worker")
    assert people <= {each["mountPath"] for each in mounts}
    assert people <= {each.rpartition(":")[2] for each in service("worker")["volumes"]}
    assert "pseudonym_key" in service("worker")["secrets"]


def test_what_a_gateway_or_worker_writes_and_reads_is_mounted_as_in_compose() -> None:
    """The rest of the disk is read-only: reports, for one, could not be written."""
    claims = {each["metadata"]["name"] for each in of("PersistentVolumeClaim")}
    for name, spec, each in pods():
        if each["image"] == "shopsight/gateway":
            mounted = {mount["mountPath"] for mount in each["volumeMounts"]}
            composed = {volume.split(":")[1] for volume in service(name).get("volumes", ())}
            assert mounted - {"/run/secrets", "/tmp"} == composed, name
            claimed = [volume.get("persistentVolumeClaim") for volume in spec["volumes"]]
            assert {claim["claimName"] for claim in claimed if claim} <= claims


def test_the_readme_says_who_needs_a_bucket_s_account_and_how_settings_reach_pods() -> None:
    text = (KUBERNETES / "README.md").read_text()
    bucket = text.partition("## Photos in a bucket")[2].partition("\n## ")[0]
    overlay = yaml.safe_load((ROOT / "docker-compose.s3.yml").read_text())["services"]
    assert all(f"`{name}`" in bucket for name in (*overlay, "items"))
    assert "rollout restart deploy,statefulset" in text


def test_commands_memory_and_secrets_are_those_of_compose() -> None:
    for name, spec, container in pods():
        theirs = service(name)
        if name in {"worker", "batch", "migrate"}:
            assert " ".join(container["command"]) == theirs["command"]
        if name == "redis":
            script = theirs["command"][-1].replace("$$", "$")
            assert container["command"][-1] == script
        limit = container["resources"]["limits"]["memory"]
        if name != "migrate":  # which has the gateway's there
            assert limit.lower().removesuffix("i") == theirs["mem_limit"], name
        mounted = {
            (item["key"], item["path"])
            for volume in spec["volumes"]
            for item in volume.get("secret", {}).get("items", ())
        }
        wanted = {
            (each, each) if isinstance(each, str) else (each["source"], each["target"])
            for each in theirs.get("secrets", ())
        }
        assert mounted == wanted, name
    script = one("ConfigMap", "accounts")["data"]["accounts.sh"]
    assert script == COMPOSE["configs"]["accounts"]["content"].replace("$$", "$")


def test_ports_are_those_that_are_listened_on() -> None:
    settings = Settings.model_fields
    gateway = {port["name"]: port["containerPort"] for port in container("gateway")["ports"]}
    file = (ROOT / "gateway/Dockerfile").read_text()
    assert f"GATEWAY_PORT={gateway['http']}" in file
    assert (gateway["metrics"], gateway["admin"]) == (
        settings["internal_port"].default,
        settings["admin_port"].default,
    )
    (replica,) = container("inference")["ports"]
    assert one("ConfigMap", "shopsight")["data"]["REPLICAS"].endswith(
        f":{replica['containerPort']}"
    )
    for each in EVERYTHING:
        if each["kind"] == "Service" and "selector" in each["spec"]:
            theirs = {
                port["containerPort"] for port in container(each["metadata"]["name"])["ports"]
            }
            assert {port["port"] for port in each["spec"]["ports"]} <= theirs


def test_the_database_can_be_brought_up_to_date_before_anything_else() -> None:
    first = {
        (each["kind"], each["metadata"]["name"])
        for each in EVERYTHING
        if each["metadata"].get("labels") == {"shopsight/step": "first"}
    }
    (job,) = (("Job", name) for name, spec, _ in pods() if spec.get("restartPolicy"))
    needed = {each["configMapRef"]["name"] for each in container("migrate")["envFrom"]}
    assert first == {job, *(("ConfigMap", name) for name in needed)}
    assert "shopsight/step=first" in (KUBERNETES / "README.md").read_text()


def container(name: str) -> Document:
    (found,) = (each for pod, _, each in pods() if pod == name)
    return found


def test_nobody_is_root_and_nothing_is_written_but_volumes() -> None:
    for name, spec, each in pods():
        assert spec["securityContext"]["runAsNonRoot"], name
        assert spec["automountServiceAccountToken"] is False
        security = each["securityContext"]
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["allowPrivilegeEscalation"] is False
        assert security.get("readOnlyRootFilesystem") or name == "mysql"
        assert {"cpu", "memory"} <= each["resources"]["limits"].keys()
        mounts = {mount["name"] for mount in each["volumeMounts"]}
        (workload,) = (
            one(kind, name)["spec"] for kind in PODS if any(n == f"{kind} {name}" for n in NAMES)
        )
        claimed = {each["metadata"]["name"] for each in workload.get("volumeClaimTemplates", ())}
        assert mounts == {volume["name"] for volume in spec["volumes"]} | claimed, name


def test_selectors_find_pods_and_budgets_leave_some() -> None:
    labels = [
        each["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"]
        for each in EVERYTHING
        if each["kind"] in PODS
    ]
    text = "\n".join(path.read_text() for path in KUBERNETES.rglob("*.yaml"))
    assert set(re.findall(r"app\.kubernetes\.io/name: (\w+) ", text)) <= set(labels)
    for values in re.findall(r"values: \[([\w, ]+)\]", text):
        assert set(values.split(", ")) <= set(labels)
    scaled = {each["spec"]["scaleTargetRef"]["name"] for each in of("HorizontalPodAutoscaler")}
    assert scaled == {each["metadata"]["name"] for each in of("PodDisruptionBudget")}
    for each in of("HorizontalPodAutoscaler"):
        target = each["spec"]["scaleTargetRef"]
        assert "replicas" not in one(target["kind"], target["name"])["spec"]
        assert each["spec"]["minReplicas"] >= 2


def of(kind: str) -> list[Document]:
    return [each for each in EVERYTHING if each["kind"] == kind]


def test_replicas_are_scaled_by_a_metric_that_they_have() -> None:
    (metric,) = one("HorizontalPodAutoscaler", "inference")["spec"]["metrics"]
    wanted = metric["pods"]["metric"]
    text = generate_latest(Metrics().registry).decode()
    assert f"# TYPE {wanted['name']} gauge" in text
    source = (ROOT / "inference/telemetry.py").read_text()
    assert f'_queue_depth.labels("{wanted["selector"]["matchLabels"]["lane"]}")' in source
    assert f"seriesQuery: '{wanted['name']}" in (KUBERNETES / "README.md").read_text()
