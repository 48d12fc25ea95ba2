import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from openmm_innff.engine import triton_density

CASES = Path(__file__).with_name("interpreted.py")


@pytest.mark.skipif(not triton_density.available(), reason="Triton is not installed")
def test_all_kernels_in_the_interpreter():
    """Kernels against autograd; see interpreted.py for what is tested and why in a process."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n0", str(CASES)],
        env={**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"},
        cwd=CASES.parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_module_imports_without_triton():
    code = (
        "import sys; sys.modules['triton'] = None\n"
        "from openmm_innff.engine import cuda_evaluator, triton_density, triton_network"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_availability_is_that_of_triton():
    assert triton_density.available() == (importlib.util.find_spec("triton") is not None)
