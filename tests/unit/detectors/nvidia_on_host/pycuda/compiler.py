"""What edge uses of pycuda.compiler: g++ in nvcc's place."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from pycuda import driver

ON_HOST = Path(__file__).resolve().parents[2] / "cuda_on_host"


def compile(  # noqa: A001 - its real name
    source: str,
    *,
    nvcc: str,
    options: list[str],
    no_extern_c: bool,
    arch: str,
    cache_dir: str,
) -> bytes:
    """The kernel as a library of the processor; compiled once."""
    assert options == ["-fmad=false"]
    assert no_extern_c
    assert arch.startswith("sm_")
    fault = os.environ.get("ON_HOST_FAULT", "")
    if fault == "no nvcc":
        raise FileNotFoundError(2, "No such file or directory: 'nvcc'")
    if fault == "kernel":  # as a compiler would that computes otherwise
        source = source.replace("WEIGHT_ONE = 2048", "WEIGHT_ONE = 1900")
    kept = Path(cache_dir) / f"kernel{fault}.so"
    if not kept.is_file():
        kept.write_bytes(_compiled(source))
    return kept.read_bytes()


def _compiled(source: str) -> bytes:
    """By g++; kept for the next test, as it takes a second."""
    parts = [source.encode(), *(path.read_bytes() for path in sorted(ON_HOST.iterdir()))]
    name = f"edge-kernel-{os.getuid()}-{hashlib.sha256(b''.join(parts)).hexdigest()[:16]}.so"
    kept = Path(tempfile.gettempdir()) / name
    if not kept.is_file():
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "_planes.cu").write_text(source, encoding="utf-8")
            command = ["g++", "-O2", "-ffp-contract=off", "-shared", "-fPIC", f"-I{ON_HOST}"]
            command += [f"-I{folder}", "-o", f"{folder}/kernel.so", str(ON_HOST / "planes.cpp")]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise driver.CompileError(done.stderr)
            (Path(folder) / "kernel.so").replace(kept)
    return kept.read_bytes()
