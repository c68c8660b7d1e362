"""Binance's USDT-M futures protocol as a table of routes."""

from freqtrade_balance_guard.sandbox.binance import market_data
from freqtrade_balance_guard.sandbox.binance.dialect import WALLET_ROUTES, BinanceDialect
from freqtrade_balance_guard.sandbox.binance.errors import FUTURES_WORDS, BinanceError
from freqtrade_balance_guard.sandbox.binance.requests import Route, Routes, public
from freqtrade_balance_guard.sandbox.binance_futures import account, info, orders, settings, stops
from freqtrade_balance_guard.sandbox.core.assets import plain
from freqtrade_balance_guard.sandbox.core.orders import Reason, Rejected
from freqtrade_balance_guard.sandbox.engine.wire import ProtocolError


FUTURES_ROUTES: Routes = {
    ("GET", "/fapi/v1/ping"): public(market_data.ping),
    ("GET", "/fapi/v1/time"): public(market_data.server_time),
    ("GET", "/fapi/v1/exchangeInfo"): public(info.exchange_info),
    ("GET", "/fapi/v1/depth"): public(market_data.depth, "book"),
    ("GET", "/fapi/v1/trades"): public(market_data.trades),
    ("GET", "/fapi/v1/historicalTrades"): public(market_data.trades),
    ("GET", "/fapi/v1/aggTrades"): public(market_data.aggregated_trades),
    ("GET", "/fapi/v1/klines"): public(market_data.klines),
    ("GET", "/fapi/v1/markPriceKlines"): public(market_data.mark_klines),
    ("GET", "/fapi/v1/indexPriceKlines"): public(market_data.index_klines),
    ("GET", "/fapi/v1/premiumIndex"): public(info.premium_index),
    ("GET", "/fapi/v1/fundingRate"): public(info.funding_rates),
    ("GET", "/fapi/v1/fundingInfo"): public(info.funding_info),
    ("GET", "/fapi/v1/ticker/24hr"): public(info.day_ticker),
    ("GET", "/fapi/v1/ticker/price"): public(market_data.price_ticker),
    ("GET", "/fapi/v2/ticker/price"): public(market_data.price_ticker),
    ("GET", "/fapi/v1/ticker/bookTicker"): public(market_data.book_ticker),
    ("GET", "/fapi/v2/account"): Route(account.account_v2, "balance"),
    ("GET", "/fapi/v3/account"): Route(account.account_v3, "balance"),
    ("GET", "/fapi/v2/balance"): Route(account.balance, "balance"),
    ("GET", "/fapi/v3/balance"): Route(account.balance, "balance"),
    ("GET", "/fapi/v2/positionRisk"): Route(account.position_risk_v2),
    ("GET", "/fapi/v3/positionRisk"): Route(account.position_risk_v3),
    ("GET", "/fapi/v1/income"): Route(account.incomes),
    ("GET", "/fapi/v1/commissionRate"): Route(account.commission_rate),
    ("GET", "/fapi/v1/leverageBracket"): Route(info.brackets),
    ("POST", "/fapi/v1/order"): Route(orders.new_order, "place"),
    ("GET", "/fapi/v1/order"): Route(orders.get_order, "find"),
    ("DELETE", "/fapi/v1/order"): Route(orders.cancel_order, "cancel"),
    ("GET", "/fapi/v1/openOrder"): Route(orders.get_open_order, "find"),
    ("GET", "/fapi/v1/openOrders"): Route(orders.open_orders, "list"),
    ("DELETE", "/fapi/v1/allOpenOrders"): Route(orders.cancel_all, "cancel"),
    ("GET", "/fapi/v1/allOrders"): Route(orders.all_orders, "list"),
    ("GET", "/fapi/v1/userTrades"): Route(orders.user_trades),
    ("POST", "/fapi/v1/algoOrder"): Route(stops.new_stop, "place"),
    ("GET", "/fapi/v1/algoOrder"): Route(stops.get_stop, "find"),
    ("DELETE", "/fapi/v1/algoOrder"): Route(stops.cancel_stop, "cancel"),
    ("GET", "/fapi/v1/openAlgoOrders"): Route(stops.open_stops, "list"),
    ("DELETE", "/fapi/v1/algoOpenOrders"): Route(stops.cancel_all, "cancel"),
    ("GET", "/fapi/v1/allAlgoOrders"): Route(stops.all_stops, "list"),
    ("POST", "/fapi/v1/leverage"): Route(settings.set_leverage),
    ("POST", "/fapi/v1/marginType"): Route(settings.set_margin_type),
    ("POST", "/fapi/v1/positionMargin"): Route(settings.change_position_margin),
    ("GET", "/fapi/v1/positionSide/dual"): Route(settings.position_mode),
    ("POST", "/fapi/v1/positionSide/dual"): Route(settings.set_position_mode),
    ("GET", "/fapi/v1/multiAssetsMargin"): Route(settings.asset_mode),
    ("POST", "/fapi/v1/multiAssetsMargin"): Route(settings.set_asset_mode),
    ("GET", "/fapi/v1/accountConfig"): Route(settings.account_config),
    ("GET", "/fapi/v1/symbolConfig"): Route(settings.symbol_config),
    ("POST", "/fapi/v1/listenKey"): Route(settings.listen_key, signed=False),
    ("PUT", "/fapi/v1/listenKey"): Route(settings.listen_key, signed=False),
    **WALLET_ROUTES,
}


class FuturesDialect(BinanceDialect):
    """Binance's USDT-M futures API."""

    routes = FUTURES_ROUTES
    words = FUTURES_WORDS
    insufficient = -2019

    def in_words(self, rejected: Rejected) -> ProtocolError:
        """A contract's minimum value stands in the text of -4164."""
        if rejected.reason is not Reason.COST_TOO_SMALL:
            return super().in_words(rejected)
        smallest = self._exchange.markets[rejected.symbol].rules.cost_min
        return BinanceError(
            -4164,
            f"Order's notional must be no smaller than {plain(smallest)} "
            "(unless you choose reduce only).",
        )
