"""Two legs on two exchanges: buys a coin where it is cheaper and sells it where it is dearer.

    freqtrade trade -c user_data/config-two-sandboxes.json --strategy CrossExchange

There is money and coin on both exchanges ("bot" is the bot's own, "second" stands in ``venues``).
Bought here and sold there, an arbitrage is a trade of freqtrade's: it is open until the prices have
come together again, and both legs are closed. Bought there and sold here it is no trade: the
inventory has changed places, and what is left over is the profit.
An example to read, not a way to make money.
"""

from datetime import timedelta

from freqtrade.strategy import IStrategy

from freqtrade_balance_guard import ReservedArbitrage, best_opportunity


class CrossExchange(ReservedArbitrage, IStrategy):
    """Prices must be apart by what opening and closing costs, and something more."""

    venues = ("bot", "second")
    size = 200  # of one arbitrage, in stake currency
    open_at = 0.5  # percent that must be left after the fees of opening
    close_at = -0.2  # percent that closing may cost, fees included; the rest is the profit
    patience = timedelta(hours=12)

    def watched_books(self):
        return [(venue, pair) for pair in self.dp.current_whitelist() for venue in self.venues]

    def on_books(self, books, *, changed, **kwargs):
        for pair in {pair for _, pair in changed}:
            here, there = (books.get((venue, pair)) for venue in self.venues)
            if here is None or there is None:
                continue  # one of them must not be acted on now
            amount = self.size / here.asks[0][0]
            found = best_opportunity(here, there, amount, min_profit_percent=self.open_at)
            if found is not None:
                yield found

    def should_close_arbitrage(self, trade, current_time, **kwargs):
        if current_time - trade.open_date_utc > self.patience:
            return "too old"
        here, there = self.order_books(("bot", trade.pair), ("second", trade.pair))
        back = best_opportunity(there, here, trade.amount, min_profit_percent=self.close_at)
        is_whole = back is not None and float(back.first.amount) >= trade.amount
        return "prices met" if is_whole and back.first.venue == "second" else None
