"""What the console and the trader are told of a bot's stake: the preview and the early warning."""

import logging
from typing import TYPE_CHECKING, Any

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.money import format_amount
from freqtrade_balance_guard.monitoring.rebalance_view import RebalanceViews
from freqtrade_balance_guard.rebalance.early_warning import EarlyWarning, Outlook, Sample
from freqtrade_balance_guard.rebalance.plan import Plan
from freqtrade_balance_guard.rebalance.policy import (
    NotNow,
    NotNowCode,
    Picture,
    plan_of,
    reasons_against,
)


if TYPE_CHECKING:
    from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets


logger = logging.getLogger(__name__)

WRITE_SECONDS = 10.0
OF_A_READ = (NotNowCode.BALANCE_NOT_FRESH, NotNowCode.BALANCE_UNCONFIRMED)


class Watch:
    """Of one live or dry-run bot."""

    def __init__(
        self, wallets: "GuardedWallets", views: RebalanceViews, clock: Clock, currency: str
    ) -> None:
        self._wallets = wallets
        self._views = views
        self._clock = clock
        self._currency = currency
        self._warning = EarlyWarning()
        self._outlook: Outlook | None = None
        self._written_at = float("-inf")

    def is_due(self) -> bool:
        """Whether the view that is kept has grown old."""
        return self._clock.monotonic() - self._written_at >= WRITE_SECONDS

    def sample(self, bot: Any) -> None:
        """Once per loop: how much is available; one message when it will soon be too little."""
        live, guard = self._wallets.live, self._wallets.guard
        if guard is None or (live is not None and live.is_unreadable):
            return  # nothing is known, and that is no use of stake
        threshold = guard.entry_limits(
            guard.tier_limits(self._wallets.account.equity)
        ).min_balance_threshold
        available = self._wallets.account.available()
        told = self._warning.observe(Sample(self._clock.monotonic(), available), threshold)
        self._outlook = self._warning.outlook(threshold)
        if told is not None and threshold > 0:
            text = f"Early warning: {told.sentence(self._currency)}"
            logger.warning(text)
            bot.dataprovider.send_msg(f"Balance guard: {text}", always_send=True)

    def write(self, picture: Picture, after_read: NotNow | None) -> None:
        """Keep what would happen now, and why or why not.

        :param after_read: what the last read for a rebalance came to nothing for
        """
        self._written_at = self._clock.monotonic()
        # A balance is read when a rebalance needs it; what an older answer says is no reason.
        reasons = [one for one in reasons_against(picture) if one.code not in OF_A_READ]
        if after_read is not None and after_read.code in OF_A_READ:
            reasons.append(after_read)
        self._views.write(
            {
                "currency": self._currency,
                "available": format_amount(picture.capital.available),
                "held": format_amount(picture.capital.held),
                "deployed": format_amount(picture.deployed),
                "deployed_worth": format_amount(round(picture.in_exchange_for, 8)),
                "reasons": [{"code": one.code, "sentence": one.sentence} for one in reasons],
                "plan": _plan(plan_of(picture)),
                "early_warning": self._outlook and self._outlook.sentence(self._currency),
                "seconds_to_threshold": self._outlook and self._outlook.seconds,
            }
        )


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "target": format_amount(plan.target),
        "expected": format_amount(round(plan.expected, 8)),
        "reaches_target": plan.reaches_target,
        "order": plan.order,
        "sales": [
            {
                "pair": sale.pair,
                "trade_id": sale.trade_id,
                "amount": format_amount(sale.amount),
                "is_whole": sale.is_whole,
                "freed": format_amount(round(sale.freed, 8)),
            }
            for sale in plan.sales
        ],
        "left_out": {pair: str(why) for pair, why in plan.left_out.items()},
    }
