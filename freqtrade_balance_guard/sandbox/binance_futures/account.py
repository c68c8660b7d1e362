"""Balances, positions, incomes and fees of a futures account in Binance's words."""

from dataclasses import fields
from decimal import Decimal

from freqtrade_balance_guard.sandbox.binance.requests import (
    Query,
    market_id,
    milliseconds,
    number_text,
)
from freqtrade_balance_guard.sandbox.binance_futures.info import futures_of
from freqtrade_balance_guard.sandbox.core.assets import ZERO
from freqtrade_balance_guard.sandbox.engine.reported import (
    Balances,
    Cell,
    balance_faults,
    distorted,
    is_result_null,
    lag_of,
    note_reported,
    summed,
)
from freqtrade_balance_guard.sandbox.futures.margin import (
    WalletView,
    largest_notional,
    maintenance_of,
)
from freqtrade_balance_guard.sandbox.futures.positions import Position


# What a wrong or a negative total changes.
_TOTALS = frozenset({"wallet", "margin", "cross_wallet", "available"})


def account_v3(query: Query) -> object:
    """Wallets and open positions."""
    return _account(query, everything=False)


def account_v2(query: Query) -> object:
    """As v3, with the account's settings and all contracts, also those without a position."""
    return _account(query, everything=True)


def _account(query: Query, *, everything: bool) -> dict[str, object]:
    shown = _wallets(query)
    totals = shown or {}
    answer: dict[str, object] = {
        "totalInitialMargin": _total(totals, "initial"),
        "totalMaintMargin": _total(totals, "maintenance"),
        "totalWalletBalance": _total(totals, "wallet"),
        "totalUnrealizedProfit": _total(totals, "unrealized"),
        "totalMarginBalance": _total(totals, "margin"),
        "totalPositionInitialMargin": _total(totals, "position_initial"),
        "totalOpenOrderInitialMargin": _total(totals, "order_initial"),
        "totalCrossWalletBalance": _total(totals, "cross_wallet"),
        "totalCrossUnPnl": _total(totals, "cross_unrealized"),
        "availableBalance": _total(totals, "available"),
        "maxWithdrawAmount": _total(totals, "available"),
        "assets": None if shown is None else [_asset(query, c, e) for c, e in shown.items()],
        "positions": [_account_position(query, p) for p in _positions(query, everything)],
    }
    if everything:
        mode = futures_of(query.exchange).state.modes[query.account]
        answer |= {
            "feeTier": 0,
            "canTrade": True,
            "canDeposit": True,
            "canWithdraw": True,
            "updateTime": 0,
            "multiAssetsMargin": mode.multi_assets,
        }
    return answer


def balance(query: Query) -> object:
    shown = _wallets(query)
    if shown is None:
        return None
    return [
        {
            "accountAlias": "sandbox",
            "asset": coin,
            "balance": _text(entry["wallet"]),
            "crossWalletBalance": _text(entry["cross_wallet"]),
            "crossUnPnl": _text(entry["cross_unrealized"]),
            "availableBalance": _text(entry["available"]),
            "maxWithdrawAmount": _text(entry["available"]),
            "marginAvailable": True,
            "updateTime": milliseconds(query.exchange.now()),
        }
        for coin, entry in shown.items()
    ]


def _wallets(query: Query) -> Balances | None:
    """The wallets through all faults that meet the call: a lag first, then the others as set."""
    exchange, futures = query.exchange, futures_of(query.exchange)
    active = balance_faults(exchange, query.call)
    lag = lag_of(active)
    now = exchange.now()
    if lag is None:
        wallets = futures.wallets(query.account, now)
    else:
        wallets = futures.wallets_before(query.account, lag.seconds or 0.0, now)
    true: Balances = {coin: _cells(view) for coin, view in sorted(wallets.items())}
    shown = distorted(true, active, lambda code: (code,), _TOTALS)
    summary = {
        coin: {
            "total": summed([entry["margin"]]),
            "held": summed([entry["initial"]]),
            "free": summed([entry["available"]]),
        }
        for coin, entry in shown.items()
    }
    note_reported(exchange, query.call, active, summary)
    return None if is_result_null(active) else shown


def _cells(view: WalletView) -> dict[str, Cell]:
    exact = view.rounded()
    cells: dict[str, Cell] = {each.name: getattr(exact, each.name) for each in fields(exact)}
    return cells | {
        "margin": exact.wallet + exact.unrealized,
        "initial": exact.position_initial + exact.order_initial,
        "available": max(exact.available, ZERO),
    }


def _asset(query: Query, coin: str, entry: dict[str, Cell]) -> dict[str, object]:
    return {
        "asset": coin,
        "walletBalance": _text(entry["wallet"]),
        "unrealizedProfit": _text(entry["unrealized"]),
        "marginBalance": _text(entry["margin"]),
        "maintMargin": _text(entry["maintenance"]),
        "initialMargin": _text(entry["initial"]),
        "positionInitialMargin": _text(entry["position_initial"]),
        "openOrderInitialMargin": _text(entry["order_initial"]),
        "crossWalletBalance": _text(entry["cross_wallet"]),
        "crossUnPnl": _text(entry["cross_unrealized"]),
        "availableBalance": _text(entry["available"]),
        "maxWithdrawAmount": _text(entry["available"]),
        "marginAvailable": True,
        "updateTime": milliseconds(query.exchange.now()),
    }


def _total(shown: Balances, name: str) -> str | None:
    cells = [entry[name] for entry in shown.values()]
    if all(isinstance(cell, Decimal) for cell in cells):
        return number_text(sum((c for c in cells if isinstance(c, Decimal)), ZERO))
    return next(cell for cell in cells if not isinstance(cell, Decimal))


def _text(cell: Cell) -> str | None:
    return cell if cell is None or isinstance(cell, str) else number_text(cell)


def _positions(query: Query, everything: bool) -> list[Position]:
    state = futures_of(query.exchange).state
    symbol = query.market().rules.symbol if query.params.get("symbol") else None
    if not everything:
        return state.positions(query.account, symbol)
    return [
        state.position(query.account, each, side)
        for each in query.exchange.markets
        if symbol in (None, each)
        for side in state.sides(query.account)
    ]


def position_risk_v3(query: Query) -> object:
    """Open positions alone."""
    return [_risk(query, position) for position in _positions(query, everything=False)]


def position_risk_v2(query: Query) -> object:
    """All contracts, with margin type and leverage."""
    state = futures_of(query.exchange).state
    rows = []
    for position in _positions(query, everything=True):
        settings = state.settings(query.account, position.symbol)
        rules = query.exchange.markets[position.symbol].rules
        rows.append(
            {
                **_risk(query, position),
                "marginType": settings.margin_mode,
                "isAutoAddMargin": "false",
                "leverage": str(settings.leverage),
                "maxNotionalValue": f"{largest_notional(rules, settings.leverage):f}",
            }
        )
    return rows


def _risk(query: Query, position: Position) -> dict[str, object]:
    exchange, futures = query.exchange, futures_of(query.exchange)
    now, market = exchange.now(), exchange.markets[position.symbol]
    mark = market.mark_price(now)
    return {
        **_margins(query, position),
        "entryPrice": number_text(position.entry_price),
        "breakEvenPrice": number_text(position.entry_price),
        "markPrice": number_text(mark),
        "unRealizedProfit": number_text(position.unrealized(mark)),
        "liquidationPrice": number_text(futures.clearing.margins.liquidation_price(position, now)),
        "marginAsset": position.symbol.partition(":")[2],
        "adl": 0,
    }


def _account_position(query: Query, position: Position) -> dict[str, object]:
    exchange = query.exchange
    mark = exchange.markets[position.symbol].mark_price(exchange.now())
    settings = futures_of(exchange).state.settings(position.account, position.symbol)
    return {
        **_margins(query, position),
        "unrealizedProfit": number_text(position.unrealized(mark)),
        "entryPrice": number_text(position.entry_price),
        "leverage": str(settings.leverage),
        "isolated": settings.margin_mode == "isolated",
    }


def _margins(query: Query, position: Position) -> dict[str, object]:
    exchange = query.exchange
    market = exchange.markets[position.symbol]
    state = futures_of(exchange).state
    settings = state.settings(position.account, position.symbol)
    mark = market.mark_price(exchange.now())
    notional = position.notional(mark)
    initial = abs(notional) / settings.leverage
    isolated = position.isolated_wallet
    return {
        "symbol": market_id(position.symbol),
        "positionSide": position.side,
        "positionAmt": number_text(position.amount, market.rules.amount_decimals),
        "notional": number_text(notional),
        "isolatedMargin": number_text(isolated + position.unrealized(mark) if isolated else ZERO),
        "isolatedWallet": number_text(isolated),
        "initialMargin": number_text(initial),
        "maintMargin": number_text(maintenance_of(market.rules, abs(notional))),
        "positionInitialMargin": number_text(initial),
        "openOrderInitialMargin": number_text(ZERO),
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": milliseconds(position.updated_at),
    }


def incomes(query: Query) -> object:
    """Profits, fees, funding: of one kind and contract if asked, oldest first."""
    kind = query.params.get("incomeType")
    symbol = query.market().rules.symbol if query.params.get("symbol") else None
    start, end = query.integer("startTime"), query.integer("endTime")
    found = [
        {
            "symbol": market_id(income.symbol),
            "incomeType": income.kind,
            "income": number_text(income.amount),
            "asset": income.coin,
            "time": milliseconds(income.at),
            "info": income.kind,
            "tranId": income.number,
            "tradeId": "",
        }
        for income in futures_of(query.exchange).state.incomes
        if income.account == query.account
        and kind in (None, "", income.kind)
        and symbol in (None, income.symbol)
        and (start is None or income.at * 1000 >= start)
        and (end is None or income.at * 1000 <= end)
    ]
    count = query.page(100)
    return found[:count] if start is not None else found[-count:]


def commission_rate(query: Query) -> object:
    market = query.market()
    return {
        "symbol": market_id(market.rules.symbol),
        "makerCommissionRate": f"{market.rules.fee_maker:f}",
        "takerCommissionRate": f"{market.rules.fee_taker:f}",
    }
