"""What Prometheus gets: every row of the documentation, read at the moment of a scrape."""

import re
import socket
from collections.abc import Iterator
from decimal import Decimal
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from freqtrade_balance_guard.arbitrage.events import LegsSent
from freqtrade_balance_guard.events import BalanceRead, BalanceUnreadable, LoopEnded
from freqtrade_balance_guard.monitoring.metrics.counting import COUNTERS
from freqtrade_balance_guard.monitoring.metrics.figures import BalanceFigures, Figures
from freqtrade_balance_guard.monitoring.metrics.server import BotLabels, MetricsServer


D = Decimal
LABELS = BotLabels("bot-1", "kraken", "0.2.0", "2026.9", "kraken", "live", "USDT")

# Every row of the list of metrics: its type and its labels beyond `bot`.
ROWS = {
    "info": (
        "gauge",
        {"account", "version", "freqtrade_version", "exchange", "mode", "stake_currency"},
    ),
    "balance": ("gauge", {"account", "currency", "kind"}),
    "balance_age_seconds": ("gauge", {"account", "currency"}),
    "balance_verdict": ("gauge", {"account", "currency", "verdict"}),
    "balance_discrepancy_ratio": ("gauge", {"account", "currency"}),
    "balance_reads": ("counter", {"account", "reason", "result"}),
    "balance_read_seconds": ("histogram", set()),
    "cache_lookups": ("counter", {"account", "result"}),
    "external_changes": ("counter", {"account", "currency", "direction"}),
    "entries": ("counter", {"account", "decision", "code"}),
    "exits": ("counter", {"account", "result"}),
    "orders": ("counter", {"account", "purpose", "result"}),
    "rejections": ("counter", {"account", "reason"}),
    "reservations": ("gauge", {"account", "state"}),
    "utilization_ratio": ("gauge", {"account", "currency"}),
    "rebalance_attempts": ("counter", {"account", "result"}),
    "arbitrages": ("counter", {"account", "result"}),
    "unhedged_value": ("gauge", {"account", "venue"}),
    "leg_skew_seconds": ("histogram", set()),
    "trigger_to_order_seconds": ("histogram", set()),
    "arbitrage_profit": ("gauge", {"account"}),
    "ledger_up": ("gauge", {"account"}),
    "entries_paused": ("gauge", {"account"}),
    "loop_seconds": ("histogram", set()),
}
BALANCE = BalanceFigures(
    *("kraken", "USDT", D(100), D(70), D(30), D(5), D(15), D(10), D(110), D(40), D(99)),
    verdict="lagging",
    age_seconds=2.5,
)
FIGURES = Figures((BALANCE,), {"open": 2}, {"bot": D("12.5")}, D("-1.5"), False, True)


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    totals = {
        (name, tuple(f"a {label}" for label in labels)): number
        for number, (name, (labels, _)) in enumerate(COUNTERS.items(), start=1)
    }
    one = MetricsServer(LABELS, lambda: totals, lambda: FIGURES)
    for event in (LoopEnded(0.002), BalanceRead("x", 0.2), BalanceUnreadable("x", "y", 4.0)):
        one(event)
    one(LegsSent(1, 0.02, 0.003))
    yield one
    one.close()


def scrape(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


def samples(text: str) -> dict[str, float]:
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def test_every_row_is_there_with_its_type_and_labels_and_no_other(server) -> None:
    families = {
        family.name.removeprefix("balance_guard_"): family
        for family in text_string_to_metric_families(scrape(server.start("127.0.0.1", 0)))
        if not family.name.endswith("_created")
    }
    assert set(families) == set(ROWS)
    for name, (kind, labels) in ROWS.items():
        family = families[name]
        assert family.type == kind, name
        assert family.samples, name
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == {"bot"} | labels, sample


def test_names_and_units_are_those_that_prometheus_asks_for(server) -> None:
    for family in text_string_to_metric_families(scrape(server.start("127.0.0.1", 0))):
        assert re.fullmatch(r"balance_guard_[a-z]+(_[a-z]+)*", family.name)
        assert family.documentation.endswith("."), family.name
        totals = [sample for sample in family.samples if sample.name.endswith("_total")]
        assert bool(totals) == (family.type == "counter"), family.name


def test_the_numbers_are_those_of_the_moment(server) -> None:
    found = samples(scrape(server.start("127.0.0.1", 0)))
    place = "account=kraken,bot=bot-1,currency=USDT"
    kinds = {"total": 100, "free": 70, "used": 30, "reserved_own": 5, "reserved_others": 15,
             "floor": 10, "expected": 110, "available": 40}  # fmt: skip
    for kind, amount in kinds.items():
        assert found[f"balance_guard_balance{{{place},kind={kind}}}"] == amount
    assert found[f"balance_guard_balance_age_seconds{{{place}}}"] == 2.5
    assert found[f"balance_guard_balance_verdict{{{place},verdict=lagging}}"] == 1
    assert found[f"balance_guard_balance_verdict{{{place},verdict=confirmed}}"] == 0
    assert found[f"balance_guard_balance_discrepancy_ratio{{{place}}}"] == pytest.approx(0.1)
    assert found[f"balance_guard_utilization_ratio{{{place}}}"] == 0.5
    mine = "account=kraken,bot=bot-1"
    assert found[f"balance_guard_reservations{{{mine},state=open}}"] == 2
    assert found[f"balance_guard_reservations{{{mine},state=in_flight}}"] == 0
    assert found[f"balance_guard_unhedged_value{{{mine},venue=bot}}"] == 12.5
    assert found[f"balance_guard_arbitrage_profit{{{mine}}}"] == -1.5
    assert found[f"balance_guard_ledger_up{{{mine}}}"] == 0
    assert found[f"balance_guard_entries_paused{{{mine}}}"] == 1
    assert found["balance_guard_balance_read_seconds_count{bot=bot-1}"] == 2
    assert found["balance_guard_balance_read_seconds_sum{bot=bot-1}"] == pytest.approx(4.2)
    assert found["balance_guard_loop_seconds_bucket{bot=bot-1,le=0.0025}"] == 1
    assert found["balance_guard_leg_skew_seconds_sum{bot=bot-1}"] == 0.003
    assert found["balance_guard_trigger_to_order_seconds_sum{bot=bot-1}"] == 0.02
    for number, (name, (labels, _)) in enumerate(COUNTERS.items(), start=1):
        shown = {"account": "kraken", "bot": "bot-1", **{one: f"a {one}" for one in labels}}
        text = ",".join(f"{k}={v}" for k, v in sorted(shown.items()))
        assert found[f"balance_guard_{name}_total{{{text}}}"] == number


def test_gauges_that_cannot_be_read_are_absent_and_counters_are_there(caplog) -> None:
    def look() -> Figures:
        raise OSError("the disk is gone")

    one = MetricsServer(LABELS, lambda: {("exits", ("sent",)): 7}, look)
    try:
        found = samples(scrape(one.start("127.0.0.1", 0)))
    finally:
        one.close()
    assert found["balance_guard_exits_total{account=kraken,bot=bot-1,result=sent}"] == 7
    assert not any("ledger_up" in name for name in found)


def test_a_port_in_use_is_an_error_at_once_and_a_closed_server_gives_its_port_back(server) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError):
            server.start("127.0.0.1", taken.getsockname()[1])
    port = server.start("127.0.0.1", 0)
    other = MetricsServer(LABELS, dict, Figures)
    with pytest.raises(OSError):
        other.start("127.0.0.1", port)
    server.close()
    assert other.start("127.0.0.1", port) == port
    other.close()
    other.close()


def test_a_share_of_nothing_is_zero_and_a_discrepancy_without_expectation_is_whole() -> None:
    nothing = BalanceFigures("a", "X", total=D(0), used=D(0), expected=D(0), seen=D(0))
    assert (nothing.utilization, nothing.discrepancy) == (0, 0)
    found = BalanceFigures("a", "X", total=D(0), used=D(0), expected=D(0), seen=D(3))
    assert found.discrepancy == 1
    unknown = BalanceFigures("a", "X")
    assert (unknown.utilization, unknown.discrepancy) == (None, None)
