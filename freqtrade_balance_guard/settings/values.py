"""How one value of the section is read: number, switch, text, choice, network address.

Each rule rejects a value with the words "what is allowed" (``messages`` makes the sentence). JSON
and freqtrade's environment parser both give int, float, bool, text and lists, so a number in quotes
is a mistake, not another spelling: the environment form never produces one.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, SecretStr
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from freqtrade_balance_guard.errors import MoneyError
from freqtrade_balance_guard.money import ZERO, format_amount, to_decimal


# No currency has more units in circulation, and a float above it no longer counts single units.
LARGEST_AMOUNT = Decimal(10) ** 18
ONE_YEAR = 365 * 24 * 3600


def wrong_value(allowed: str, hint: str = "", shown: str | None = None) -> PydanticCustomError:
    """The error of a rule. ``shown`` replaces the value in the sentence ("" hides it)."""
    context: dict[str, Any] = {"allowed": allowed, "hint": hint}
    if shown is not None:
        context["shown"] = shown
    return PydanticCustomError("wrong_value", "must be {allowed}", context)


def contradiction(where: str, says: str) -> PydanticCustomError:
    """An error between several values: ``where`` is appended to the key, ``says`` follows it."""
    return PydanticCustomError("contradiction", "{says}", {"where": where, "says": says})


def given_twice(where: str) -> PydanticCustomError:
    """One key in two spellings with two values, neither of which is shown (it may be a secret)."""
    return contradiction(where, "is given twice with different values; it must be written once")


def differ(first: object, second: object) -> bool:
    """Whether two raw values are not the same; NaN is the same as itself."""
    try:
        return first is not second and first != second
    except ArithmeticError:  # a signalling NaN cannot be compared
        return True


class Rule:
    """A rule for one value: how it is read, what is allowed, and the same as JSON schema."""

    allowed: str

    def read(self, value: object) -> object:
        """The value as the settings hold it.

        :raises PydanticCustomError: see ``wrong_value``
        """
        raise wrong_value(self.allowed)

    def json_schema(self) -> JsonSchemaValue:
        """The rule for an editor."""
        return {}

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        # A plain validator: pydantic's own leniency (text to number, number to bool) never runs.
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return self.json_schema()


@dataclass(frozen=True)
class Number(Rule):
    """A finite number in a range, read as Decimal, as float (times) or as int (``whole``)."""

    allowed: str
    at_least: Decimal | None = None
    above: Decimal | None = None
    at_most: Decimal = LARGEST_AMOUNT
    form: Callable[[Decimal], Decimal | float | int] = field(default=Decimal, repr=False)

    def read(self, value: object) -> Decimal | float | int:
        if isinstance(value, str):
            raise wrong_value(self.allowed, hint=_quoted_number_hint(value))
        # bool is an int for Python, yet "true" is no amount.
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            raise wrong_value(self.allowed)
        # Before anything turns it into text: Python does not print very long integers.
        if isinstance(value, int) and abs(value) > LARGEST_AMOUNT:
            raise wrong_value(self._allowed_with_ceiling())
        try:
            number = to_decimal(value) + ZERO  # the addition makes -0.0 a plain 0
        except MoneyError as error:
            raise wrong_value(self.allowed) from error
        if number > self.at_most:
            raise wrong_value(self._allowed_with_ceiling())
        if self.at_least is not None and number < self.at_least:
            raise wrong_value(self.allowed)
        if self.above is not None and number <= self.above:
            raise wrong_value(self.allowed)
        if self.form is int and number != number.to_integral_value():
            raise wrong_value(self.allowed)
        return self.form(number)

    def _allowed_with_ceiling(self) -> str:
        ceiling = format_amount(self.at_most)
        return self.allowed if ceiling in self.allowed else f"{self.allowed}, at most {ceiling}"

    def json_schema(self) -> JsonSchemaValue:
        schema: JsonSchemaValue = {"type": "integer" if self.form is int else "number"}
        if self.at_least is not None:
            schema["minimum"] = int(self.at_least)
        if self.above is not None:
            schema["exclusiveMinimum"] = int(self.above)
        schema["maximum"] = int(self.at_most)
        return schema


def _quoted_number_hint(value: str) -> str:
    try:
        to_decimal(value.strip())
    except MoneyError:
        return ""
    return ", written without quotes"


class Switch(Rule):
    """true or false; 1, 0, "yes" and "no" are not allowed."""

    allowed = "true or false"

    def read(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise wrong_value(self.allowed)
        return value

    def json_schema(self) -> JsonSchemaValue:
        return {"type": "boolean"}


class Choice(Rule):
    """One of a few words."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = words
        self.allowed = "one of " + ", ".join(f'"{word}"' for word in words)

    def read(self, value: object) -> str:
        if not isinstance(value, str) or value not in self.words:
            raise wrong_value(self.allowed)
        return value

    def json_schema(self) -> JsonSchemaValue:
        return {"type": "string", "enum": list(self.words)}


@dataclass(frozen=True)
class Text(Rule):
    """Text that is not blank. A whole number becomes text: the environment parser made it one."""

    allowed: str
    longest: int = 100
    forbidden_end: str = ""

    def read(self, value: object) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            value = _digits(value, self.allowed)
        if not isinstance(value, str):
            raise wrong_value(self.allowed)
        text = value.strip()
        if not text or len(text) > self.longest or not text.isprintable():
            raise wrong_value(self.allowed)
        if self.forbidden_end and text.lower().endswith(self.forbidden_end):
            raise wrong_value(self.allowed)
        return text

    def json_schema(self) -> JsonSchemaValue:
        return {"type": "string", "minLength": 1, "maxLength": self.longest, "pattern": "\\S"}


@dataclass(frozen=True)
class Name(Rule):
    """A key that the user chooses: text without spaces, so that no two look alike."""

    allowed: str
    longest: int = 60

    def read(self, value: object) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= self.longest:
            raise wrong_value(self.allowed)
        if not value.isprintable() or " " in value:
            raise wrong_value(self.allowed)
        return value

    def json_schema(self) -> JsonSchemaValue:
        return {"type": "string", "pattern": f"^\\S{{1,{self.longest}}}$"}


class SecretText(Rule):
    """A credential. The value never appears in a sentence, a repr or a dump; null means none."""

    allowed = "text in quotes"

    def read(self, value: object) -> SecretStr | None:
        if value is None or isinstance(value, SecretStr):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            value = _digits(value, self.allowed)
        if not isinstance(value, str):
            # The environment parser reads 12e5 as a float; what was typed is lost by then.
            hint = ", and one that reads as a number must come from a file"
            raise wrong_value(self.allowed, hint=hint if isinstance(value, float) else "", shown="")
        return SecretStr(value)

    def json_schema(self) -> JsonSchemaValue:
        return {"type": ["string", "null"], "format": "password", "writeOnly": True}


def _digits(value: int, allowed: str) -> str:
    try:
        return str(value)
    except ValueError as error:  # thousands of digits
        raise wrong_value(allowed, shown="") from error


class IpAddress(Rule):
    """An address of this machine to listen on; a host name is not allowed (no look-up at start)."""

    allowed = 'an IP address such as "127.0.0.1"'

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise wrong_value(self.allowed)
        try:
            return str(ipaddress.ip_address(value.strip()))
        except ValueError as error:
            raise wrong_value(self.allowed) from error

    def json_schema(self) -> JsonSchemaValue:
        return {"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}


class Moment(Rule):
    """A date with its time and its zone, read as UTC."""

    allowed = 'a time such as "2026-12-10T19:00:00Z"'

    def read(self, value: object) -> datetime:
        try:
            moment = datetime.fromisoformat(str(value)) if isinstance(value, str) else None
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise wrong_value(self.allowed)
        return moment.astimezone(UTC)

    def json_schema(self) -> JsonSchemaValue:
        return {"type": "string", "format": "date-time"}


AMOUNT = Number("a number of at least 0", at_least=ZERO)
AMOUNT_ABOVE_ZERO = Number("a number above 0", above=ZERO)
PERCENT = Number("a percentage from 0 to 100", at_least=ZERO, at_most=Decimal(100))
SHARE = Number("a percentage above 0 and at most 100", above=ZERO, at_most=Decimal(100))
SECONDS = Number(
    f"a number of seconds from 0 to {ONE_YEAR}",
    at_least=ZERO,
    at_most=Decimal(ONE_YEAR),
    form=float,
)
SECONDS_ABOVE_ZERO = Number(
    f"a number of seconds above 0 and at most {ONE_YEAR}",
    above=ZERO,
    at_most=Decimal(ONE_YEAR),
    form=float,
)
DAYS = Number(
    "a number of days from 1 to 36500",
    at_least=Decimal(1),
    at_most=Decimal(36500),
    form=float,
)
HOURS = Number("a number of hours from 0 to 8760", at_least=ZERO, at_most=Decimal(8760), form=float)
MINUTES = Number(
    "a whole number of minutes from 1 to 525600",
    at_least=Decimal(1),
    at_most=Decimal(525600),
    form=int,
)
COUNT = Number(
    "a whole number from 1 to 1000", at_least=Decimal(1), at_most=Decimal(1000), form=int
)
PORT = Number(
    "a whole number from 0 to 65535", at_least=Decimal(0), at_most=Decimal(65535), form=int
)


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
