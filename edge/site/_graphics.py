"""Graphics: NVIDIA's driver and libraries, by what they leave in the file system.

Nothing of NVIDIA's is imported: what a broken library does then, doctor must survive.
"""

from __future__ import annotations

import getpass
import os
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edge.hardware import text_of
from edge.site._check import Check

DEVICES = ("dev/nvidiactl", "dev/nvidia0", "dev/nvhost-ctrl-gpu", "dev/nvhost-gpu", "dev/nvmap")
JETPACKS = {"35": "JetPack 5", "36": "JetPack 6", "38": "JetPack 7"}


def examine_graphics(root: Path = Path("/")) -> Check:
    """Driver, CUDA and TensorRT, and whether this user may use the GPU.

    Args:
        root: Where the system's files are.
    """
    there = [root / path for path in DEVICES if (root / path).exists()]
    driver = _driver(root)
    if not there and not driver:
        return Check("gpu", "green", "no NVIDIA GPU; detectors run on the processor")
    found = ", ".join(
        f"{name} {value}" if value else f"no {name}"
        for name, value in (
            ("driver", driver),
            ("CUDA", _cuda(root)),
            ("TensorRT", _tensorrt()),
        )
    )
    if not there:
        return Check(
            "gpu",
            "red",
            f"{found}, but no device: the driver is not loaded, or the card is gone",
            "sudo modprobe nvidia; sudo dmesg | grep -i nvrm; after a kernel update: reboot",
        )
    if not driver:
        return Check(
            "gpu",
            "amber",
            f"{found}: there are devices, and no driver tells its version",
            "reinstall the driver: sudo apt-get install --reinstall nvidia-l4t-core, or on a PC "
            "nvidia-driver",
        )
    barred = [path for path in there if not os.access(path, os.R_OK | os.W_OK)]
    if barred:
        named = ", ".join(str(path) for path in barred)
        remedy = f"sudo usermod -aG video,render {getpass.getuser()}, then systemctl restart edge"
        return Check("gpu", "red", f"{found}; user {getpass.getuser()} may not use {named}", remedy)
    return Check("gpu", "green", found)


def _driver(root: Path) -> str:
    told = text_of(root / "proc/driver/nvidia/version")
    module = re.search(r"Kernel Module\D*([\d.]+)", told)
    jetson = re.search(
        r"# R(\d+) \(release\), REVISION: ([\d.]+)", text_of(root / "etc/nv_tegra_release")
    )
    if jetson:
        pack = JETPACKS.get(jetson[1], "an unknown JetPack")
        return f"L4T {jetson[1]}.{jetson[2]} ({pack})"
    return module[1] if module else ""


def _cuda(root: Path) -> str:
    found = re.search(r'"version"\s*:\s*"([\d.]+)"', text_of(root / "usr/local/cuda/version.json"))
    return found[1] if found else ""


def _tensorrt() -> str:
    try:
        return version("tensorrt")
    except PackageNotFoundError:
        return ""
