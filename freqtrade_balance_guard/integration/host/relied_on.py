"""What the guard relies on in freqtrade: each function with its parameters and a reason.

An override or a hook carries its own row (``@relies_on``); functions that are only called are
listed here. ``startup.self_check`` compares all of them with the freqtrade that runs.

``wrap`` puts a hook on a function, ``unwrap_all`` takes all off again: /reload_config builds a new
bot and keeps the imported classes, and a bot without a guard has no hook in its call stack.
"""

import functools
import importlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar


F = TypeVar("F", bound=Callable[..., Any])

# The modules in which freqtrade defines the classes that rows name.
HOMES = {
    "Backtesting": "freqtrade.optimize.backtesting",
    "Configuration": "freqtrade.configuration",
    "DataProvider": "freqtrade.data.dataprovider",
    "Exchange": "freqtrade.exchange",
    "FreqtradeBot": "freqtrade.freqtradebot",
    "IResolver": "freqtrade.resolvers.iresolver",
    "IStrategy": "freqtrade.strategy.interface",
    "KeyValueStore": "freqtrade.persistence",
    "PairLocks": "freqtrade.persistence",
    "RPC": "freqtrade.rpc.rpc",
    "RPCManager": "freqtrade.rpc.rpc_manager",
    "Trade": "freqtrade.persistence",
    "Wallets": "freqtrade.wallets",
    # ccxt's own, by its file: freqtrade's class of that name stands above.
    "exchange": "ccxt.base",
}


@dataclass(frozen=True, slots=True)
class Relied:
    """One function of freqtrade.

    :param signature: ``Class.function(parameters)``: their names, with ``*`` and ``**`` only
    :param reason: what the guard does with it
    :param user: the module of ours that relies on it; empty for a row of a table
    :param earlier: the parameters in earlier releases, where what we do holds for both
    """

    signature: str
    reason: str
    user: str = ""
    earlier: str = ""

    @property
    def name(self) -> str:
        return self.signature.partition("(")[0]

    @property
    def parameters(self) -> str:
        return self.signature.partition("(")[2].removesuffix(")")

    @property
    def module(self) -> str:
        return HOMES[self.name.partition(".")[0]]


_collected: dict[tuple[str, str], Relied] = {}


def relies_on(signature: str, reason: str) -> Callable[[F], F]:
    """Enter a row for the function of freqtrade that the decorated one overrides or wraps."""

    def enter(function: F) -> F:
        _collected[function.__module__, signature] = Relied(signature, reason, function.__module__)
        return function

    return enter


def collected(module: str) -> list[Relied]:
    """The rows that ``module`` carries, once it is imported."""
    return [row for (user, _), row in _collected.items() if user == module]


def differences_in(rows: Any) -> list[str]:
    """One short text for each row that is not as we know it."""
    return [text for row in rows if (text := _difference(row)) is not None]


def parameters_of(function: Any) -> str:
    """The parameters of ``function`` as a row writes them."""
    signature = inspect.signature(function)
    names: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not any(
            name.startswith("*") for name in names
        ):
            names.append("*")
        # str() of a parameter is how it is written, with its stars, annotation and default.
        stars = len(str(parameter)) - len(str(parameter).lstrip("*"))
        names.append("*" * stars + parameter.name)
    return ", ".join(names)


def _difference(relied: Relied) -> str | None:
    try:
        function: Any = importlib.import_module(relied.module)
        for part in relied.name.split("."):
            function = getattr(function, part)
    except (ImportError, AttributeError):
        return f"{relied.name} is missing"
    if _is_mock(function):
        # A test's double in its place has no signature to compare.
        return None
    try:
        parameters = parameters_of(function)
    except (TypeError, ValueError):
        return f"{relied.name} is no function any more"
    if parameters not in (relied.parameters, relied.earlier or relied.parameters):
        return f"{relied.name}({parameters}) instead of ({relied.parameters})"
    return None


def _is_mock(function: Any) -> bool:
    mock = sys.modules.get("unittest.mock")
    return mock is not None and isinstance(function, mock.NonCallableMock)


def differences_in_names() -> list[str]:
    """What keeps freqtrade from finding our pairlist and protections by their names."""
    from freqtrade import constants

    found = differences_in(NAMES)
    if not isinstance(getattr(constants, "AVAILABLE_PAIRLISTS", None), list):
        found.append("constants.AVAILABLE_PAIRLISTS is missing")
    return found


# Hooks

MARK = "_balance_guard_hook"

_originals: dict[tuple[Any, str], Any] = {}


def wrap(
    owner: Any,
    name: str,
    make: Callable[[Callable[..., Any]], Callable[..., Any]],
    *,
    keep: bool = False,
) -> bool:
    """Replace ``owner.name`` by ``make(original)``, unless that was done before.

    :param owner: a class or a module
    :param keep: ``unwrap_all`` leaves it where it is
    :return: False where ``owner`` itself has no such function
    """
    original = vars(owner).get(name)
    if original is None:
        return False
    if not getattr(original, MARK, False):
        wrapper = make(original)
        if not isinstance(original, type):
            functools.update_wrapper(wrapper, original)
        setattr(wrapper, MARK, True)
        setattr(owner, name, wrapper)
        if not keep:
            _originals[owner, name] = original
    return True


def unwrap_all() -> None:
    """Give every wrapped function back, unless another wrapper has taken the place of ours."""
    for (owner, name), original in list(_originals.items()):
        if getattr(vars(owner).get(name), MARK, False):
            setattr(owner, name, original)
        del _originals[owner, name]


# The tables

# Checked before anything else is loaded: without them the guard cannot wait for the config, or
# cannot make its pairlist and protections known.
START = (Relied("Configuration.load_config(self)", "settings are checked early"),)
NAMES = (
    Relied(
        "IResolver.build_search_paths(config, user_subdir, extra_dirs)",
        "our pairlist and protections are found by name",
    ),
)

# Called, in every mode.
CALLED = (
    Relied("Wallets.get_available_stake_amount(self)", "what freqtrade itself would spend"),
    Relied("Wallets.get_free(self, currency)", "the free balance in freqtrade's table"),
    Relied("Trade.total_open_trades_stakes()", "total equity, for tiers"),
    Relied("Wallets.get_total_stake_amount(self)", "how much freqtrade would put to work"),
    Relied(
        "PairLocks.lock_pair(pair, until, reason, *, now, side)",
        "the threshold and what was sold are locked at any time",
    ),
    Relied(
        "PairLocks.get_pair_locks(pair, now, side)", "our own locks are found again, and lifted"
    ),
)

# Called, in live and dry-run only.
CALLED_LIVE = (
    Relied("Trade.get_open_trade_count()", "reads hurry while a trade is open"),
    Relied(
        "Exchange.get_rate(self, pair, refresh, side, is_short, order_book, ticker)",
        "the exit rate that freqtrade has just looked at",
    ),
    Relied(
        "Exchange._order_contracts_to_amount(self, order)",
        "a found order is what create_order would have returned",
    ),
    Relied("Exchange.amount_to_precision(self, pair, amount)", "rounds as the order will be"),
    Relied(
        "Exchange._contracts_to_amount(self, pair, num_contracts)",
        "futures are rounded in contracts",
    ),
    Relied(
        "Exchange._log_exchange_response(self, endpoint, response, *, add_info)",
        "it is logged like other answers",
    ),
    Relied(
        "Exchange.get_option(self, param, default)",
        "whether stop orders are asked for apart from others",
    ),
    Relied("Exchange._amount_to_contracts(self, pair, amount)", "futures are rounded in contracts"),
    Relied("Exchange.fetch_dry_run_order(self, order_id)", "the outcome of a simulated order"),
    Relied("Exchange.fetch_positions(self, pair, params)", "positions of a futures account"),
    Relied("Exchange.get_proxy_coin(self)", "the currency whose balance is the stake"),
    Relied(
        "exchange.Exchange.fetch2(self, path, api, method, params, config)",
        "gated once at attach, where a key's nonces must rise (Kraken): requests take turns of at "
        "most a second",
        # ccxt until 4.5.64 at least. All arguments are handed on as they come.
        earlier="self, path, api, method, params, headers, body, config",
    ),
    Relied(
        "exchange.Exchange.throttle(self, cost)",
        "replaced in the guard's own copies, which count what they send",
    ),
    Relied(
        "Exchange.get_balances(self, params)",
        "once and in bounded time, with its retries switched off (count=0)",
    ),
    Relied(
        "Exchange.price_to_precision(self, pair, price, *, rounding_mode)",
        "rounds as the order will be",
    ),
    Relied(
        "Exchange.create_dry_run_order(self, pair, ordertype, side, amount, rate, leverage, "
        "params, stop_loss, stop_price)",
        "freqtrade simulates a leg",
    ),
    Relied(
        "KeyValueStore.get_string_value(key)",
        "the bot's name in the ledger lives in its own database",
    ),
    Relied(
        "KeyValueStore.store_value(key, value)",
        "the bot's name in the ledger lives in its own database",
    ),
    Relied(
        "FreqtradeBot.handle_onexchange_order(self, trade)",
        "freqtrade looks for an exit that it does not know",
    ),
    Relied("Trade.get_open_trades()", "open orders of before the start are followed"),
    Relied(
        "Exchange.get_conversion_rate(self, coin, currency, *, cached)",
        "dollars into stake currency",
    ),
    Relied(
        "FreqtradeBot.update_trade_state(self, trade, order_id, action_order, *, stoploss_order, "
        "send_msg)",
        "the other leg of an exit does not wait for freqtrade's next loop",
    ),
    Relied("Trade.set_custom_data(self, key, value)", "a trade shows its other leg"),
    Relied("DataProvider.send_msg(self, message, *, always_send)", "what the user has to know"),
    Relied("RPCManager.__init__(self, freqtrade)", "holds the bot that is promoted"),
    Relied("RPC.__init__(self, freqtrade)", "holds the bot that is promoted"),
    Relied(
        "DataProvider.__init__(self, config, exchange, pairlists, rpc)",
        "holds the RPC manager",
    ),
    Relied(
        "Exchange.amount_to_contract_precision(self, pair, amount)",
        "a partial sale of a rebalance",
    ),
)

# Called, in backtests only.
CALLED_BACKTEST = (
    Relied(
        "Backtesting._get_exit_for_signal(self, trade, row, exit_, current_time, amount)",
        "a sale of a rebalance",
    ),
    Relied(
        "Backtesting._process_exit_order(self, order, trade, current_time, row, pair)",
        "a partial sale of a rebalance fills",
    ),
)
