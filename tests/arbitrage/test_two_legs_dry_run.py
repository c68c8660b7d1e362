"""Dry-run: real order books, simulated orders, and money that the ledger remembers."""

from decimal import Decimal

from freqtrade_balance_guard.arbitrage.leg import Leg, Opportunity
from freqtrade_balance_guard.arbitrage.planning.dry_wallet import DryWallet
from freqtrade_balance_guard.arbitrage.states import ArbitrageState
from freqtrade_balance_guard.ledger import open_ledger
from tests.support.two_sandboxes import PAIR, two_sandboxes


D = Decimal


def test_nothing_is_sent_and_the_wallets_follow(tmp_path):
    with two_sandboxes(tmp_path, dry_run=True, max_unhedged=0) as world:
        assert world.venues["cheap"].account == "cheap-dry"
        buy = Leg("cheap", PAIR, "buy", D("0.1"))
        sell = Leg("dear", PAIR, "sell", D("0.1"))
        ended = world.executor.execute(Opportunity(buy, sell))
        assert ended.state is ArbitrageState.HEDGED, ended
        assert world.cheap.control.orders() == world.dear.control.orders() == []
        cheap, dear = (world.venues[name].balances() for name in ("cheap", "dear"))
        assert (cheap["ETH"], dear["ETH"]) == (D("2.1"), D("1.9"))
        assert D(745) < cheap["USDT"] < D(750) and D(1250) < dear["USDT"] < D(1256)
        # What was spent is spent: 0.3 ETH more cannot be paid here, and both legs stay at home.
        more = Opportunity(Leg("cheap", PAIR, "buy", D("0.3")), Leg("dear", PAIR, "sell", D("0.3")))
        denied = world.executor.execute(more)
        assert (denied.code, denied.venue) == ("insufficient_available", "cheap")
        assert world.ledger.unfinished() == []
        # Another run knows it from the ledger.
        url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
        next_run = open_ledger(url, bot="bot", account="a")
        wallet = DryWallet("cheap-dry", next_run, {"USDT": D(1000), "ETH": D(2)})
        assert wallet.balances() == cheap
        next_run.close()
