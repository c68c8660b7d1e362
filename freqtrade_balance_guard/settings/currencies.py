"""Amounts by currency, the currency matched without case."""

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator

from freqtrade_balance_guard.money import format_amount
from freqtrade_balance_guard.settings.values import AMOUNT, Name, contradiction


def _fold_case(amounts: dict[str, Decimal]) -> dict[str, Decimal]:
    """Upper-case currencies.

    :raises PydanticCustomError: one currency in two spellings with two amounts. A file's "USDT" and
        the environment's "usdt" arrive together, and nothing tells which one was meant to win.
    """
    folded: dict[str, tuple[str, Decimal]] = {}
    for written, amount in amounts.items():
        currency = written.upper()
        first = folded.setdefault(currency, (written, amount))
        if first[1] != amount:
            raise contradiction(
                f".{currency}",
                f'is given twice, as "{first[0]}" ({format_amount(first[1])}) and "{written}" '
                f"({format_amount(amount)}); it must be written once, in lower case where the "
                "environment is to override it",
            )
    return {currency: amount for currency, (_, amount) in folded.items()}


CurrencyAmounts = Annotated[
    dict[Annotated[str, Name("a currency such as USDT")], Annotated[Decimal, AMOUNT]],
    AfterValidator(_fold_case),
]
