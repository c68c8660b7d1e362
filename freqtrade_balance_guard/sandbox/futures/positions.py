"""Positions and how each account trades contracts: the state of a futures exchange."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from freqtrade_balance_guard.sandbox.core.assets import ZERO
from freqtrade_balance_guard.sandbox.core.orders import PositionSide
from freqtrade_balance_guard.sandbox.script.scenario import AccountScenario, FuturesAccount


MarginMode = Literal["cross", "isolated"]
IncomeType = Literal["REALIZED_PNL", "COMMISSION", "FUNDING_FEE", "INSURANCE_CLEAR"]


@dataclass
class Position:
    """One position; the amount is negative for a short one."""

    account: str
    symbol: str
    side: PositionSide
    amount: Decimal = ZERO  # base
    entry_price: Decimal = ZERO
    isolated_wallet: Decimal = ZERO  # margin set aside; 0 in cross mode
    updated_at: float = 0.0

    def notional(self, mark: Decimal) -> Decimal:
        return self.amount * mark

    def unrealized(self, mark: Decimal) -> Decimal:
        return self.amount * (mark - self.entry_price)


@dataclass
class ContractSettings:
    """What an account has set for one contract."""

    leverage: int
    margin_mode: MarginMode


@dataclass
class AccountMode:
    """What an account has set for all contracts."""

    hedge_mode: bool
    multi_assets: bool


@dataclass(frozen=True)
class Income:
    """One change of a wallet other than a deposit."""

    number: int
    account: str
    symbol: str
    kind: IncomeType
    amount: Decimal
    coin: str
    at: float
    trade_number: int | None = None


class FuturesState:
    """All positions, settings and incomes of one exchange."""

    def __init__(self, accounts: list[AccountScenario]) -> None:
        self._scenarios: Mapping[str, FuturesAccount] = {
            account.name: account.futures for account in accounts
        }
        self.modes = {
            account.name: AccountMode(account.futures.hedge_mode, account.futures.multi_assets)
            for account in accounts
        }
        self.incomes: deque[Income] = deque()
        self._positions: dict[tuple[str, str, PositionSide], Position] = {}
        self._settings: dict[tuple[str, str], ContractSettings] = {}

    def position(self, account: str, symbol: str, side: PositionSide) -> Position:
        """The position, which may be flat."""
        key = (account, symbol, side)
        return self._positions.setdefault(key, Position(account, symbol, side))

    def positions(self, account: str, symbol: str | None = None) -> list[Position]:
        """All open positions of an account."""
        return [
            position
            for position in self._positions.values()
            if position.account == account and position.amount and symbol in (None, position.symbol)
        ]

    def settings(self, account: str, symbol: str) -> ContractSettings:
        chosen = self._scenarios[account]
        return self._settings.setdefault(
            (account, symbol), ContractSettings(chosen.leverage, chosen.margin_mode)
        )

    def sides(self, account: str) -> tuple[PositionSide, ...]:
        return ("LONG", "SHORT") if self.modes[account].hedge_mode else ("BOTH",)

    def coin(self, account: str, symbol: str) -> str:
        """The currency in which an account's trades of a contract are settled."""
        return self._scenarios[account].proxy_coin or symbol.partition(":")[2]

    def book(
        self,
        kind: IncomeType,
        position: Position,
        amount: Decimal,
        now: float,
        trade_number: int | None = None,
    ) -> None:
        self.incomes.append(
            Income(
                number=len(self.incomes) + 1,
                account=position.account,
                symbol=position.symbol,
                kind=kind,
                amount=amount,
                coin=self.coin(position.account, position.symbol),
                at=now,
                trade_number=trade_number,
            )
        )
