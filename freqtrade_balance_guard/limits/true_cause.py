"""Want of stake that only has to be waited for. Pure functions over Decimal."""

from dataclasses import replace
from decimal import Decimal

from freqtrade_balance_guard.limits.decision import DenialCode, Denied
from freqtrade_balance_guard.money import ZERO, exact, format_amount, to_decimal


# Denials for want of stake, and their numbers that say what there is and what would do.
WANTING = {
    DenialCode.BELOW_THRESHOLD: ("available", "min_balance_threshold"),
    DenialCode.CAP_BELOW_MINIMUM: ("cap", "minimum"),
    DenialCode.INSUFFICIENT_AVAILABLE: ("available", "needed"),
}


@exact
def missing(denied: Denied) -> Decimal:
    """How much more stake would have been enough, in stake currency; 0 where that is not known."""
    has, wants = (denied.numbers.get(name) for name in WANTING.get(denied.code, ("", "")))
    return ZERO if has is None or wants is None else max(wants - has, ZERO)


def waits_for_rise(denied: Denied, rise: Decimal, seconds: float, currency: str) -> Denied:
    """The denial where enough was seen already, but only once.

    :param rise: what was seen beyond own events
    :param seconds: until a second answer counts
    """
    return Denied(
        DenialCode.BALANCE_RISING_UNCONFIRMED,
        f"{denied.sentence}; {format_amount(rise)} {currency} more were seen than own orders "
        f"explain, and count in {seconds:.0f} s if a second answer agrees",
        {**denied.numbers, "unconfirmed": rise, "wait_seconds": to_decimal(round(seconds))},
    )


def waits_for_own_money(denied: Denied) -> Denied:
    """The denial where own orders have freed enough, and the exchange does not show it yet."""
    sentence = f"{denied.sentence}; the rest is under way"
    return replace(denied, code=DenialCode.BALANCE_LAGGING, sentence=sentence)
