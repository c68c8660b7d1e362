"""Two legs on one exchange: buys bitcoin for USDT and sells it for dollars, and the way back.

    freqtrade trade -c user_data/config-two-quotes.json --strategy TwoQuotes

Both legs are on the bot's own exchange ("bot"), one after the other, for they have one key. The
account holds bitcoin besides USDT: what is sold for dollars comes from there, what is bought for
USDT becomes a trade of freqtrade's. The other way round there would be no trade (freqtrade buys in
stake currency only), so that direction is left to the close.
An example to read, not a way to make money.
"""

from datetime import timedelta

from freqtrade.strategy import IStrategy

from freqtrade_balance_guard import ReservedArbitrage, best_opportunity


class TwoQuotes(ReservedArbitrage, IStrategy):
    """The prices are compared in USDT, at the price of the dollar on the same exchange."""

    pairs = ("BTC/USDT", "BTC/USD")  # the first one is bought
    size = 200  # of one arbitrage, in stake currency
    open_at = 0.5  # percent that must be left after the fees of opening
    close_at = -0.2  # percent that closing may cost, fees included; the rest is the profit
    patience = timedelta(hours=12)

    def watched_books(self):
        return [("bot", pair) for pair in self.pairs]

    def on_books(self, books, *, changed, **kwargs):
        tether, dollar = (books.get(("bot", pair)) for pair in self.pairs)
        if tether is None or dollar is None:
            return None  # one of them must not be acted on now
        amount = self.size / tether.asks[0][0]
        found = best_opportunity(tether, dollar, amount, min_profit_percent=self.open_at)
        is_that_way = found is not None and found.first.pair == self.pairs[0]
        return found if is_that_way else None

    def should_close_arbitrage(self, trade, current_time, **kwargs):
        if current_time - trade.open_date_utc > self.patience:
            return "too old"
        tether, dollar = self.order_books(*(("bot", pair) for pair in self.pairs))
        back = best_opportunity(dollar, tether, trade.amount, min_profit_percent=self.close_at)
        is_whole = back is not None and float(back.first.amount) >= trade.amount
        return "prices met" if is_whole and back.first.pair == self.pairs[1] else None
