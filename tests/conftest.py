"""What several tiers of tests share: the embedded stack, which is two real processes."""

import atexit
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import certifi
import hypothesis
import pytest

from gateway.cli.embedded import Stack, embedded_stack
from gateway.serving import GC_THRESHOLDS
from tests.support import ROOT, fork_server
from tests.support.limits import ROOMY
from tests.support.workers import pytest_collection_modifyitems as pytest_collection_modifyitems
from tests.support.workers import pytest_runtest_setup as pytest_runtest_setup
from tests.support.workers import pytest_xdist_make_scheduler as pytest_xdist_make_scheduler
from tests.support.workers import share_out_ports

SAMPLES = ROOT / "web" / "samples"


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What somebody's `make run` keeps is no part of a test."""
    os.environ["SHOPSIGHT_HOME"] = str(tmp_path_factory.mktemp("home"))


def one_certificate() -> str:
    """A file for clients that load certificates though they speak to this machine, without TLS: to
    load those of the world would take each client and each connection to MariaDB 40 ms of CPU."""
    folder = tempfile.mkdtemp(prefix="shopsight-certificate-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    file = Path(folder, "one.pem")
    file.write_text(certifi.contents().partition("-----END")[0] + "-----END CERTIFICATE-----\n")
    return str(file)


def pytest_configure() -> None:
    fork_server.wanted = True
    share_out_ports()
    os.environ["SSL_CERT_FILE"] = one_certificate()
    # How full the machine's disk is decides no test.
    os.environ["IMAGE_DISK_FREE"] = "0"
    # Neither does what else the machine has to do: hypothesis gives an example 200 ms.
    hypothesis.settings.register_profile("untimed", deadline=None)
    hypothesis.settings.load_profile("untimed")


def pytest_collection_finish() -> None:
    """What has been imported stays: a collector that looked through torch and transformers again
    and again took a twentieth of the CPU. It looks at young objects as seldom as a gateway's."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


@pytest.fixture(scope="session", name="embedded_stack")
def _embedded_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with embedded_stack(tmp_path_factory.mktemp("stack"), **ROOMY) as stack:
        yield stack


@pytest.fixture(scope="session")
def sample_photo() -> Path:
    """A photo that the demo checkpoint was not trained on."""
    return sorted(SAMPLES.glob("*.jpg"))[0]
