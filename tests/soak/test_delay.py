"""The detour through user space delays what goes from a camera to the box, and only that."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from statistics import median

import pytest

from tests.soak import network
from tests.soak.delay import TUN

PORT = 47999
N_SENT = 40


def one_way_s(site: network.Network, cable: network.Cable) -> list[float]:
    """Seconds each datagram from the camera's side took."""
    here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    here.bind((cable.box_address, PORT))
    here.settimeout(1.0)
    with site.inside():
        there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    there.bind((cable.camera_address, PORT))
    took: list[float] = []

    def listen() -> None:
        with suppress(TimeoutError):
            while len(took) < N_SENT:
                took.append(-float(here.recv(100)) + time.monotonic())

    listener = threading.Thread(target=listen)
    listener.start()
    for _ in range(N_SENT):
        there.sendto(str(time.monotonic()).encode(), (cable.box_address, PORT))
        time.sleep(0.005)
    listener.join()
    here.close()
    there.close()
    return took


@pytest.mark.network
@pytest.mark.skipif(bool(network.why_not()), reason=network.why_not() or "never")
@pytest.mark.skipif(not TUN.exists(), reason="no /dev/net/tun on this machine")
def test_packets_come_as_late_as_was_asked_for_until_it_is_taken_back() -> None:
    """All of them come; twice, because a site has more than one bad day."""
    with network.Network(1) as site:
        cable = site.cables[0]
        if cable.has_netem:
            pytest.skip("the kernel delays them itself")
        for _ in range(2):
            assert median(one_way_s(site, cable)) < 0.05
            cable.delay(150, 50)
            took = one_way_s(site, cable)
            assert len(took) == N_SENT
            assert min(took) > 0.09
            assert 0.12 < median(took) < 0.25
            cable.mend()
