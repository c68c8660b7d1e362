"""A second exchange for arbitrage legs: the shape of freqtrade's own ``exchange`` section."""

from copy import deepcopy
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Secret,
    SecretStr,
    Tag,
    model_validator,
)

from freqtrade_balance_guard.money import to_float
from freqtrade_balance_guard.settings.redaction import fold, scrub
from freqtrade_balance_guard.settings.values import (
    AMOUNT,
    MINUTES,
    Choice,
    CurrencyAmounts,
    SecretText,
    Switch,
    Text,
    differ,
    given_twice,
)


CREDENTIALS = tuple(
    """
    key secret password uid account_id wallet_address private_key token
    """.split()
)
CCXT_SECTIONS = ("ccxt_config", "ccxt_sync_config", "ccxt_async_config")

# Names that ccxt spells with capitals. freqtrade's environment parser lower-cases keys of our
# section (it keeps them only below its own "exchange").
_CCXT_NAMES = {
    fold(name): name
    for name in """
    apiKey enableRateLimit rateLimit walletAddress privateKey accountId httpProxy
    httpsProxy socksProxy wsProxy wssProxy userAgent
    """.split()
}

_Credential = Annotated[SecretStr | None, SecretText()]
_Pair = Annotated[str, Text("a pair such as BTC/USDT", 60)]
_PASSED_ON = tuple(
    """
    log_responses enable_ws unknown_fee_rate outdated_offset markets_refresh_interval
    """.split()
)
_CcxtSection = Secret[dict[str, Any]]
VenueKind = Literal["exchange", "prediction"]


def _nothing() -> _CcxtSection:
    return _CcxtSection({})


_Wallet = Annotated[
    Annotated[CurrencyAmounts, Tag("<by currency>")] | Annotated[Decimal, AMOUNT, Tag("<number>")],
    Discriminator(lambda value: "<by currency>" if isinstance(value, dict) else "<number>"),
]


class VenueSettings(BaseModel):
    """One entry of ``venues``. Credentials are secrets: no repr, dump or sentence shows them."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, Text('the exchange\'s name as ccxt knows it, such as "kraken"')] = Field(
        description="The exchange, by its ccxt name."
    )
    kind: Annotated[VenueKind, Choice(get_args(VenueKind))] = Field(
        default="exchange",
        description="`prediction`: a market of outcomes (polymarket, kalshi, sxbet); some names "
        "exist in both worlds. *Such venues are checked by `doctor`; no strategy trades on them "
        "in this release.*",
    )
    account: Annotated[
        str | None,
        Text('text of 1 to 60 characters that does not end in "-dry"', 60, forbidden_end="-dry"),
    ] = Field(
        default=None,
        description="Which account it is. Bots and venues that spend the same money use one name.",
    )
    key: _Credential = Field(default=None, description="API key.")
    secret: _Credential = Field(default=None, description="API secret.")
    password: _Credential = Field(default=None, description="API passphrase, where there is one.")
    uid: _Credential = Field(default=None, description="User id, where the exchange wants one.")
    account_id: _Credential = Field(default=None, description="Account id, likewise.")
    wallet_address: _Credential = Field(default=None, description="Wallet of a decentral exchange.")
    private_key: _Credential = Field(default=None, description="Private key of that wallet.")
    token: _Credential = Field(default=None, description="Access token, where there is one.")
    dry_run_wallet: _Wallet = Field(
        default_factory=dict,
        description="Dry-run money on this venue: an amount of the stake currency, or amounts by "
        "currency.",
    )
    ccxt_config: _CcxtSection = Field(default_factory=_nothing, description="Passed on to ccxt.")
    ccxt_sync_config: _CcxtSection = Field(default_factory=_nothing, description="Likewise.")
    ccxt_async_config: _CcxtSection = Field(default_factory=_nothing, description="Likewise.")
    log_responses: Annotated[bool, Switch()] = Field(
        default=False, description="Log the exchange's answers."
    )
    enable_ws: Annotated[bool, Switch()] = Field(
        default=True, description="Use websockets for candles, as in freqtrade."
    )
    unknown_fee_rate: Annotated[Decimal | None, AMOUNT] = Field(
        default=None, description="Rate for a fee in a currency without a market, as in freqtrade."
    )
    outdated_offset: Annotated[int, MINUTES] = Field(
        default=5, description="Minutes after which candles are outdated, as in freqtrade."
    )
    markets_refresh_interval: Annotated[int, MINUTES] = Field(
        default=60, description="Minutes between two reads of the markets, as in freqtrade."
    )
    pair_whitelist: tuple[_Pair, ...] = Field(
        default=(), description="Accepted and not used: legs name their pairs."
    )
    pair_blacklist: tuple[_Pair, ...] = Field(default=(), description="Likewise.")

    @model_validator(mode="before")
    @classmethod
    def _match_spellings(cls, section: object) -> object:
        """One spelling per key: freqtrade and ccxt use several, and the environment loses case."""
        if not isinstance(section, dict):
            return section
        matched = _renamed(section, _SPELLINGS)
        for name in CCXT_SECTIONS:
            if isinstance(matched.get(name), dict):
                matched[name] = _renamed(matched[name], _CCXT_NAMES, f".{name}")
        return matched

    def exchange_section(self) -> dict[str, Any]:
        """Plain values in the shape of freqtrade's ``exchange`` section: the door for secrets."""
        section: dict[str, Any] = {"name": self.name}
        for name in _PASSED_ON:
            if name in self.model_fields_set:
                value = getattr(self, name)
                section[name] = to_float(value) if isinstance(value, Decimal) else value
        for name in (*CREDENTIALS, *CCXT_SECTIONS):
            held = getattr(self, name)
            if held is not None and held.get_secret_value():
                section[name] = deepcopy(held.get_secret_value())
        return section

    def dry_run_amounts(self, stake_currency: str) -> dict[str, float]:
        """The dry-run money by currency, as freqtrade wants it (float)."""
        wallet = self.dry_run_wallet
        if isinstance(wallet, dict):
            return {currency: to_float(amount) for currency, amount in wallet.items()}
        return {stake_currency: to_float(wallet)}

    def without_secrets(self) -> "VenueSettings":
        """A copy without credentials; ccxt's configuration is kept scrubbed."""
        update: dict[str, Any] = dict.fromkeys(CREDENTIALS)
        for name in CCXT_SECTIONS:
            update[name] = _CcxtSection(scrub(getattr(self, name).get_secret_value()))
        return self.model_copy(update=update)


_SPELLINGS = {fold(name): name for name in VenueSettings.model_fields} | {"apikey": "key"}


def _renamed(section: dict[Any, Any], names: dict[str, str], where: str = "") -> dict[Any, Any]:
    """``section`` with known keys in their proper spelling.

    :raises PydanticCustomError: two spellings of one key with two values (neither is shown)
    """
    renamed: dict[Any, Any] = {}
    for key, value in section.items():
        name = names.get(fold(key), key) if isinstance(key, str) else key
        if name in renamed and differ(renamed[name], value):
            raise given_twice(f"{where}.{name}")
        renamed[name] = value
    return renamed
