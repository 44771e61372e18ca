"""A network of its own for cameras: a namespace, and a cable to it for each group of them.

Needs root. What a cable can do to packets is done by the kernel: `tc netem` where it has it, else
iptables' random drop for loss and a detour through user space for delay; `tc tbf` for a narrow
line.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from tests.soak.delay import TUN, Delay, open_tun

NAMESPACES = Path("/run/netns")
PREFIX = "edge-soak-"
CLONE_NEWNET = 0x40000000
PROGRAMS = {"ip": "iproute2", "tc": "iproute2", "iptables": "iptables"}


def why_not() -> str:
    """Why no such network can be made here; empty where it can."""
    if os.geteuid() != 0:
        return "a network namespace needs root"
    missing = {package for name, package in PROGRAMS.items() if shutil.which(name) is None}
    return f"run: apt-get install {' '.join(sorted(missing))}" if missing else ""


class Cable:
    """The line to one group of cameras.

    Args:
        namespace: Where the cameras are.
        number: Of this cable, 0 to 250.
    """

    def __init__(self, namespace: str, number: int) -> None:
        self.camera_address = f"10.77.{number}.2"
        self.box_address = f"10.77.{number}.1"
        self._detour: Delay | None = None
        self._namespace = namespace
        self._camera_end = f"cam{number}"
        self.box_end = f"es{os.getpid()}-{number}"
        self._far_tun, self._near_tun = f"late{number}", f"et{os.getpid()}-{number}"
        _ip("link", "add", self.box_end, "type", "veth", "peer", "name", self._camera_end,
            "netns", namespace)  # fmt: skip
        _ip("addr", "add", f"10.77.{number}.1/24", "dev", self.box_end)
        _ip("link", "set", self.box_end, "up")
        self._ip("addr", "add", f"{self.camera_address}/24", "dev", self._camera_end)
        self._ip("link", "set", self._camera_end, "up")

    def cut(self) -> None:
        """Nothing passes, and nobody is told: a power cut, a pulled plug."""
        self._both_ways("-j", "DROP")

    def refuse(self) -> None:
        """Whoever sends anything over TCP is told that there is no connection; UDP ceases."""
        self._drop("INPUT", "-i", "-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset")
        self._drop("OUTPUT", "-o", "-p", "udp", "-j", "DROP")

    def narrow(self, kbit: int) -> None:
        """Let no more than this through from the cameras; a switch's buffer holds 0.2 s of it."""
        self._tc("tbf", "rate", f"{kbit}kbit", "burst", "16kb", "latency", "200ms")

    def lose(self, share: float) -> str:
        """Lose this share of packets, both ways.

        Returns:
            What does it: `netem`, or `iptables` where the kernel lacks it.
        """
        if self.has_netem:
            self._tc("netem", "loss", f"{share:.3%}")
            return "netem"
        self._both_ways(
            "-m", "statistic", "--mode", "random", "--probability", str(share), "-j", "DROP"
        )
        return "iptables"

    def delay(self, ms: int, jitter_ms: int) -> None:
        """Let packets from the cameras take longer, and overtake each other."""
        if self.has_netem:
            self._tc("netem", "delay", f"{ms}ms", f"{jitter_ms}ms")
            return
        with inside(self._namespace):
            source = open_tun(self._far_tun)
        sink = open_tun(self._near_tun)
        # Packets come in by another device than answers go out by: let that be, also where the
        # system is strict about it. Without an address of its own a device takes none of them.
        _ip("addr", "add", self.box_address.replace("10.77", "10.78") + "/32",
            "dev", self._near_tun)  # fmt: skip
        Path(f"/proc/sys/net/ipv4/conf/{self._near_tun}/rp_filter").write_text("2")
        _ip("link", "set", self._near_tun, "up")
        self._ip("link", "set", self._far_tun, "up")
        self._detour = Delay(source, sink, ms / 1000, jitter_ms / 1000)
        self._ip("route", "add", f"{self.box_address}/32", "dev", self._far_tun,
                 "src", self.camera_address)  # fmt: skip

    def mend(self) -> None:
        """Take back whatever was done to it."""
        for chain in ("INPUT", "OUTPUT"):
            listing = self._inside("iptables", "-w", "-S", chain).stdout
            for rule in listing.splitlines():
                if rule.startswith("-A") and f" {self._camera_end} " in f"{rule} ":
                    self._inside("iptables", "-w", "-D", *rule.split()[1:])
        self._inside("tc", "qdisc", "del", "dev", self._camera_end, "root", check=False)
        if self._detour is not None:
            # First the way without it; what is still under way on the detour is lost.
            _run("ip", "-n", self._namespace, "route", "del", f"{self.box_address}/32",
                 "dev", self._far_tun)  # fmt: skip
            self._detour.close()
            self._detour = None

    @property
    def n_delayed(self) -> int:
        """Packets that came by the detour so far; 0 where netem delays them."""
        return 0 if self._detour is None else self._detour.n_carried

    def remove(self) -> None:
        """Take it away, both ends."""
        if self._detour is not None:
            self._detour.close()
            self._detour = None
        _run("ip", "link", "del", self.box_end, check=False)

    @property
    def can_delay(self) -> bool:
        """Whether packets can be delayed here, by netem or by a detour."""
        return self.has_netem or TUN.exists()

    @property
    def has_netem(self) -> bool:
        """Whether this machine's kernel has `tc netem`."""
        was_added = self._tc("netem", "delay", "0ms", check=False).returncode == 0
        if was_added:
            self._inside("tc", "qdisc", "del", "dev", self._camera_end, "root")
        return was_added

    def _both_ways(self, *rule: str) -> None:
        self._drop("INPUT", "-i", *rule)
        self._drop("OUTPUT", "-o", *rule)

    def _drop(self, chain: str, side: str, *rule: str) -> None:
        self._inside("iptables", "-w", "-A", chain, side, self._camera_end, *rule)

    def _tc(self, *discipline: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        at = ("dev", self._camera_end, "root")
        return self._inside("tc", "qdisc", "replace", *at, *discipline, check=check)

    def _ip(self, *arguments: str) -> None:
        _ip("-n", self._namespace, *arguments)

    def _inside(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return _run("ip", "netns", "exec", self._namespace, *command, check=check)


class Network:
    """A namespace with `n_cables` to it; used as a context manager, and gone afterwards.

    Raises:
        subprocess.CalledProcessError: The kernel refused; see `why_not` first.
    """

    def __init__(self, n_cables: int) -> None:
        self.name = f"{PREFIX}{os.getpid()}"
        self.cables: list[Cable] = []
        self._n_cables = n_cables

    def __enter__(self) -> Network:  # noqa: PYI034  # typing.Self came with Python 3.11
        _sweep()
        _ip("netns", "add", self.name)
        try:
            _ip("-n", self.name, "link", "set", "lo", "up")
            for number in range(self._n_cables):
                self.cables.append(Cable(self.name, number))
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._remove()

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Let this thread, and what it starts meanwhile, live in the namespace."""
        with inside(self.name):
            yield

    def _remove(self) -> None:
        """Connections that were cut keep the namespace for minutes, without its name."""
        for cable in self.cables:
            cable.remove()
        _run("ip", "netns", "del", self.name, check=False)


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Let this thread, and what it starts meanwhile, live in a namespace."""
    with Path("/proc/thread-self/ns/net").open("rb") as outside:
        with (NAMESPACES / namespace).open("rb") as there:
            _enter(there.fileno())
        try:
            yield
        finally:
            _enter(outside.fileno())


@contextmanager
def box_namespace(cable: Cable) -> Iterator[str]:
    """A namespace for the box too, with its end of the cable in it and nothing else."""
    name = f"edge-box-{os.getpid()}"
    _ip("netns", "add", name)
    try:
        _ip("link", "set", cable.box_end, "netns", name)
        _ip("-n", name, "addr", "add", f"{cable.box_address}/24", "dev", cable.box_end)
        for interface in ("lo", cable.box_end):
            _ip("-n", name, "link", "set", interface, "up")
        yield name
    finally:
        _run("ip", "netns", "del", name, check=False)


def _sweep() -> None:
    """Remove what a run that was killed left behind."""
    for left in NAMESPACES.glob(f"{PREFIX}*"):
        if not Path("/proc", left.name.removeprefix(PREFIX)).exists():
            _run("ip", "netns", "del", left.name, check=False)
    listing = _run("ip", "-brief", "link").stdout
    for name, process in re.findall(r"^(es(\d+)-\d+)", listing, re.MULTILINE):
        if not Path("/proc", process).exists():
            _run("ip", "link", "del", name, check=False)


def _enter(descriptor: int) -> None:
    """What `os.setns` is from Python 3.12 on."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(descriptor, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _run(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=check, capture_output=True, text=True)
