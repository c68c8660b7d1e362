"""Starts and stops all that shows what the guard does: the composition root calls one function."""

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from freqtrade import __version__ as freqtrade_version

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.integration.console.config import source_of
from freqtrade_balance_guard.integration.monitoring.chart import (
    install_chart_marks,
    remove_chart_marks,
)
from freqtrade_balance_guard.integration.monitoring.notify import Notifier
from freqtrade_balance_guard.ledger import ReservationLedger
from freqtrade_balance_guard.money import to_decimal
from freqtrade_balance_guard.monitoring.decisions import read_decisions
from freqtrade_balance_guard.monitoring.history import HistoryRecorder
from freqtrade_balance_guard.monitoring.metrics.counting import Key
from freqtrade_balance_guard.monitoring.metrics.totals import Totals
from freqtrade_balance_guard.monitoring.worker import Worker
from freqtrade_balance_guard.page.look import Believed, Look
from freqtrade_balance_guard.settings import GuardSettings, MetricsSettings
from freqtrade_balance_guard.settings.state_paths import local_file
from freqtrade_balance_guard.version import __version__


if TYPE_CHECKING:
    from fastapi import FastAPI

    from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets
    from freqtrade_balance_guard.monitoring.metrics.server import MetricsServer

logger = logging.getLogger(__name__)


class Monitoring:
    """What runs beside one live or dry-run bot, until ``close``."""

    def __init__(
        self,
        wallets: "GuardedWallets",
        settings: GuardSettings,
        ledger: ReservationLedger,
        hub: EventHub,
        clock: Clock,
    ) -> None:
        config = wallets._config
        source = replace(source_of(config, settings), bot=ledger.bot, account=ledger.account)
        self.look = Look(
            source, clock, partial(believed_now, wallets), partial(belief_age_seconds, wallets)
        )
        self.totals = Totals(local_file(config), ledger.account, ledger.bot, clock)
        hub.subscribe(self.totals)
        self.history = HistoryRecorder(
            source.local, source.account, ledger.bot, clock, lambda: self.look.figures().balances
        )
        hub.subscribe(self.history)
        self.metrics_address: str | None = None
        self._metrics = self._started_metrics(settings.metrics, hub)
        self.notifier = Notifier(
            rpc_manager_of(wallets._guarded_strategy),
            settings.alerts,
            source.stake_currency,
            source.local,
            source.account,
            ledger.bot,
            clock,
            self.look.figures,
        )
        hub.subscribe(self.notifier)
        self._install_page(wallets)
        path, account = source.local, source.account
        install_chart_marks(lambda pair: read_decisions(path, account, pair))
        self._worker = Worker([self.totals.write, self.history.write, self.notifier.work])
        self._worker.start()

    def close(self) -> None:
        """Write what is left and give ports, threads and files back. May be called twice."""
        remove_chart_marks()
        if self._metrics is not None:
            self._metrics.close()
        self._worker.close()
        self.totals.close()
        self.history.close()
        self.notifier.close()

    def counters(self) -> dict[Key, int]:
        """Every counter as it stands."""
        return self.totals.now()

    def _install_page(self, wallets: "GuardedWallets") -> None:
        app = web_app_of(wallets._guarded_strategy)
        if app is None:
            return
        try:
            from freqtrade_balance_guard.integration.monitoring.api import install

            install(app, self)
        except Exception as error:
            logger.warning("No page at /guard: it could not be added (%s).", error)
            logger.debug("The page could not be added.", exc_info=True)
            return
        logger.info("The guard's page is at /guard of freqtrade's web server.")

    def _started_metrics(self, settings: MetricsSettings, hub: EventHub) -> "MetricsServer | None":
        if not settings.enabled:
            return None
        try:
            from freqtrade_balance_guard.monitoring.metrics.server import BotLabels, MetricsServer
        except ImportError:
            logger.warning(
                "No metrics: prometheus-client is not installed (pip install prometheus-client)."
            )
            return None
        source = self.look.source
        labels = BotLabels(
            bot=source.bot or source.bot_name,
            account=source.account,
            version=__version__,
            freqtrade_version=str(freqtrade_version),
            exchange=source.exchange,
            mode="dry-run" if source.dry_run else "live",
            stake_currency=source.stake_currency,
        )
        server = MetricsServer(labels, self.totals.now, self.look.figures)
        address, port = settings.listen_ip_address, settings.listen_port
        try:
            port = server.start(address, port)
        except OSError as error:
            logger.warning(
                "No metrics: %s port %s cannot be used (%s). Choose another "
                "balance_guard.metrics.listen_port, or 0 for any free one.",
                address,
                port,
                error.strerror or error,
            )
            return None
        host = f"[{address}]" if ":" in address else address
        self.metrics_address = f"http://{host}:{port}/metrics"
        hub.subscribe(server)
        logger.info("Metrics are served at %s.", self.metrics_address)
        return server


def rpc_manager_of(strategy: Any) -> Any:
    """freqtrade's RPC manager of the bot that ``strategy`` belongs to; None where there is none."""
    return getattr(getattr(strategy, "dp", None), "_DataProvider__rpc", None)


def web_app_of(strategy: Any) -> "FastAPI | None":
    """The application of freqtrade's web server; None where it is not enabled."""
    modules = getattr(rpc_manager_of(strategy), "registered_modules", None)
    for module in modules if isinstance(modules, list) else ():
        if getattr(module, "name", "") == "apiserver":
            app: FastAPI = module.app
            return app
    return None


_running: Monitoring | None = None


def start_monitoring(
    wallets: "GuardedWallets",
    settings: GuardSettings,
    ledger: ReservationLedger,
    hub: EventHub,
    clock: Clock,
) -> None:
    """Show what the guard does from now on. Never raises: a bot trades without being watched."""
    global _running
    stop_monitoring()
    try:
        _running = Monitoring(wallets, settings, ledger, hub, clock)
    except Exception:
        logger.exception("Monitoring could not be started; the bot runs without it.")


def stop_monitoring() -> None:
    """The bot ends, or is built anew."""
    global _running
    running, _running = _running, None
    if running is not None:
        try:
            running.close()
        except Exception:
            logger.exception("Monitoring could not be ended properly.")


def metrics_address() -> str | None:
    """Where this process serves metrics; None where it does not."""
    return None if _running is None else _running.metrics_address


def send_denials() -> bool:
    """Send the denials of today as a message soon; False: nothing is shown of this bot."""
    if _running is None:
        return False
    _running.notifier.sum_up_today()
    return True


def believed_now(wallets: "GuardedWallets") -> dict[str, Believed]:
    """Every currency of the bot's own account; from any thread."""
    live = wallets.live
    if live is None:
        return {
            currency: Believed(
                total=to_decimal(one.total),
                used=to_decimal(one.used),
                expected=to_decimal(one.total),
            )
            for currency, one in dict(wallets._wallets).items()
        }
    book = live.book
    found = {}
    for currency in book.currencies():
        expected = book.expected(currency)
        found[currency] = Believed(
            total=expected.total,
            used=expected.used,
            expected=expected.total,
            seen=book.seen(currency),
            verdict=str(book.verdict(currency)),
        )
    return found


def belief_age_seconds(wallets: "GuardedWallets") -> float | None:
    """Since the believed answer was asked for; None before the first, and in dry-run."""
    age = float("inf") if wallets.live is None else wallets.live.age()
    return age if age != float("inf") else None
