"""Daemon: one process in service, from its first line in the journal to its last.

SIGTERM and SIGINT drain and stop; SIGHUP reloads. A configuration that cannot be used leaves the
one in force running.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType

import cv2

from edge.commands import CommandFailed
from edge.config import Config, ConfigUnusable, Problem, load
from edge.config.credentials import credential_folders
from edge.config.folder import digest_on_disk
from edge.config.history import History
from edge.errors import EdgeError
from edge.hardware import read_sensors
from edge.metrics import exposition
from edge.runtime import supervisor
from edge.runtime.about import software
from edge.runtime.asker import HANGUP, Asker
from edge.runtime.books import Books
from edge.runtime.box import LocalBox
from edge.runtime.desk import Desk
from edge.runtime.editing import Editing
from edge.runtime.entries import reload_entries
from edge.runtime.keeping import Keeping
from edge.runtime.kept_pictures import KeptPictures
from edge.runtime.memory import share_one_heap
from edge.runtime.metrics import samples
from edge.runtime.monitor import Monitor, MonitorUnavailable, Progress
from edge.runtime.notice import in_force, refused
from edge.runtime.page import Page
from edge.runtime.panel import LocalPanel
from edge.runtime.recent import MOST, Recent
from edge.runtime.service import Service, origin_of
from edge.sinks import Publisher, open_publisher
from edge.topics import CONFIG

log = logging.getLogger("edge.daemon")

HEALTH_S = 30.0
RELOAD_S = 60.0
COOL_S = 10.0
"""How often it is felt how hot the box is; reading a dozen files of sysfs takes 1 ms."""
SETTLE_S = 0.1
"""How often it is looked whether all cameras show pictures or were reported, until they are."""


@dataclass(frozen=True)
class _Asked:
    """A reload that somebody waits for; `answer` takes why it was refused, empty if it was not."""

    by: Asker
    answer: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)


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
        share_one_heap()
        publisher = _publisher(self._config)
        books = Books(self._config.appliance.storage.path, publisher.origin)
        publisher.hear(books.note)
        keeping = Keeping(
            self._config.appliance.storage,
            credential_folders(self._config.folder, os.environ),
            books.record,
        )
        recent = Recent(publisher.last(MOST))
        publisher.hear(recent.add)
        try:
            self._begin(books, publisher)
            n_ended = publisher.end_open("the appliance was restarted", datetime.now(timezone.utc))
            if n_ended:
                log.warning("ended %d incidents that an earlier run left open", n_ended)
            service = Service(
                self._config,
                publisher,
                books,
                admit=keeping.refusal,
                evidence_trouble=lambda: keeping.trouble,
            )
            box = LocalBox(service, publisher, self._ask_reload)
            desk = Desk(box, publisher, books.record)
            pictures = KeptPictures(self._config.appliance.storage.path / "evidence", keeping.key)
            page = self._page(
                service, publisher, box, recent=recent, pictures=pictures, books=books
            )
            monitor = self._monitor(service, publisher, desk)
            keeping.start()
            # Whoever is told that this box is there may ask it something at once.
            desk.hear(self._config.appliance)
            books.attach(publisher)
            publisher.reopen(publisher.origin, [self._config.appliance.mqtt], self._config.folder)
            service.start()
            desk.start()
            self._note(publisher, page)
            page.follow(self._config)
            books.sign()
            self._attend(service, publisher, desk, page, books)
            supervisor.notify("STOPPING=1")
            if monitor is not None:
                monitor.close()
            desk.close()
            page.close()
            service.stop("the appliance was stopped")
            books.record("stop", {"software": software(), "config": self._config.sha256})
        finally:
            keeping.close()
            books.close()
            publisher.close()
        log.info("stopped")

    def handle_signals(self) -> None:
        """Let the process's signals reach `run`; only from the main thread."""

        def note(number: int, _frame: FrameType | None) -> None:
            self._signals.put(number)

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, note)

    def _page(
        self,
        service: Service,
        publisher: Publisher,
        box: LocalBox,
        *,
        recent: Recent,
        pictures: KeptPictures,
        books: Books,
    ) -> Page:
        """The device page, not yet open."""
        editing = None
        if self._reload is not None:
            editing = Editing(self._config.folder, lambda: service.config, self._ask_reload)
        return Page(
            LocalPanel(
                service,
                publisher,
                box,
                recent,
                pictures,
                editing=editing,
                record=books.record,
            )
        )

    def _begin(self, books: Books, publisher: Publisher) -> None:
        """Record what begins to run; what it arms the service records."""
        config = self._config
        facts = {"software": software(), "config": config.sha256, "site": config.appliance.site}
        books.begin({**facts, "node": config.appliance.node}, publisher.stats.seq)

    def _monitor(self, service: Service, publisher: Publisher, desk: Desk) -> Monitor | None:
        """Open what fleets are looked after by, where it was asked for; a failure is only said."""
        options = self._config.appliance.metrics
        if options is None:
            return None
        progress = Progress(lambda: service.steps, lambda: service.are_engines_able)

        def metrics() -> str:
            return exposition(samples(service, publisher, desk.counts, read_sensors()))

        try:
            monitor = Monitor(
                options.listen,
                metrics=metrics,
                unready=lambda: service.unready,
                trouble=progress.trouble,
            )
        except MonitorUnavailable as exc:
            log.error("%s", exc)
            return None
        log.info("metrics: http://%s/metrics", options.listen)
        return monitor

    def _attend(
        self, service: Service, publisher: Publisher, desk: Desk, page: Page, books: Books
    ) -> None:
        """Readiness, health, watchdog and reloads until a signal to stop."""
        watchdog = supervisor.Watchdog()
        is_ready = False
        health_due = cool_due = time.monotonic()
        while True:
            if time.monotonic() >= health_due:
                service.say_health(desk.counts, page.trouble)
                service.review()
                health_due = time.monotonic() + HEALTH_S
            if time.monotonic() >= cool_due:
                service.cool(read_sensors())
                cool_due = time.monotonic() + COOL_S
            if not is_ready and (is_ready := service.is_accounted_for):
                log.info("ready: %s", service.summary)
                supervisor.notify(f"READY=1\nSTATUS={service.summary}")
            if is_ready:
                watchdog.feed(service.steps, service.are_engines_able, service.summary)
            tick_s = watchdog.tick_s if is_ready else SETTLE_S
            wait_s = max(0.0, min(tick_s, min(health_due, cool_due) - time.monotonic()))
            try:
                asked = self._signals.get(timeout=wait_s)
            except queue.Empty:
                continue
            if isinstance(asked, int) and asked != signal.SIGHUP:
                return
            by = HANGUP if isinstance(asked, int) else asked.by
            self._try_reload(service, publisher, page, books, by)
            desk.hear(self._config.appliance)
            books.sign()
            if not isinstance(asked, int):
                asked.answer.put(self._refusal)
            page.follow(self._config)

    def _ask_reload(self, by: Asker) -> str:
        """Have `run` reload, and wait for it; from another thread.

        Args:
            by: Who wants it, for the audit log.

        Returns:
            Short hash of the configuration then in force.

        Raises:
            CommandFailed: The new configuration cannot be used, or it takes too long.
        """
        asked = _Asked(by)
        self._signals.put(asked)
        try:
            refusal = asked.answer.get(timeout=RELOAD_S)
        except queue.Empty:
            raise CommandFailed(f"the reload has not ended within {RELOAD_S:.0f} s") from None
        if refusal:
            raise CommandFailed(f"refused, the configuration in force stays: {refusal}")
        return self._config.short_hash

    def _try_reload(
        self, service: Service, publisher: Publisher, page: Page, books: Books, by: Asker
    ) -> None:
        """Take up what the files say now; where that cannot be, what is in force goes on."""
        self._refusal = "there is no folder to read it from"
        if self._reload is None:
            return
        try:
            config = self._keeping_all(self._reload())
            self._warn(config)
            found = service.change(config)
        except EdgeError as exc:
            self._refusal = str(exc)
            log.error("reload refused, the configuration in force stays: %s", exc)
            problems: Sequence[Problem] = [Problem(str(self._config.folder), 0, 0, "", str(exc))]
            if isinstance(exc, ConfigUnusable):
                problems = exc.problems
            publisher.state(CONFIG, refused(self._config, problems, datetime.now(timezone.utc)))
            errors = tuple(problem for problem in problems if problem.severity == "error")
            page.panel.overview.note(errors, is_refused=True)
            books.record("config.refused", self._refused_facts(problems, by))
            return
        self._refusal = ""
        books.record_all(reload_entries(self._config, config, found, by))
        self._config = config
        self._note(publisher, page)
        log.info(
            "configuration %s in force: %d cameras go on, %d began anew, %d are new, %d stopped",
            config.short_hash,
            len(found.keep),
            len(found.restart),
            len(found.start),
            len(found.stop),
        )

    def _refused_facts(self, problems: Sequence[Problem], by: Asker) -> dict[str, object]:
        """What the audit log is told of files that cannot be taken up; None of what is in them."""
        errors = [problem for problem in problems if problem.severity == "error"] or problems
        told = [f"{Path(p.file).name}:{p.line}:{p.column}: {p.path}" for p in errors[:20]]
        try:
            sha256 = digest_on_disk(self._config.folder)
        except (OSError, EdgeError):
            sha256 = None
        facts = {"config": sha256, "in_force": self._config.sha256, **by.facts}
        return {**facts, "n_problems": len(errors), "problems": told}

    def _keeping_all(self, config: Config) -> Config:
        """The same configuration, if no camera that is watched now was set aside in it.

        A slip of the pen must not end the watching; a camera that was never watched is set aside
        and holds nobody up.

        Raises:
            ConfigUnusable: One was.
        """
        watched = {camera.camera for camera in self._config.cameras if camera.enabled}
        if watched & {name for name, _ in config.rejected}:
            raise ConfigUnusable(config.problems)
        return config

    def _warn(self, config: Config) -> None:
        for problem in config.problems:
            log.warning("%s", problem)
        if config.appliance.storage != self._config.appliance.storage:
            log.warning("storage: changes take effect at the next start")

    def _note(self, publisher: Publisher, page: Page) -> None:
        """Say what is in force, and keep a copy of its files."""
        now = datetime.now(timezone.utc)
        page.panel.overview.note(self._config.problems, is_refused=False)
        publisher.state(CONFIG, in_force(self._config, now))
        if self._reload is None:
            return
        if self._config.rejected:
            return  # a folder with errors in it is nothing to go back to
        try:
            storage = self._config.appliance.storage.path
            History(storage).keep(self._config.folder, self._config.sha256, now)
        except OSError as exc:
            log.error("no copy of the configuration was kept: %s", exc)


def _publisher(config: Config) -> Publisher:
    """Everything is made durable from now on, and sent once somebody listens."""
    storage = config.appliance.storage
    return open_publisher(
        storage.path,
        origin_of(config),
        [],
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
