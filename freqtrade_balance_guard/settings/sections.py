"""The nested objects of the section: rebalance, ledger, arbitrage, events, alerts, one tier."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from freqtrade_balance_guard.settings.database import DatabaseAddress
from freqtrade_balance_guard.settings.redaction import redact_database_address
from freqtrade_balance_guard.settings.values import (
    AMOUNT,
    AMOUNT_ABOVE_ZERO,
    COUNT,
    DAYS,
    HOURS,
    PERCENT,
    PORT,
    SECONDS,
    SECONDS_ABOVE_ZERO,
    SHARE,
    Choice,
    CurrencyAmounts,
    IpAddress,
    Moment,
    Name,
    Switch,
    Text,
)


RebalanceOrder = Literal["most_profitable", "least_loss", "oldest", "largest"]
OrphanPolicy = Literal["alert", "cancel", "adopt"]
PositionSizeBasis = Literal["available", "equity", "per_slot"]
TimeInForce = Literal["IOC", "FOK", "GTC"]
UnhedgedPolicy = Literal["hold", "unwind", "complete"]
OUTCOME = Text("the venue's own id of an outcome", 200)


class Section(BaseModel):
    """Base of all sections: frozen, unknown keys not allowed, no input in pydantic's own errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _twice_enough(data: dict[str, Any]) -> Decimal:
    # Absent if it was wrong: some releases of pydantic ask for this default all the same.
    return 2 * Decimal(data.get("enough_stake", 0))


def _fold_names(amounts: object) -> object:
    """Venue names in lower case: freqtrade's environment parser gives them so."""
    if not isinstance(amounts, dict):
        return amounts
    return {key.lower() if isinstance(key, str) else key: one for key, one in amounts.items()}


class RebalanceSettings(Section):
    """When and how stuck stake is freed."""

    enabled: Annotated[bool, Switch()] = Field(
        default=False, description="Sell a position when stake is stuck. Off: nothing is sold."
    )
    enough_stake: Annotated[Decimal, AMOUNT] = Field(
        default=Decimal("5.0"),
        description="At or above this much available stake there is no rebalance.",
    )
    target_stake: Annotated[Decimal, AMOUNT] = Field(
        default_factory=_twice_enough,
        description="A rebalance sells until this much is available.",
    )
    min_hours_without_trade: Annotated[float, HOURS] = Field(
        default=1.0,
        description="Only after this many hours without any fill. Fractions are allowed.",
    )
    order: Annotated[RebalanceOrder, Choice(get_args(RebalanceOrder))] = Field(
        default="most_profitable", description="Which position goes first."
    )


class TierSettings(Section):
    """Limits for one size of account. What a tier does not write is taken from the section."""

    up_to: Annotated[Decimal | None, AMOUNT_ABOVE_ZERO] = Field(
        default=None,
        description="The tier holds up to this total equity in the stake currency, inclusive. "
        "Ascending from tier to tier; the last one may omit it.",
    )
    min_order_size_usdt: Annotated[Decimal | None, AMOUNT] = Field(
        default=None, description="Overrides `min_order_size_usdt` and `min_order_size`."
    )
    min_order_size: Annotated[Decimal | None, AMOUNT] = Field(
        default=None, description="Overrides `min_order_size` and `min_order_size_usdt`."
    )
    position_size_percent: Annotated[Decimal | None, SHARE] = Field(
        default=None, description="Overrides `position_size_percent`."
    )
    position_size_basis: Annotated[
        PositionSizeBasis | None, Choice(get_args(PositionSizeBasis))
    ] = Field(default=None, description="Overrides `position_size_basis`.")
    min_balance_threshold: Annotated[Decimal | None, AMOUNT] = Field(
        default=None, description="Overrides `min_balance_threshold`."
    )
    reserve_balance: CurrencyAmounts = Field(
        default_factory=dict,
        description="Overrides `reserve_balance` for the currencies named here; 0 removes a floor.",
    )
    emergency_rebalance_cooldown: Annotated[float | None, SECONDS] = Field(
        default=None, description="Overrides `emergency_rebalance_cooldown`."
    )
    rebalance: RebalanceSettings = Field(
        default_factory=RebalanceSettings,
        description="Overrides the keys of `rebalance` that are written here.",
    )


class LedgerSettings(Section):
    """Where reservations are kept, and for which account."""

    db_url: Annotated[SecretStr | None, DatabaseAddress()] = Field(
        default=None, description="The ledger's database. Bots that share an account share it."
    )
    account: Annotated[
        str | None,
        Text('text of 1 to 60 characters that does not end in "-dry"', 60, forbidden_end="-dry"),
    ] = Field(
        default=None,
        description="The account's name. Bots on one account use the same; dry-run adds `-dry`.",
    )
    reservation_timeout: Annotated[float, SECONDS_ABOVE_ZERO] = Field(
        default=60.0, description="Seconds after which a reservation that was never sent expires."
    )
    heartbeat_timeout: Annotated[float, SECONDS_ABOVE_ZERO] = Field(
        default=120.0,
        description="Seconds without a sign of life after which a bot counts as gone.",
    )
    keep_days: Annotated[float, DAYS] = Field(
        default=90.0,
        description="Days after which what has ended is moved to the ledger's archive.",
    )
    orphan_orders: Annotated[OrphanPolicy, Choice(get_args(OrphanPolicy))] = Field(
        default="alert",
        description="Own orders that freqtrade does not know: `alert`, `cancel` what rests, or "
        "`adopt` what filled as a freqtrade trade.",
    )

    def shown_db_url(self) -> str | None:
        """The database address without its password, for logs and reports."""
        if self.db_url is None:
            return None
        return str(redact_database_address(self.db_url.get_secret_value()))


class BreakerSettings(Section):
    """When a series of bad endings stops new arbitrages. A key that is not written is off."""

    losses: Annotated[int | None, COUNT] = Field(
        default=None, description="So many bad endings within `window`: no new arbitrage."
    )
    max_loss: Annotated[Decimal | None, AMOUNT_ABOVE_ZERO] = Field(
        default=None,
        description="So much lost within `window` (stake currency, with fees and open exposures): "
        "no new arbitrage.",
    )
    window: Annotated[float | None, SECONDS_ABOVE_ZERO] = Field(
        default=None,
        description="Seconds that count. Not written: since the last `arbitrages resume`.",
    )


class ArbitrageSettings(Section):
    """What happens between the two legs of an arbitrage."""

    unhedged_policy: Annotated[UnhedgedPolicy, Choice(get_args(UnhedgedPolicy))] = Field(
        default="hold",
        description="When one leg fills without the other: `hold` (record, alert, block), `unwind` "
        "(reverse it) or `complete` (send the missing part again).",
    )
    max_unhedged: Annotated[Decimal, AMOUNT] = Field(
        default=Decimal(0),
        description="Unhedged value in the stake currency above which no new pair is started.",
    )
    max_slippage_percent: Annotated[Decimal, PERCENT] = Field(
        default=Decimal(1), description="How far from its price an unwinding order may fill."
    )
    leg_timeout: Annotated[float, SECONDS_ABOVE_ZERO] = Field(
        default=10.0, description="Seconds that a leg may take before its outcome is asked for."
    )
    stream: Annotated[bool, Switch()] = Field(
        default=True, description="Read order books by websocket where the exchange has one."
    )
    max_book_age: Annotated[float, SECONDS_ABOVE_ZERO] = Field(
        default=1.0, description="Seconds after which an order book is too old to act on."
    )
    max_in_flight: Annotated[int, COUNT] = Field(
        default=1, description="So many arbitrages may be under way at the same time."
    )
    time_in_force: Annotated[TimeInForce, Choice(get_args(TimeInForce))] = Field(
        default="IOC", description="How legs are sent that name none themselves."
    )
    min_inventory: Annotated[
        dict[Annotated[str, Name('"bot" or the name of a venue')], CurrencyAmounts],
        BeforeValidator(_fold_names),
    ] = Field(
        default_factory=dict,
        description='Per venue or "bot": currency and amount that must remain after a planned '
        "arbitrage.",
    )
    currency_haircut_percent: Annotated[Decimal, PERCENT] = Field(
        default=Decimal("0.1"),
        description="Taken off what two complements pay where their venues pay in two currencies.",
    )
    breaker: BreakerSettings = Field(
        default_factory=BreakerSettings, description="Stops new arbitrages after bad endings."
    )


class FuturesSettings(Section):
    """Limits of a futures account."""

    max_margin_usage: Annotated[Decimal, SHARE] = Field(
        default=Decimal(80),
        description="Cross margin: above this share of the account's margin entries are denied.",
    )


class AlertSettings(Section):
    """What is worth a message."""

    utilization_percent: Annotated[Decimal, PERCENT] = Field(
        default=Decimal(80), description="Message when more than this share of the balance is used."
    )
    discrepancy_percent: Annotated[Decimal, PERCENT] = Field(
        default=Decimal(1),
        description="Message when seen and expected balance differ by more than this.",
    )
    balance_change: Annotated[bool, Switch()] = Field(
        default=True, description="Message when the balance changed by something we did not do."
    )


class MetricsSettings(Section):
    """The endpoint for Prometheus."""

    enabled: Annotated[bool, Switch()] = Field(default=False, description="Serve metrics.")
    listen_ip_address: Annotated[str, IpAddress()] = Field(
        default="127.0.0.1", description="Address of this machine to listen on."
    )
    listen_port: Annotated[int, PORT] = Field(
        default=9108,
        description="Port to listen on. 0: any free one; `balance-guard status` shows which.",
    )


class OutcomePair(Section):
    """The two outcomes of one question on one venue."""

    yes: Annotated[str, OUTCOME] = Field(description="Id of the outcome that pays if it happens.")
    no: Annotated[str, OUTCOME] = Field(description="Id of the other one.")


class EventSettings(Section):
    """One entry of ``events``. Nothing here is guessed from a title: the user has compared them."""

    closes: Annotated[datetime, Moment()] = Field(
        description="When trading ends and the answer is expected; no arbitrage after it."
    )
    resolution_checked: Annotated[bool, Switch()] = Field(
        default=False,
        description="That you have read the rules of all its venues and found that they answer "
        "the same question by the same source. Without it every arbitrage is denied.",
    )
    outcomes: Annotated[
        dict[Annotated[str, Name("the name of a venue")], OutcomePair],
        BeforeValidator(_fold_names),
    ] = Field(description="By venue: the ids of both outcomes.")
