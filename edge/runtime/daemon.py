"""Daemon: one process in service, from its first line in the journal to its last.

SIGTERM and SIGINT drain and stop; SIGHUP reloads. A configuration that cannot be used leaves the
one in force running.
"""

from __future__ import annotations

import logging
import queue
import signal
import time
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TypeAlias

import cv2

from edge.commands import CommandFailed, Replay
from edge.config import Config, load
from edge.errors import ConfigError, SinkError
from edge.runtime import supervisor
from edge.runtime.box import LocalBox
from edge.runtime.desk import Desk
from edge.runtime.service import Service, origin_of
from edge.sinks import Publisher, open_publisher
from edge.sinks.mqtt import MqttSink

log = logging.getLogger("edge.daemon")

HEALTH_S = 30.0
RELOAD_S = 60.0

_Asked: TypeAlias = "queue.SimpleQueue[str]"
"""A reload that somebody waits for; takes why it was refused, empty where it was not."""


class Daemon:
    """Runs a configuration until told to stop.

    Args:
        config: The configuration to begin with.
        reload: Reads it again; None where it cannot change, as in the demo.
    """

    def __init__(self, config: Config, reload: Callable[[], Config] | None = None) -> None:
        self._config = config
        self._reload = reload
        self._signals: queue.SimpleQueue[int | _Asked] = queue.SimpleQueue()
        self._refusal = ""  # of the last reload

    def stop(self) -> None:
        """Ask `run` to return; from any thread."""
        self._signals.put(signal.SIGTERM)

    def run(self) -> None:
        """Watch until asked to stop.

        Raises:
            SinkError: The outbox cannot be opened.
        """
        # Cameras are the parallelism here; OpenCV's own threads would only fight over the cores.
        cv2.setNumThreads(1)
        publisher = _publisher(self._config)
        try:
            n_ended = publisher.end_open("the appliance was restarted", datetime.now(timezone.utc))
            if n_ended:
                log.warning("ended %d incidents that an earlier run left open", n_ended)
            self._service = Service(self._config, publisher)
            box = LocalBox(lambda: self._service, self._ask_reload, partial(_replay, publisher))
            self._desk = Desk(box, lambda: publisher.origin)
            self._listen(publisher)
            self._service.start()
            supervisor.notify("READY=1\nSTATUS=watching")
            self._attend(publisher)
            supervisor.notify("STOPPING=1")
            self._desk.close()
            self._service.stop("the appliance was stopped")
        finally:
            publisher.close()
        log.info("stopped")

    def handle_signals(self) -> None:
        """Let the process's signals reach `run`; only from the main thread."""

        def note(number: int, _frame: FrameType | None) -> None:
            self._signals.put(number)

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, note)

    def _attend(self, publisher: Publisher) -> None:
        """Health, watchdog and reloads until a signal to stop."""
        watchdog_s = supervisor.watchdog_s()
        health_due = time.monotonic()
        while True:
            if time.monotonic() >= health_due:
                self._service.say_health(self._desk.counts)
                health_due = time.monotonic() + HEALTH_S
            if watchdog_s is not None and not self._service.is_stuck:
                supervisor.notify("WATCHDOG=1")
            wait_s = min(watchdog_s or HEALTH_S, max(0.0, health_due - time.monotonic()))
            try:
                asked = self._signals.get(timeout=wait_s)
            except queue.Empty:
                continue
            if isinstance(asked, int) and asked != signal.SIGHUP:
                return
            self._reload_now(publisher)
            if not isinstance(asked, int):
                asked.put(self._refusal)

    def _reload_now(self, publisher: Publisher) -> None:
        """Go over to the new configuration, or stay with the old one where that cannot be used."""
        self._refusal = "this configuration cannot change"
        if self._reload is None:
            return
        try:
            config = self._reload()
        except ConfigError as exc:
            log.error("reload refused, the configuration in force stays: %s", exc)
            self._refusal = str(exc)
            return
        self._refusal = ""
        if config.appliance.storage != self._config.appliance.storage:
            log.warning("storage: changes take effect at the next start")
        log.info("reloading: configuration %s", config.short_hash)
        disarmed = self._service.disarmed
        self._service.stop("the configuration was reloaded")
        publisher.reopen(origin_of(config), [config.appliance.mqtt], config.folder)
        self._config = config
        self._service = Service(config, publisher, disarmed=disarmed)
        self._listen(publisher)
        self._service.start()

    def _listen(self, publisher: Publisher) -> None:
        """Hear commands, where the configuration in force allows some."""
        allowed = self._config.appliance.commands
        self._desk.follow(allowed, self._config.appliance.mqtt.root)
        for outlet in publisher.outlets:
            if isinstance(outlet, MqttSink) and allowed is not None:
                outlet.hear(("cmd/+", "cmd/+/+"), partial(self._desk.take, answer=outlet.answer))

    def _ask_reload(self) -> str:
        """Have `run` reload; from another thread.

        Raises:
            CommandFailed: The new configuration cannot be used, or it takes too long.
        """
        asked: _Asked = queue.SimpleQueue()
        self._signals.put(asked)
        try:
            refusal = asked.get(timeout=RELOAD_S)
        except queue.Empty:
            raise CommandFailed(f"the reload has not ended within {RELOAD_S:.0f} s") from None
        if refusal:
            raise CommandFailed(f"refused, the configuration in force stays: {refusal}")
        return self._config.short_hash


def _replay(publisher: Publisher, start: int | datetime) -> Replay:
    """Send delivered messages again through the broker they went to.

    Raises:
        CommandFailed: They cannot be read.
    """
    for outlet in publisher.outlets:
        if isinstance(outlet, MqttSink):
            try:
                return Replay(*outlet.replay(start))
            except SinkError as exc:
                raise CommandFailed(str(exc)) from exc
    raise CommandFailed("nothing here sends to a broker")


def _publisher(config: Config) -> Publisher:
    storage = config.appliance.storage
    return open_publisher(
        storage.path,
        origin_of(config),
        [config.appliance.mqtt],
        folder=config.folder,
        max_bytes=storage.outbox.max_mib * 2**20,
    )


def serve(folder: Path) -> None:
    """Run the daemon on a configuration folder.

    Raises:
        ConfigError: There is nothing that can run.
        SinkError: The outbox cannot be opened.
    """
    config = load(folder)
    for problem in config.problems:
        log.warning("%s", problem)
    daemon = Daemon(config, lambda: load(folder))
    daemon.handle_signals()
    daemon.run()
