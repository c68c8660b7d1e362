"""What kind of account a futures bot trades on, from the exchange's own answers, and what to do.

``QUESTIONS`` says what is asked of which exchange; ``findings`` judges the answers. Sources: the
exchanges' documentation of these requests, and what freqtrade 2026.9 demands or assumes.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from freqtrade_balance_guard.console.config_check import Finding, Level
from freqtrade_balance_guard.exchanges.names import protocol_of


@dataclass(frozen=True, slots=True)
class Question:
    """One private request: ``method`` is ccxt's name for it."""

    name: str
    method: str
    params: Mapping[str, Any] = field(default_factory=dict)


QUESTIONS: Mapping[str, tuple[Question, ...]] = {
    "binance": (
        Question("position_mode", "fapiPrivateGetPositionSideDual"),
        Question("asset_mode", "fapiPrivateGetMultiAssetsMargin"),
        Question("portfolio", "sapiGetAccountInfo"),
    ),
    "okx": (Question("config", "privateGetAccountConfig"),),
    "bybit": (
        Question("account", "privateGetV5AccountInfo"),
        Question(
            "positions", "privateGetV5PositionList", {"category": "linear", "settleCoin": "USDT"}
        ),
    ),
    "gate": (
        Question("account", "privateFuturesGetSettleAccounts", {"settle": "usdt"}),
        Question("unified", "privateUnifiedGetUnifiedMode"),
    ),
    "bitget": (
        Question(
            "account",
            "privateMixGetV2MixAccountAccount",
            {"symbol": "BTCUSDT", "productType": "USDT-FUTURES", "marginCoin": "USDT"},
        ),
    ),
    "hyperliquid": (
        Question("role", "publicPostInfo", {"type": "userRole"}),
        Question("abstraction", "publicPostInfo", {"type": "userAbstraction"}),
    ),
    "krakenfutures": (Question("accounts", "privateGetAccounts"),),
}
WALLET_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


@dataclass(frozen=True, slots=True)
class AccountMode:
    """What the answers say; empty where they do not.

    ``positions``: "one-way" or "hedge". ``assets``: "single" or "multi". ``kind``: "classic",
    "unified" or "portfolio". ``margin``: "isolated" or "cross" where the account sets it for all.
    """

    positions: str = ""
    assets: str = ""
    kind: str = ""
    margin: str = ""
    owner: str = ""

    def __str__(self) -> str:
        named = (
            ("position mode", self.positions),
            ("asset mode", self.assets),
            ("account", self.kind),
            ("margin mode", self.margin),
            ("owner", self.owner),
        )
        return ", ".join(f"{name} {value}" for name, value in named if value) or "nothing known"


def is_known(exchange: str) -> bool:
    """Whether this exchange can be asked for its account's mode."""
    return protocol_of(exchange) in QUESTIONS


def questions(exchange: str, wallet_address: str = "") -> list[Question]:
    """What to ask ``exchange``; a wallet's address is a part of some."""
    name = protocol_of(exchange)
    asked = list(QUESTIONS.get(name, ()))
    if name == "hyperliquid":
        more = {"user": wallet_address}
        asked = [Question(one.name, one.method, {**one.params, **more}) for one in asked]
    return asked


def read_mode(exchange: str, answers: Mapping[str, Any]) -> AccountMode:
    """The account's mode; answers that are missing or of another shape say nothing."""
    read = _READERS.get(protocol_of(exchange))
    return AccountMode() if read is None else read(answers)


def _at(answers: Any, *path: str | int) -> Any:
    for step in path:
        try:
            answers = answers[step]
        except (KeyError, IndexError, TypeError):
            return None
    return answers


def _named(answer: Mapping[str, Any], key: str, **names: str) -> str:
    """Our name for what an exchange says under ``key``; empty for anything else."""
    return names.get(str(answer.get(key)), "")


def _yes(value: object) -> bool | None:
    """True and false as JSON or as a text; None where nothing is said."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(str(value).lower())


def _binance(answers: Mapping[str, Any]) -> AccountMode:
    hedge = _yes(_at(answers, "position_mode", "dualSidePosition"))
    multi = _yes(_at(answers, "asset_mode", "multiAssetsMargin"))
    portfolio = _yes(_at(answers, "portfolio", "isPortfolioMarginRetailEnabled"))
    return AccountMode(
        positions="" if hedge is None else "hedge" if hedge else "one-way",
        assets="" if multi is None else "multi" if multi else "single",
        kind="portfolio" if portfolio else "classic" if portfolio is not None else "",
    )


def _okx(answers: Mapping[str, Any]) -> AccountMode:
    config = _at(answers, "config", "data", 0) or {}
    level = str(config.get("acctLv") or "")
    return AccountMode(
        positions=_named(config, "posMode", net_mode="one-way", long_short_mode="hedge"),
        assets="" if not level else "multi" if level in "34" else "single",
        kind={"1": "spot only", "2": "unified", "3": "unified", "4": "portfolio"}.get(level, ""),
        owner=_owner(config.get("uid"), config.get("mainUid")),
    )


def _owner(uid: object, main: object) -> str:
    if not uid or not main:
        return ""
    return "main account" if uid == main else "subaccount"


def _bybit(answers: Mapping[str, Any]) -> AccountMode:
    result = _at(answers, "account", "result") or {}
    status = str(result.get("unifiedMarginStatus") or "")
    margin = str(result.get("marginMode") or "")
    indexes = {
        str(one.get("positionIdx")) for one in _at(answers, "positions", "result", "list") or []
    }
    kind = {"1": "classic"}.get(status, "unified" if status else "")
    return AccountMode(
        positions="hedge" if indexes & {"1", "2"} else "one-way" if indexes else "",
        kind="portfolio" if margin == "PORTFOLIO_MARGIN" else kind,
        margin={"ISOLATED_MARGIN": "isolated", "REGULAR_MARGIN": "cross"}.get(margin, ""),
    )


def _gate(answers: Mapping[str, Any]) -> AccountMode:
    account = answers.get("account") or {}
    dual = _yes(_at(account, "in_dual_mode"))
    mode = str(_at(answers, "unified", "mode") or "")
    return AccountMode(
        positions="" if dual is None else "hedge" if dual else "one-way",
        assets={"multi_currency": "multi", "single_currency": "single"}.get(mode, ""),
        kind={"classic": "classic", "portfolio": "portfolio"}.get(mode, "unified" if mode else ""),
    )


def _bitget(answers: Mapping[str, Any]) -> AccountMode:
    data = _at(answers, "account", "data") or {}
    return AccountMode(
        positions=_named(data, "posMode", one_way_mode="one-way", hedge_mode="hedge"),
        assets=_named(data, "assetMode", single="single", union="multi"),
        margin=_named(data, "marginMode", crossed="cross", isolated="isolated"),
        kind="classic" if data.get("posMode") else "",
    )


def _hyperliquid(answers: Mapping[str, Any]) -> AccountMode:
    abstraction = str(answers.get("abstraction") or "").strip('"')
    kinds = {"unifiedAccount": "unified", "portfolioMargin": "portfolio"}
    role = str(_at(answers, "role", "role") or "")
    return AccountMode(
        positions="one-way",
        kind=kinds.get(abstraction, "classic" if abstraction else ""),
        owner={"user": "main account", "subAccount": "subaccount", "agent": "API wallet"}.get(
            role, role
        ),
    )


def _krakenfutures(answers: Mapping[str, Any]) -> AccountMode:
    accounts = _at(answers, "accounts", "accounts")
    has_flex = isinstance(accounts, Mapping) and "flex" in accounts
    return AccountMode(positions="one-way", assets="multi" if has_flex else "")


_READERS: Mapping[str, Callable[[Mapping[str, Any]], AccountMode]] = {
    "binance": _binance,
    "okx": _okx,
    "bybit": _bybit,
    "gate": _gate,
    "bitget": _bitget,
    "hyperliquid": _hyperliquid,
    "krakenfutures": _krakenfutures,
}

# Where freqtrade does not start in the wrong position mode, or sets the right one itself.
_STARTS_ONLY_ONE_WAY = frozenset({"binance"})
_SETS_ONE_WAY = frozenset({"bybit", "bitget"})


def findings(
    exchange: str, mode: AccountMode, *, margin_mode: str, wallet_address: str | None = None
) -> Iterator[Finding]:
    """What stands in the way of a futures bot, and one note that names the mode.

    :param margin_mode: of the config
    :param wallet_address: of the config; None where the exchange wants none
    """
    name = protocol_of(exchange)
    yield Finding(
        Level.NOTE, "account_mode", f"{exchange}: {mode}.", "nothing to do if that is meant"
    )
    if mode.positions == "hedge":
        yield _hedge(name, exchange)
    if mode.assets == "multi":
        yield from _multi_assets(name, exchange, margin_mode)
    if mode.kind == "portfolio":
        yield Finding(
            Level.ERROR,
            "portfolio_margin",
            f"{exchange} has a portfolio margin account: freqtrade does not trade there, margins "
            "and liquidation prices are computed otherwise.",
            "use a classic or unified account, best a subaccount",
        )
    if mode.kind == "unified":
        yield Finding(
            Level.WARNING,
            "unified_account",
            f"{exchange} has one purse for spot and futures: whatever else trades there spends the "
            "bot's margin.",
            "give each bot a subaccount, or the same balance_guard.ledger.account to all of them",
        )
    if mode.kind == "spot only":
        yield Finding(
            Level.ERROR,
            "spot_account",
            f"The account mode of {exchange} does not allow futures.",
            "choose futures mode (single-currency margin) in the exchange's settings",
        )
    if mode.margin and margin_mode and mode.margin != margin_mode:
        yield Finding(
            Level.WARNING,
            "margin_mode_differs",
            f"The account is in {mode.margin} margin, margin_mode of the config is {margin_mode}.",
            "make both the same; freqtrade may not be able to change it while positions are open",
        )
    yield from _wallet(exchange, mode, wallet_address)


def _hedge(name: str, exchange: str) -> Finding:
    if name in _SETS_ONE_WAY:
        return Finding(
            Level.WARNING,
            "hedge_mode",
            f"{exchange} is in hedge mode; freqtrade sets the one-way mode at its start, which "
            "fails while positions or orders are open.",
            "close everything and choose one-way mode",
        )
    if name == "okx":
        return Finding(
            Level.WARNING,
            "hedge_mode",
            "okx is in long/short mode: freqtrade trades in it, but a position by hand of the "
            "other side stays unnoticed.",
            "choose net mode in the account's settings",
        )
    why = "freqtrade does not start" if name in _STARTS_ONLY_ONE_WAY else "orders are rejected"
    return Finding(
        Level.ERROR,
        "hedge_mode",
        f"{exchange} is in hedge mode: {why}.",
        "close all positions and choose one-way mode in the settings of its futures",
    )


def _multi_assets(name: str, exchange: str, margin_mode: str) -> Iterator[Finding]:
    if name == "binance" and margin_mode != "cross":
        yield Finding(
            Level.ERROR,
            "multi_assets_mode",
            f"{exchange} is in multi-assets mode: freqtrade does not start in it with isolated "
            "margin.",
            "choose single-asset mode in the settings of its futures, or cross margin (with "
            "proxy_coin, where the account is kept in BNFCR)",
        )
        return
    yield Finding(
        Level.NOTE,
        "multi_assets_mode",
        f"{exchange} counts other coins as margin: what is free is not of the stake currency alone"
        + (", and isolated margin cannot use them." if margin_mode == "isolated" else "."),
        "nothing to do if that is meant",
    )


def _wallet(exchange: str, mode: AccountMode, address: str | None) -> Iterator[Finding]:
    if address is None:
        return
    if WALLET_ADDRESS.fullmatch(address) is None:
        yield Finding(
            Level.ERROR,
            "wallet_address",
            f"walletAddress of {exchange} is not 0x and 40 hexadecimal digits.",
            "write the address of the account that holds the money",
        )
    elif mode.owner == "API wallet":
        yield Finding(
            Level.ERROR,
            "wallet_address",
            f"walletAddress of {exchange} is that of an API wallet, which holds nothing: its "
            "balance reads 0.",
            "write the address of the account that holds the money; the API wallet's key stays "
            "privateKey",
        )
    elif mode.owner == "missing":
        yield Finding(
            Level.ERROR,
            "wallet_address",
            f"{exchange} does not know walletAddress.",
            "compare it with the address that the exchange shows",
        )
