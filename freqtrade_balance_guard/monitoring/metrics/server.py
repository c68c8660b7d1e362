"""Serves the metrics to Prometheus. The only module that imports prometheus_client."""

import logging
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from freqtrade_balance_guard.arbitrage.events import LegsSent
from freqtrade_balance_guard.balances.verdict import Verdict
from freqtrade_balance_guard.events import BalanceRead, BalanceUnreadable, Event, LoopEnded
from freqtrade_balance_guard.ledger.reservation import UNFINISHED
from freqtrade_balance_guard.monitoring.metrics.counting import ALWAYS_SHOWN, COUNTERS, Key
from freqtrade_balance_guard.monitoring.metrics.figures import BalanceFigures, Figures


logger = logging.getLogger(__name__)

PREFIX = "balance_guard_"
READ_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0)
LEG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
LOOP_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 3.0)


@dataclass(frozen=True, slots=True)
class BotLabels:
    """What is the same on every metric of a bot, and on ``balance_guard_info``."""

    bot: str
    account: str
    version: str
    freqtrade_version: str
    exchange: str
    mode: str
    stake_currency: str


class MetricsServer:
    """One bot's metrics on a port of its own. A listener of facts, for the histograms.

    :param count: the counters as they stand
    :param look: the gauges as they stand; an error leaves them out of that scrape
    """

    def __init__(
        self, labels: BotLabels, count: Callable[[], dict[Key, int]], look: Callable[[], Figures]
    ) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._server: WSGIServer | None = None
        self._thread: Thread | None = None
        self.registry.register(_BotCollector(labels, count, look))

        def histogram(name: str, text: str, buckets: Iterable[float]) -> Histogram:
            one = Histogram(
                f"{PREFIX}{name}", text, ["bot"], registry=self.registry, buckets=tuple(buckets)
            )
            return one.labels(labels.bot)

        self._read = histogram("balance_read_seconds", "How long a balance took.", READ_BUCKETS)
        self._skew = histogram("leg_skew_seconds", "Between an arbitrage's legs.", LEG_BUCKETS)
        self._trigger = histogram(
            "trigger_to_order_seconds", "From the plan of an arbitrage to its order.", LEG_BUCKETS
        )
        self._loop = histogram("loop_seconds", "The guard's own share of a loop.", LOOP_BUCKETS)

    def __call__(self, event: Event) -> None:
        if isinstance(event, LoopEnded):
            self._loop.observe(event.seconds)
        elif isinstance(event, BalanceRead | BalanceUnreadable):
            self._read.observe(event.seconds)
        elif isinstance(event, LegsSent):
            self._skew.observe(event.skew_seconds)
            self._trigger.observe(event.trigger_to_order_seconds)

    def start(self, address: str, port: int) -> int:
        """Listen; the port, which the system chooses where ``port`` is 0.

        :raises OSError: the address is not of this machine, or the port is in use
        """
        if port:
            _check_free(address, port)
        self._server, self._thread = start_http_server(port, address, self.registry)
        return int(self._server.server_port)

    def close(self) -> None:
        """Stop listening."""
        server, self._server = self._server, None
        if server is not None and self._thread is not None:
            server.shutdown()
            server.server_close()
            self._thread.join(timeout=2)


def _check_free(address: str, port: int) -> None:
    """:raises OSError: another program listens there; the server's own socket may share a port"""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((address, port))


class _BotCollector(Collector):
    """Reads everything but the histograms at the moment of a scrape."""

    def __init__(
        self, labels: BotLabels, count: Callable[[], dict[Key, int]], look: Callable[[], Figures]
    ) -> None:
        self._labels = labels
        self._count = count
        self._look = look

    def collect(self) -> Iterator[Metric]:
        yield self._info()
        yield from self._counters()
        try:
            figures = self._look()
        except Exception:
            # A metric that is absent is seen by alerts; one that is wrong is not.
            logger.exception("The gauges could not be read.")
            return
        yield from self._balances(figures.balances)
        yield from self._others(figures)

    def _info(self) -> Metric:
        labels = self._labels
        more = ["version", "freqtrade_version", "exchange", "mode", "stake_currency"]
        info = _gauge("info", "The guard is on.", ["account", *more])
        values = [str(getattr(labels, name)) for name in more]
        info.add_metric([labels.bot, labels.account, *values], 1)
        return info

    def _counters(self) -> Iterator[Metric]:
        shown = {(name, labels): 0 for name, rows in ALWAYS_SHOWN.items() for labels in rows}
        totals = {**shown, **self._count()}
        for name, (labels, text) in COUNTERS.items():
            family = CounterMetricFamily(PREFIX + name, text, labels=["bot", "account", *labels])
            for (metric, values), total in sorted(totals.items()):
                if metric == name:
                    family.add_metric([self._labels.bot, self._labels.account, *values], total)
            yield family

    def _balances(self, balances: Iterable[BalanceFigures]) -> Iterator[Metric]:
        where = ["account", "currency"]
        amounts = _gauge("balance", "Amounts in the currency, as believed now.", [*where, "kind"])
        age = _gauge("balance_age_seconds", "Since the belief was read.", where)
        verdict = _gauge("balance_verdict", "1 for the verdict that holds.", [*where, "verdict"])
        discrepancy = _gauge("balance_discrepancy_ratio", "|seen - expected| / expected.", where)
        utilization = _gauge("utilization_ratio", "(used + reserved) / total.", where)
        for one in balances:
            place = [self._labels.bot, one.account, one.currency]
            for kind, amount in one.kinds.items():
                amounts.add_metric([*place, kind], float(amount))
            if one.age_seconds is not None:
                age.add_metric(place, one.age_seconds)
            if one.verdict in set(Verdict):
                for name in Verdict:
                    verdict.add_metric([*place, str(name)], float(name == one.verdict))
            for family, ratio in ((discrepancy, one.discrepancy), (utilization, one.utilization)):
                if ratio is not None:
                    family.add_metric(place, float(ratio))
        yield from (amounts, age, verdict, discrepancy, utilization)

    def _others(self, figures: Figures) -> Iterator[Metric]:
        mine = [self._labels.bot, self._labels.account]
        reservations = _gauge("reservations", "Reservations without an end.", ["account", "state"])
        for state in UNFINISHED:
            number = figures.reservations.get(str(state), 0)
            reservations.add_metric([*mine, str(state)], number)
        unhedged = _gauge("unhedged_value", "Unhedged, in stake currency.", ["account", "venue"])
        for venue, value in sorted(figures.unhedged.items()):
            unhedged.add_metric([*mine, venue], float(value))
        profit = _gauge("arbitrage_profit", "Realised, in stake currency.", ["account"])
        profit.add_metric(mine, float(figures.arbitrage_profit))
        up = _gauge("ledger_up", "1 while the ledger can be used.", ["account"])
        up.add_metric(mine, float(figures.is_ledger_up))
        paused = _gauge("entries_paused", "1 while the user has paused entries.", ["account"])
        paused.add_metric(mine, float(figures.are_entries_paused))
        yield from (reservations, unhedged, profit, up, paused)


def _gauge(name: str, text: str, labels: list[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, text, labels=["bot", *labels])
