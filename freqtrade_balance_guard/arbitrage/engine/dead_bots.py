"""Takes over what dead bots of the account have left: arbitrages and exposures.

Their trades stay theirs: a bot that was only stopped has them in its own database.
"""

import logging

from freqtrade_balance_guard.arbitrage.engine.context import ArbitrageContext


logger = logging.getLogger(__name__)

# How often it is looked for: a bot is dead only after its time-out.
EVERY_SECONDS = 15.0


class DeadBotClaims:
    """Claims the rows of bots that have been silent for ``ledger.heartbeat_timeout``.

    A bot with a new freqtrade database has a new name: what it left under the old one is a dead
    bot's. Silence is measured with our own clock, from when it was first seen.
    """

    def __init__(self, context: ArbitrageContext) -> None:
        self._context = context
        self.has_claimed = False
        self._next_look = 0.0
        # Bot -> its last signs of life, and since when they have not changed.
        self._seen: dict[str, tuple[frozenset[tuple[str, int]], float]] = {}
        self.dead: set[str] = set()

    def claim(self) -> None:
        """Claim what is due.

        :raises LedgerUnavailable, ArbitragesUnavailable: to be tried again
        """
        context = self._context
        now = context.clock.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + EVERY_SECONDS
        others = context.store.owners() - {context.bot}
        if not others:
            self._seen.clear()
            self.dead = set()
            return
        self.dead = dead = self._dead(others, now)
        if dead and (count := context.store.claim(dead, context.bot)):
            self.has_claimed = True
            logger.warning(
                "Took over %s arbitrages and exposures that %s has left.",
                count,
                ", ".join(sorted(dead)),
            )

    def _dead(self, others: set[str], now: float) -> set[str]:
        ledger = self._context.ledger
        signs: dict[str, set[tuple[str, int]]] = {bot: set() for bot in others}
        for beat in ledger.heartbeats(ledger.account):
            if beat.bot in signs:
                signs[beat.bot].add((beat.process, beat.number))
        for bot, sign in signs.items():
            known, since = self._seen.get(bot, (None, now))
            fresh = frozenset(sign)
            self._seen[bot] = (fresh, since if known == fresh else now)
        return {bot for bot in others if now - self._seen[bot][1] >= ledger.heartbeat_timeout}
