"""Right and wrong ``balance_guard`` sections, for the tests of settings and of their schema."""

from typing import Any, NamedTuple


NAN, INFINITY = float("nan"), float("inf")


class Wrong(NamedTuple):
    """A wrong section and its sentence. ``schema``: whether the JSON schema sees it as well."""

    name: str
    section: Any
    sentence: str
    schema: bool = True


def venue(**keys: Any) -> dict[str, Any]:
    return {"venues": {"second": {"name": "kraken", **keys}}}


AMOUNT = "it must be a number of at least 0"
ABOVE_ZERO = "it must be a number above 0"
SHARE = "it must be a percentage above 0 and at most 100"
PERCENT = "it must be a percentage from 0 to 100"
SECONDS = "it must be a number of seconds from 0 to 31536000"
SECONDS_ABOVE_ZERO = "it must be a number of seconds above 0 and at most 31536000"
SWITCH = "it must be true or false"
SECTION = 'it must be an object such as {"min_order_size_usdt": 2.5}'
CEILING = "at most 1000000000000000000"
ACCOUNT = 'it must be text of 1 to 60 characters that does not end in "-dry"'
DATABASE = (
    'it must be "sqlite:///<file>" (on disk) or "postgresql://<user>:<password>@<host>/<database>" '
    "(special characters of the password percent-encoded)"
)
KNOWN_IN_METRICS = "the settings known there are enabled, listen_ip_address, listen_port"

WRONG = [
    # The section itself
    Wrong("null", None, f"balance_guard is null; {SECTION}."),
    Wrong("a list", [1], f"balance_guard is [1]; {SECTION}."),
    Wrong("text", "on", f'balance_guard is "on"; {SECTION}.'),
    Wrong("true", True, f"balance_guard is true; {SECTION}."),
    Wrong("a number", 2.5, f"balance_guard is 2.5; {SECTION}."),
    Wrong(
        "a key that is no text",
        {1: 2},
        "balance_guard has the key 1; it must be text in quotes.",
        schema=False,  # JSON cannot express it
    ),
    # Unknown and misspelt keys
    Wrong(
        "misspelt",
        {"min_ordersize": 3},
        'balance_guard.min_ordersize is not a known setting; did you mean "min_order_size"?',
    ),
    Wrong(
        "capitals",
        {"Enabled": True},
        'balance_guard.Enabled is not a known setting; did you mean "enabled"?',
    ),
    Wrong(
        "dashes",
        {"reserve-balance": {}},
        'balance_guard.reserve-balance is not a known setting; did you mean "reserve_balance"?',
    ),
    Wrong(
        "camel case",
        {"positionSizePercent": 5},
        "balance_guard.positionSizePercent is not a known setting; "
        'did you mean "position_size_percent"?',
    ),
    Wrong(
        "misspelt nested",
        {"ledger": {"acount": "a"}},
        'balance_guard.ledger.acount is not a known setting; did you mean "account"?',
    ),
    Wrong(
        "in the wrong place",
        {"unhedged_policy": "hold"},
        "balance_guard.unhedged_policy is not a known setting there; "
        'it belongs to "balance_guard.arbitrage.unhedged_policy".',
    ),
    Wrong(
        "in the wrong place, nested",
        {"ledger": {"tiers": []}},
        "balance_guard.ledger.tiers is not a known setting there; "
        'it belongs to "balance_guard.tiers".',
    ),
    Wrong(
        "unknown",
        {"metrics": {"zzz": 1}},
        f"balance_guard.metrics.zzz is not a known setting; {KNOWN_IN_METRICS}.",
    ),
    Wrong(
        "an unknown key with a line break",
        {"metrics": {"z\nz": 1}},
        f'balance_guard.metrics["z\\nz"] is not a known setting; {KNOWN_IN_METRICS}.',
    ),
    # Switches
    Wrong("1 for true", {"enabled": 1}, f"balance_guard.enabled is 1; {SWITCH}."),
    Wrong("yes", {"enabled": "yes"}, f'balance_guard.enabled is "yes"; {SWITCH}.'),
    Wrong("quoted true", {"enabled": "true"}, f'balance_guard.enabled is "true"; {SWITCH}.'),
    Wrong("no switch", {"enabled": None}, f"balance_guard.enabled is null; {SWITCH}."),
    Wrong(
        "half an arbitrage at a time",
        {"arbitrage": {"max_in_flight": 0.5}},
        "balance_guard.arbitrage.max_in_flight is 0.5; it must be a whole number from 1 to 1000.",
    ),
    Wrong(
        "a breaker without an amount",
        {"arbitrage": {"breaker": {"max_loss": 0}}},
        f"balance_guard.arbitrage.breaker.max_loss is 0; {ABOVE_ZERO}.",
    ),
    Wrong(
        "an inventory that is no object",
        {"arbitrage": {"min_inventory": {"bot": 5}}},
        "balance_guard.arbitrage.min_inventory.bot is 5; it must be an object.",
    ),
    Wrong(
        "an unknown time in force",
        {"arbitrage": {"time_in_force": "PO"}},
        'balance_guard.arbitrage.time_in_force is "PO"; it must be one of "IOC", "FOK", "GTC".',
    ),
    Wrong(
        "a margin usage above all",
        {"futures": {"max_margin_usage": 101}},
        f"balance_guard.futures.max_margin_usage is 101; {SHARE}.",
    ),
    Wrong(
        "an unknown basis",
        {"position_size_basis": "balance"},
        'balance_guard.position_size_basis is "balance"; '
        'it must be one of "available", "equity", "per_slot".',
    ),
    Wrong(
        "wrong although disabled",
        {"enabled": False, "min_balance_threshold": -1},
        f"balance_guard.min_balance_threshold is -1; {AMOUNT}.",
    ),
    Wrong(
        "0 for false", {"debug_validation": 0}, f"balance_guard.debug_validation is 0; {SWITCH}."
    ),
    Wrong(
        "switch in an object",
        {"alerts": {"balance_change": "no"}},
        f'balance_guard.alerts.balance_change is "no"; {SWITCH}.',
    ),
    # Amounts
    Wrong("negative", {"min_order_size": -1}, f"balance_guard.min_order_size is -1; {AMOUNT}."),
    Wrong(
        "in quotes",
        {"min_order_size": "5"},
        f'balance_guard.min_order_size is "5"; {AMOUNT}, written without quotes.',
    ),
    Wrong(
        "words",
        {"min_order_size_usdt": "five"},
        f'balance_guard.min_order_size_usdt is "five"; {AMOUNT}.',
    ),
    Wrong(
        "NaN",
        {"min_order_size": NAN},
        f"balance_guard.min_order_size is NaN; {AMOUNT}.",
        schema=False,  # no JSON, and every comparison with it is false
    ),
    Wrong(
        "infinity",
        {"min_balance_threshold": INFINITY},
        f"balance_guard.min_balance_threshold is Infinity; {AMOUNT}.",
    ),
    Wrong(
        "minus infinity",
        {"min_balance_threshold": -INFINITY},
        f"balance_guard.min_balance_threshold is -Infinity; {AMOUNT}.",
    ),
    Wrong("true", {"min_order_size": True}, f"balance_guard.min_order_size is true; {AMOUNT}."),
    Wrong("null", {"min_order_size": None}, f"balance_guard.min_order_size is null; {AMOUNT}."),
    Wrong("a list", {"min_order_size": [2]}, f"balance_guard.min_order_size is [2]; {AMOUNT}."),
    Wrong(
        "beyond all money",
        {"min_order_size": 10**19},
        f"balance_guard.min_order_size is 10000000000000000000; {AMOUNT}, {CEILING}.",
    ),
    Wrong(
        "five thousand digits",
        {"min_order_size": 10**5000},
        f"balance_guard.min_order_size is a number; {AMOUNT}, {CEILING}.",
        schema=False,  # jsonschema itself stumbles over printing it
    ),
    # Percents
    Wrong(
        "nothing",
        {"position_size_percent": 0},
        f"balance_guard.position_size_percent is 0; {SHARE}.",
    ),
    Wrong(
        "more than all",
        {"position_size_percent": 100.1},
        f"balance_guard.position_size_percent is 100.1; {SHARE}.",
    ),
    Wrong(
        "percent sign",
        {"position_size_percent": "80%"},
        f'balance_guard.position_size_percent is "80%"; {SHARE}.',
    ),
    Wrong(
        "utilization",
        {"alerts": {"utilization_percent": 101}},
        f"balance_guard.alerts.utilization_percent is 101; {PERCENT}.",
    ),
    Wrong(
        "discrepancy",
        {"alerts": {"discrepancy_percent": -0.5}},
        f"balance_guard.alerts.discrepancy_percent is -0.5; {PERCENT}.",
    ),
    Wrong(
        "slippage",
        {"arbitrage": {"max_slippage_percent": 200}},
        f"balance_guard.arbitrage.max_slippage_percent is 200; {PERCENT}.",
    ),
    # Times
    Wrong(
        "negative time",
        {"balance_cache_duration": -1},
        f"balance_guard.balance_cache_duration is -1; {SECONDS}.",
    ),
    Wrong(
        "a time with its unit",
        {"post_trade_refresh_window": "30s"},
        f'balance_guard.post_trade_refresh_window is "30s"; {SECONDS}.',
    ),
    Wrong(
        "longer than a year",
        {"emergency_rebalance_cooldown": 31536001},
        f"balance_guard.emergency_rebalance_cooldown is 31536001; {SECONDS}.",
    ),
    Wrong(
        "no time for a leg",
        {"arbitrage": {"leg_timeout": 0}},
        f"balance_guard.arbitrage.leg_timeout is 0; {SECONDS_ABOVE_ZERO}.",
    ),
    Wrong(
        "no time for a heartbeat",
        {"ledger": {"heartbeat_timeout": 0}},
        f"balance_guard.ledger.heartbeat_timeout is 0; {SECONDS_ABOVE_ZERO}.",
    ),
    Wrong(
        "an archive of this morning",
        {"ledger": {"keep_days": 0.5}},
        "balance_guard.ledger.keep_days is 0.5; it must be a number of days from 1 to 36500.",
    ),
    Wrong(
        "no time for a reservation",
        {"ledger": {"reservation_timeout": 0.0}},
        f"balance_guard.ledger.reservation_timeout is 0.0; {SECONDS_ABOVE_ZERO}.",
    ),
    Wrong(
        "negative hours",
        {"rebalance": {"min_hours_without_trade": -0.5}},
        "balance_guard.rebalance.min_hours_without_trade is -0.5; it must be a number of hours "
        "from 0 to 8760.",
    ),
    # Floors
    Wrong(
        "a bare amount as floor",
        {"reserve_balance": 5},
        "balance_guard.reserve_balance is 5; it must be an object of currencies and amounts such "
        'as {"USDT": 5}.',
    ),
    Wrong(
        "a negative floor",
        {"reserve_balance": {"USDT": -1}},
        f"balance_guard.reserve_balance.USDT is -1; {AMOUNT}.",
    ),
    Wrong(
        "one currency twice",
        {"reserve_balance": {"usdt": 1, "USDT": 2}},
        'balance_guard.reserve_balance.USDT is given twice, as "usdt" (1) and "USDT" (2); it must '
        "be written once, in lower case where the environment is to override it.",
        schema=False,
    ),
    Wrong(
        "no currency",
        {"reserve_balance": {"US DT": 1}},
        'balance_guard.reserve_balance has the key "US DT"; it must be a currency such as USDT.',
    ),
    # Rebalance
    Wrong(
        "an unknown order",
        {"rebalance": {"order": "oldest_first"}},
        'balance_guard.rebalance.order is "oldest_first"; it must be one of "most_profitable", '
        '"least_loss", "oldest", "largest".',
    ),
    Wrong(
        "a target that is not enough",
        {"rebalance": {"enough_stake": 10, "target_stake": 9.99}},
        "balance_guard.rebalance.target_stake is 9.99; it must be at least enough_stake, 10.",
        schema=False,
    ),
    Wrong(
        "a target below the default",
        {"rebalance": {"target_stake": 4}},
        "balance_guard.rebalance.target_stake is 4; it must be at least enough_stake, 5 (its "
        "default).",
        schema=False,
    ),
    Wrong(
        "rebalance as a switch",
        {"rebalance": True},
        'balance_guard.rebalance is true; it must be an object such as {"enabled": true}.',
    ),
    # Tiers
    Wrong(
        "tiers as an object",
        {"tiers": {"up_to": 50}},
        'balance_guard.tiers is {"up_to": 50}; it must be a list of objects such as '
        '[{"up_to": 100, "position_size_percent": 90}].',
    ),
    Wrong(
        "a tier that is a number",
        {"tiers": [50]},
        'balance_guard.tiers[0] is 50; it must be an object of limits such as {"up_to": 100}.',
    ),
    Wrong(
        "descending tiers",
        {"tiers": [{"up_to": 100}, {"up_to": 50}]},
        "balance_guard.tiers[1].up_to is 50; it must be above 100, the up_to of tiers[0].",
        schema=False,
    ),
    Wrong(
        "equal tiers",
        {"tiers": [{"up_to": 50}, {"up_to": 50.0}]},
        "balance_guard.tiers[1].up_to is 50; it must be above 50, the up_to of tiers[0].",
        schema=False,
    ),
    Wrong(
        "an open tier in the middle",
        {"tiers": [{"up_to": 50}, {}, {"up_to": 500}]},
        "balance_guard.tiers[1].up_to is missing; it must be a number above 0, only the last tier "
        "may omit it.",
        schema=False,
    ),
    Wrong(
        "a tier up to nothing",
        {"tiers": [{"up_to": 0}]},
        f"balance_guard.tiers[0].up_to is 0; {ABOVE_ZERO}.",
    ),
    Wrong(
        "a limit out of range in a tier",
        {"tiers": [{"up_to": 9}, {"position_size_percent": 0}]},
        f"balance_guard.tiers[1].position_size_percent is 0; {SHARE}.",
    ),
    Wrong(
        "a tier that switches the guard off",
        {"tiers": [{"up_to": 9, "enabled": False}]},
        "balance_guard.tiers[0].enabled is not a known setting there; "
        'it belongs to "balance_guard.enabled".',
    ),
    Wrong(
        "a misspelt border",
        {"tiers": [{"upto": 9}]},
        'balance_guard.tiers[0].upto is not a known setting; did you mean "up_to"?',
    ),
    Wrong(
        "a tier that wants more than the target",
        {"rebalance": {"target_stake": 20}, "tiers": [{"rebalance": {"enough_stake": 50}}]},
        "balance_guard.tiers[0].rebalance.enough_stake is 50; it must be at most target_stake, 20.",
        schema=False,
    ),
    Wrong(
        "a tier with a target below the section's",
        {"rebalance": {"enough_stake": 20}, "tiers": [{"rebalance": {"target_stake": 10}}]},
        "balance_guard.tiers[0].rebalance.target_stake is 10; "
        "it must be at least enough_stake, 20.",
        schema=False,
    ),
    # Ledger
    Wrong(
        "another database",
        {"ledger": {"db_url": "mysql://bot:SENTINEL@host/guard"}},
        f'balance_guard.ledger.db_url is "mysql://bot:REDACTED@host/guard"; {DATABASE}.',
    ),
    Wrong(
        "no address",
        {"ledger": {"db_url": "balance_guard.sqlite"}},
        f'balance_guard.ledger.db_url is "balance_guard.sqlite"; {DATABASE}.',
    ),
    Wrong(
        "a database in memory",
        {"ledger": {"db_url": "sqlite:///:memory:"}},
        f'balance_guard.ledger.db_url is "sqlite:///:memory:"; {DATABASE}.',
    ),
    Wrong(
        "a database without a file",
        {"ledger": {"db_url": "sqlite://"}},
        f'balance_guard.ledger.db_url is "sqlite://"; {DATABASE}.',
    ),
    Wrong(
        "an unreadable address",
        {"ledger": {"db_url": "postgresql://bot:SEN/TINEL@[::1/guard"}},
        f'balance_guard.ledger.db_url is "postgresql://bot:REDACTED@[::1/guard"; {DATABASE}.',
        schema=False,
    ),
    Wrong(
        "a password with a slash",
        {"ledger": {"db_url": "postgresql://bot:12/SENTINEL@host/guard"}},
        f'balance_guard.ledger.db_url is "postgresql://bot:REDACTED@host/guard"; {DATABASE}.',
        schema=False,
    ),
    Wrong(
        "a forgotten host",
        {"ledger": {"db_url": "postgresql://bot:SENTINEL"}},
        f'balance_guard.ledger.db_url is "postgresql://REDACTED"; {DATABASE}.',
    ),
    Wrong(
        "a password that is no address",
        {"ledger": {"db_url": "host=h password=SENTINEL"}},
        f'balance_guard.ledger.db_url is "REDACTED"; {DATABASE}.',
    ),
    Wrong(
        "an empty account",
        {"ledger": {"account": " "}},
        f'balance_guard.ledger.account is " "; {ACCOUNT}.',
    ),
    Wrong(
        "the name of dry-run's account",
        {"ledger": {"account": "kraken-dry"}},
        f'balance_guard.ledger.account is "kraken-dry"; {ACCOUNT}.',
        schema=False,
    ),
    Wrong(
        "an unknown orphan policy",
        {"ledger": {"orphan_orders": "kill"}},
        'balance_guard.ledger.orphan_orders is "kill"; '
        'it must be one of "alert", "cancel", "adopt".',
    ),
    # Venues
    Wrong(
        "venues as a list",
        {"venues": ["SENTINEL"]},
        "balance_guard.venues is a list; it must be an object of venues such as "
        '{"second": {"name": "kraken"}}.',
    ),
    Wrong(
        "a forgotten level",
        {"venues": {"key": "SENTINEL", "secret": "SENTINEL"}},
        'balance_guard.venues.key is text; it must be an object such as {"name": "kraken"}.',
    ),
    Wrong(
        "a venue without an exchange",
        {"venues": {"second": {"key": "SENTINEL"}}},
        "balance_guard.venues.second.name is missing; it must be the exchange's name as ccxt knows "
        'it, such as "kraken".',
    ),
    Wrong(
        "the bot's own name",
        {"venues": {"Bot": {"name": "kraken"}}},
        'balance_guard.venues.Bot has the name "bot"; it must have another one, for that is the '
        "bot's own exchange.",
        schema=False,
    ),
    Wrong(
        "one venue twice",
        {"venues": {"A": {"name": "kraken", "key": "SENTINEL"}, "a": {"key": "SENTINEL2"}}},
        "balance_guard.venues.a.key is given twice with different values; it must be written once.",
    ),
    Wrong(
        "one credential twice",
        venue(walletAddress="SENTINEL", wallet_address="SENTINEL2"),
        "balance_guard.venues.second.wallet_address is given twice with different values; it must "
        "be written once.",
        schema=False,
    ),
    Wrong(
        "a misspelt credential",
        venue(secert="SENTINEL"),
        'balance_guard.venues.second.secert is not a known setting; did you mean "secret"?',
    ),
    Wrong(
        "a credential that became a float",
        venue(secret=12e5),
        "balance_guard.venues.second.secret has a wrong kind of value (not shown here); it must be "
        "text in quotes, and one that reads as a number must come from a file.",
    ),
    Wrong(
        "a credential in a list",
        venue(key=["SENTINEL"]),
        "balance_guard.venues.second.key has a wrong kind of value (not shown here); it must be "
        "text in quotes.",
    ),
    Wrong(
        "ccxt's configuration as text",
        venue(ccxt_config="SENTINEL"),
        "balance_guard.venues.second.ccxt_config is text; it must be an object such as "
        '{"enableRateLimit": true}.',
    ),
    Wrong(
        "a negative wallet",
        venue(dry_run_wallet={"USDT": -1}),
        f"balance_guard.venues.second.dry_run_wallet.USDT is -1; {AMOUNT}.",
    ),
    Wrong(
        "a wallet as text",
        venue(dry_run_wallet="1000"),
        f'balance_guard.venues.second.dry_run_wallet is "1000"; {AMOUNT}, written without quotes.',
    ),
    # Arbitrage, metrics
    Wrong(
        "an unknown policy",
        {"arbitrage": {"unhedged_policy": "Unwind"}},
        'balance_guard.arbitrage.unhedged_policy is "Unwind"; it must be one of "hold", "unwind", '
        '"complete".',
    ),
    Wrong(
        "a negative exposure",
        {"arbitrage": {"max_unhedged": -3}},
        f"balance_guard.arbitrage.max_unhedged is -3; {AMOUNT}.",
    ),
    Wrong(
        "a negative port",
        {"metrics": {"listen_port": -1}},
        "balance_guard.metrics.listen_port is -1; it must be a whole number from 0 to 65535.",
    ),
    Wrong(
        "half a port",
        {"metrics": {"listen_port": 9108.5}},
        "balance_guard.metrics.listen_port is 9108.5; it must be a whole number from 0 to 65535.",
    ),
    Wrong(
        "a port too high",
        {"metrics": {"listen_port": 65536}},
        "balance_guard.metrics.listen_port is 65536; it must be a whole number from 0 to 65535.",
    ),
    Wrong(
        "a host name",
        {"metrics": {"listen_ip_address": "localhost"}},
        'balance_guard.metrics.listen_ip_address is "localhost"; it must be an IP address such as '
        '"127.0.0.1".',
        schema=False,  # formats are a matter of the editor
    ),
]

RIGHT: dict[str, Any] = {
    "empty": {},
    "disabled": {"enabled": False},
    "the user's document": {
        "min_order_size_usdt": 2.5,
        "balance_cache_duration": 60,
        "emergency_rebalance_cooldown": 3600,
        "position_size_percent": 80,
        "min_balance_threshold": 2.5,
    },
    "neutral": {
        "min_order_size": 0,
        "min_balance_threshold": 0,
        "position_size_percent": 100,
        "balance_cache_duration": 0,
        "post_trade_refresh_window": 0,
    },
    "both minimums": {"min_order_size": 0.0001, "min_order_size_usdt": 5},
    "tiers": {
        "tiers": [
            {"up_to": 50, "position_size_percent": 95, "min_balance_threshold": 1},
            {"up_to": 500, "reserve_balance": {"USDT": 10}, "rebalance": {"enough_stake": 20}},
            {},
        ]
    },
    "everything": {
        "enabled": True,
        "min_order_size_usdt": 3,
        "min_order_size": 4,
        "balance_cache_duration": 10.5,
        "post_trade_refresh_window": 20,
        "position_size_percent": 50,
        "min_balance_threshold": 5,
        "reserve_balance": {"USDT": 5, "BNB": 0.05},
        "emergency_rebalance_cooldown": 600,
        "rebalance": {
            "enabled": True,
            "enough_stake": 10,
            "target_stake": 10,
            "min_hours_without_trade": 0.25,
            "order": "least_loss",
        },
        "tiers": [{"up_to": 100, "min_order_size": 2, "emergency_rebalance_cooldown": 60}],
        "ledger": {
            "db_url": "postgresql+psycopg://bot:p%40ss@[::1]:5432/guard?sslmode=require",
            "account": "kraken-main",
            "reservation_timeout": 30,
            "heartbeat_timeout": 60,
            "keep_days": 365,
            "orphan_orders": "adopt",
        },
        "venues": {
            "second": {
                "name": "kraken",
                "account": "kraken-two",
                "key": "k",
                "secret": "s",
                "walletAddress": "w",
                "dry_run_wallet": {"USDT": 1000},
                "ccxt_config": {"enableRateLimit": True, "headers": {"X-Token": "t"}},
                "ccxt_sync_config": {},
                "log_responses": False,
                "pair_whitelist": ["BTC/USDT"],
            },
            "third": {"name": "binance", "api_key": None, "dry_run_wallet": 500},
        },
        "arbitrage": {
            "unhedged_policy": "unwind",
            "max_unhedged": 50,
            "max_slippage_percent": 0.5,
            "leg_timeout": 5,
        },
        "alerts": {"utilization_percent": 90, "discrepancy_percent": 2, "balance_change": False},
        "metrics": {"enabled": True, "listen_ip_address": "::1", "listen_port": 9109},
        "debug_validation": True,
    },
}
