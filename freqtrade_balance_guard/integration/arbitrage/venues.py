"""Opens the venues of the settings: each one a thread, and again when one could not be reached."""

import hashlib
import logging
import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from freqtrade.enums import MarginMode, TradingMode
from freqtrade.exceptions import OperationalException
from freqtrade.exchange import Exchange
from freqtrade.resolvers import ExchangeResolver

from freqtrade_balance_guard.arbitrage.planning.dry_wallet import DryWallet
from freqtrade_balance_guard.arbitrage.sending.async_venue import as_venue
from freqtrade_balance_guard.arbitrage.threads.event_loop import EventLoopThread
from freqtrade_balance_guard.arbitrage.venue import Venue
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.errors import words_of
from freqtrade_balance_guard.integration.arbitrage.ccxt_venue import CcxtVenue, NoAnswer
from freqtrade_balance_guard.ledger import ReservationLedger
from freqtrade_balance_guard.money import to_decimal
from freqtrade_balance_guard.settings import GuardSettings, VenueSettings
from freqtrade_balance_guard.settings.state_paths import DRY_RUN_ACCOUNT, is_dry_run


logger = logging.getLogger(__name__)

# A venue that could not be reached is tried again after this.
RETRY_SECONDS = 30.0
# The start waits so long for all venues together.
OPEN_SECONDS = 10.0


class Venues(dict[str, Venue]):
    """Holds the venues by name. One that could not be reached is tried again when asked for.

    That takes long: it happens in a thread of its own, and no loop waits for it.

    ``loop``: the engine's, in which asynchronous venues of the user live.
    """

    def __init__(
        self,
        settings: GuardSettings,
        config: dict[str, Any],
        ledger: ReservationLedger,
        clock: Clock,
        strategy: Any,
        paid: Callable[[str], Mapping[str, Decimal]] = lambda account: {},
    ) -> None:
        """:param paid: what an account of a prediction market was paid in dry-run, by currency"""
        super().__init__()
        self.loop = EventLoopThread()
        self._settings = settings
        self._config = config
        self._ledger = ledger
        self._clock = clock
        self._strategy = strategy
        self._paid = paid
        self._not_before: dict[str, float] = {}
        self._opening: dict[str, threading.Thread] = {}
        self._wrong: OperationalException | None = None

    def open_all(self) -> None:
        """:raises OperationalException: a name that no exchange has"""
        ends = self._clock.monotonic() + OPEN_SECONDS
        for name in self._settings.venues:
            self._not_before[name] = 0.0
            self._begin(name)
        for name, opening in list(self._opening.items()):
            opening.join(max(ends - self._clock.monotonic(), 0.0))
            if opening.is_alive():
                logger.warning("The venue %s has not answered yet; the bot starts without.", name)
        if self._wrong is not None:
            raise self._wrong
        for name, venue in self._strategy.custom_venues().items():
            self[str(name).lower()] = as_venue(venue, self.loop)

    def __missing__(self, name: str) -> Venue:
        if name in self._not_before and self._clock.monotonic() >= self._not_before[name]:
            self._begin(name)
        raise KeyError(name)

    def _begin(self, name: str) -> None:
        """Try to reach it, in a thread of its own."""
        known = self._opening.get(name)
        if known is None or not known.is_alive():
            self._opening[name] = threading.Thread(
                target=self._open, args=(name,), name=f"venue-{name}", daemon=True
            )
            self._opening[name].start()

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self._not_before

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default

    def _made(self, name: str) -> Venue:
        settings = self._settings.venues[name]
        if settings.kind == "exchange":
            return make_venue(
                name,
                settings,
                self._config,
                bot=self._ledger.bot,
                ledger=self._ledger,
                clock=self._clock,
            )
        return self._made_prediction(name, settings)

    def _made_prediction(self, name: str, settings: VenueSettings) -> Venue:
        """Return it with the outcomes of the settings ``events`` learnt."""
        # ccxt's prediction markets are loaded by a bot that uses them, and by no other.
        from freqtrade_balance_guard.integration.prediction.build import make_prediction_venue

        venue = make_prediction_venue(
            name, settings, self._config, ledger=self._ledger, clock=self._clock, paid=self._paid
        )
        try:
            venue.open()
            for event, mapped in self._settings.events.items():
                pair = mapped.outcomes.get(name)
                for outcome in () if pair is None else (pair.yes, pair.no):
                    try:
                        venue.learn(outcome)
                    except LookupError as error:
                        logger.error("%s: %s (event %s).", name, words_of(error), event)
        except BaseException:
            venue.close()
            raise
        return venue

    def _open(self, name: str) -> None:
        try:
            self[name] = self._made(name)
            self._not_before.pop(name, None)
        except (OperationalException, ValueError, ImportError) as error:
            self._not_before[name] = self._clock.monotonic() + RETRY_SECONDS
            self._wrong = OperationalException(f"balance_guard.venues.{name}: {words_of(error)}")
        except Exception as error:
            self._not_before[name] = self._clock.monotonic() + RETRY_SECONDS
            logger.warning(
                "The venue %s cannot be reached (%s); it is tried again.", name, words_of(error)
            )


def queue_of(exchange: Exchange) -> str:
    """Return a name of the exchange's API key: legs of one key leave one after the other.

    freqtrade takes the key out of its config; the ccxt object has it. The same text at another
    address is another key. Empty without a key.
    """
    api: Any = exchange._api
    key = getattr(api, "apiKey", None) or getattr(api, "walletAddress", None)
    address = (getattr(api, "urls", None) or {}).get("api")
    named = f"{getattr(api, 'id', '')} {address} {key}"
    return hashlib.sha256(named.encode()).hexdigest()[:12] if key else ""


def make_venue(
    name: str,
    settings: VenueSettings,
    config: Mapping[str, Any],
    *,
    bot: str,
    ledger: ReservationLedger,
    clock: Clock,
) -> CcxtVenue:
    """Return the venue that the user calls ``name``; loads its markets.

    :param config: freqtrade's, for whether it is a dry-run and for its stake currency
    :raises FreqtradeException: the exchange is not known
    :raises NoAnswer: its markets cannot be loaded
    """
    section = settings.exchange_section()
    # Legs need no candles, and a socket would only cost a thread.
    section |= {"enable_ws": False, "pair_whitelist": []}
    its_config = {
        **config,
        "exchange": section,
        "trading_mode": TradingMode.SPOT,
        "margin_mode": MarginMode.NONE,
    }
    exchange = ExchangeResolver.load_exchange(
        its_config,
        validate=False,
        load_leverage_tiers=False,
    )
    exchange.reload_markets(True, load_leverage_tiers=False)
    if not exchange.markets:
        # freqtrade has only logged it.
        raise NoAnswer(f"the markets of {name} cannot be loaded")
    account, wallet = settings.account or name, None
    if is_dry_run(dict(config)):
        account += DRY_RUN_ACCOUNT
        amounts = settings.dry_run_amounts(str(config.get("stake_currency", "")))
        initial = {currency: to_decimal(amount) for currency, amount in amounts.items()}
        wallet = DryWallet(account, ledger, initial)
    venue = CcxtVenue(name, account, queue_of(exchange) or name, exchange, bot, clock, wallet)
    venue.keep_fresh()
    return venue
