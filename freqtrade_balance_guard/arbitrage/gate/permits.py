"""What freqtrade allows now, published once per loop, and who has claimed it: under one lock.

The engine's thread asks nothing of freqtrade. It claims what the bot's loop has published; an entry
of freqtrade's claims its pair in the same place. So of two that want one pair, one coin or the last
slot the second is denied.
"""

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from freqtrade_balance_guard.arbitrage.leg import Opportunity
from freqtrade_balance_guard.arbitrage.outcomes.plan import ComplementPlan
from freqtrade_balance_guard.arbitrage.planning.plan import Plan
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode, ArbitrageDenied
from freqtrade_balance_guard.clock import Clock


# The venue of the bot's own exchange.
BOT = "bot"


def _no_objection(plan: Plan | ComplementPlan) -> ArbitrageDenied | None:
    return None


@dataclass(frozen=True, slots=True)
class Permits:
    """Says what freqtrade allows, as of one moment of its loop.

    :param valid_until: monotonic; a loop that hangs permits nothing
    :param denied: why nothing is allowed, if so
    :param purchases: by pair of the whitelist, why it must not be bought; None: it may be
    :param no_sale: coins that must not be sold, and why
    :param slots: how many trades may be opened, without what has been claimed
    :param open_pairs: pairs with an open trade
    :param coming: pairs whose purchase is under way or not freqtrade's yet
    :param inspect: the last check of a plan, with the limits of that moment
    """

    valid_until: float
    denied: ArbitrageDenied | None = None
    purchases: Mapping[str, ArbitrageDenied | None] = field(default_factory=dict)
    no_sale: Mapping[str, ArbitrageDenied] = field(default_factory=dict)
    slots: float = 0
    open_pairs: frozenset[str] = frozenset()
    coming: frozenset[str] = frozenset()
    inspect: Callable[[Plan | ComplementPlan], ArbitrageDenied | None] = _no_objection


@dataclass(eq=False, slots=True)
class Claim:
    """Holds what one arbitrage or one entry has claimed.

    ``number``: of the arbitrage, as soon as it has one; ``is_over``: an entry was tried;
    ``is_void``: nothing came of it.
    """

    bought: frozenset[str]
    sold: frozenset[str]
    is_entry: bool = False
    number: int | None = None
    is_over: bool = False
    is_void: bool = False


class PermitDesk:
    """Gives out what the last loop has published. Safe from any thread.

    :param why_stopped: why the bot must not begin anything at this very moment, if so
    """

    def __init__(
        self, clock: Clock, why_stopped: Callable[[], ArbitrageDenied | None] = lambda: None
    ) -> None:
        self._clock = clock
        self._why_stopped = why_stopped
        self._permits: Permits | None = None
        self._claims: list[Claim] = []
        self._lock = threading.Lock()

    # The bot's loop

    def over(self) -> list[Claim]:
        """Return what may be let go by ``publish``; to be asked before the permits are made."""
        with self._lock:
            return [one for one in self._claims if one.is_over or one.number is not None]

    def publish(self, permits: Permits, before: Collection[Claim], going: Collection[int]) -> None:
        """Replace what is permitted, and let go of claims that it takes account of.

        :param before: what ``over`` returned before the permits were made
        :param going: arbitrages that have not ended, or whose purchase is not freqtrade's yet
        """
        gone = {id(one) for one in before if one.is_over or one.number not in going}
        with self._lock:
            self._permits = permits
            self._claims = [one for one in self._claims if id(one) not in gone]

    # Claims

    def inspect(self, plan: Plan | ComplementPlan) -> ArbitrageDenied | None:
        """Check a plan with the limits that were published."""
        permits = self._permits
        return None if permits is None else permits.inspect(plan)

    def claim(self, opportunity: Opportunity) -> Claim | ArbitrageDenied:
        """Claim its pairs, coins and slot on the bot's exchange; or why it may not begin."""
        if (stopped := self._why_stopped()) is not None:
            return stopped
        with self._lock:
            permits = self._permits
            if permits is None or self._clock.monotonic() > permits.valid_until:
                sentence = "the bot's loop has not said lately what freqtrade allows"
                return ArbitrageDenied(ArbitrageDenialCode.PAUSED, sentence)
            denied = permits.denied or self._not_permitted(opportunity, permits)
            return denied or self._claimed(opportunity, permits)

    def claim_found(self, opportunity: Opportunity) -> Claim | ArbitrageDenied:
        """Claim for what the bot's own loop has found: freqtrade itself was asked just now."""
        with self._lock:
            return self._claimed(opportunity, None)

    def claim_entry(self, pair: str) -> Claim | str:
        """Claim a pair for an entry of freqtrade's; or in words why an arbitrage has it."""
        base = pair.partition("/")[0]
        with self._lock:
            for one in self._of_arbitrages():
                if pair in one.bought:
                    return f"an arbitrage is buying {pair}"
                if base in one.sold:
                    return f"an arbitrage is selling the coin of {pair}"
            permits = self._permits
            if permits is not None and pair not in permits.open_pairs:
                without = self._slots_left(permits, [one for one in self._claims if one.is_entry])
                if without > 0 and self._slots_left(permits, self._claims) <= 0:
                    return "an arbitrage has the last slot of max_open_trades"
            claim = Claim(frozenset({pair}), frozenset(), is_entry=True)
            self._claims.append(claim)
            return claim

    def release(self, claim: Claim) -> None:
        """Let go of what came to nothing."""
        with self._lock:
            self._claims = [one for one in self._claims if one is not claim]

    def bought(self) -> set[str]:
        """Return the pairs that arbitrages have claimed to buy for freqtrade."""
        with self._lock:
            return {pair for one in self._of_arbitrages() for pair in one.bought}

    def sold(self) -> set[str]:
        """Return the coins that arbitrages have claimed to sell."""
        with self._lock:
            return {coin for one in self._of_arbitrages() for coin in one.sold}

    # Inside, with the lock held

    def _of_arbitrages(self) -> list[Claim]:
        return [one for one in self._claims if not one.is_entry]

    @staticmethod
    def _not_permitted(opportunity: Opportunity, permits: Permits) -> ArbitrageDenied | None:
        for leg in opportunity.legs:
            if leg.venue != BOT:
                continue
            if leg.side == "sell":
                denied = permits.no_sale.get(leg.base)
            elif leg.pair in permits.purchases:
                denied = permits.purchases[leg.pair]
            else:
                denied = ArbitrageDenied(
                    ArbitrageDenialCode.NOT_IN_WHITELIST,
                    f"{leg.pair} is not in the whitelist",
                    BOT,
                )
            if denied is not None:
                return denied
        return None

    def _claimed(
        self, opportunity: Opportunity, permits: Permits | None
    ) -> Claim | ArbitrageDenied:
        here = [leg for leg in opportunity.legs if leg.venue == BOT]
        bought = frozenset(leg.pair for leg in here if leg.side == "buy")
        sold = frozenset(leg.base for leg in here if leg.side == "sell")
        for one in self._claims:
            both = bought & one.bought or sold & _coins(one.bought) or one.sold & _coins(bought)
            if both:
                what = "an entry" if one.is_entry else "an arbitrage"
                name = next(iter(both))
                return ArbitrageDenied(
                    ArbitrageDenialCode.ARBITRAGE_IN_PROGRESS, f"{what} of {name} is under way", BOT
                )
        if permits is not None and bought and self._slots_left(permits, self._claims) <= 0:
            sentence = "max_open_trades is reached"
            return ArbitrageDenied(ArbitrageDenialCode.NO_SLOT, sentence, BOT)
        claim = Claim(bought, sold)
        self._claims.append(claim)
        return claim

    @staticmethod
    def _slots_left(permits: Permits, claims: Collection[Claim]) -> float:
        """Slots count over all markets: what is claimed will be a trade of its own."""
        taken = {pair for one in claims for pair in one.bought} | permits.coming
        return permits.slots - len(taken - permits.open_pairs)


def _coins(pairs: Collection[str]) -> set[str]:
    return {pair.partition("/")[0] for pair in pairs}
