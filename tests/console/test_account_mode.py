"""What kind of account an exchange says that a futures bot has, and what to do about it."""

import pytest

from freqtrade_balance_guard.console.accounts.account_mode import (
    QUESTIONS,
    AccountMode,
    findings,
    is_known,
    questions,
    read_mode,
)


ADDRESS = "0x" + "ab" * 20

# As recorded (bybit, gate) or as the exchange documents the request.
ANSWERS = {
    "binance one-way": (
        "binance",
        {
            "position_mode": {"dualSidePosition": False},
            "asset_mode": {"multiAssetsMargin": False},
            "portfolio": {"isPortfolioMarginRetailEnabled": False},
        },
        AccountMode("one-way", "single", "classic"),
        [],
    ),
    "binance hedge": (
        "binance",
        {"position_mode": {"dualSidePosition": "true"}, "asset_mode": {"multiAssetsMargin": True}},
        AccountMode("hedge", "multi"),
        ["hedge_mode", "multi_assets_mode"],
    ),
    "binance portfolio": (
        "binance",
        {"portfolio": {"isPortfolioMarginRetailEnabled": True}},
        AccountMode(kind="portfolio"),
        ["portfolio_margin"],
    ),
    "okx futures mode": (
        "okx",
        {
            "config": {
                "data": [{"acctLv": "2", "posMode": "net_mode", "uid": "44", "mainUid": "44"}]
            }
        },
        AccountMode("one-way", "single", "unified", owner="main account"),
        ["unified_account"],
    ),
    "okx multi-currency": (
        "myokx",
        {
            "config": {
                "data": [{"acctLv": "3", "posMode": "long_short_mode", "uid": "5", "mainUid": "44"}]
            }
        },
        AccountMode("hedge", "multi", "unified", owner="subaccount"),
        ["hedge_mode", "unified_account"],
    ),
    "okx spot": (
        "okx",
        {"config": {"data": [{"acctLv": "1", "posMode": "net_mode"}]}},
        AccountMode("one-way", "single", "spot only"),
        ["spot_account"],
    ),
    "bybit unified": (
        "bybit",
        {
            "account": {"result": {"marginMode": "REGULAR_MARGIN", "unifiedMarginStatus": 4}},
            "positions": {"result": {"list": [{"positionIdx": 0}]}},
        },
        AccountMode("one-way", kind="unified", margin="cross"),
        ["unified_account", "margin_mode_differs"],
    ),
    "bybit hedge": (
        "bybit",
        {
            "account": {"result": {"marginMode": "PORTFOLIO_MARGIN", "unifiedMarginStatus": 6}},
            "positions": {"result": {"list": [{"positionIdx": 1}]}},
        },
        AccountMode("hedge", kind="portfolio"),
        ["hedge_mode", "portfolio_margin"],
    ),
    "gate classic": (
        "gate",
        {"account": {"in_dual_mode": False, "total": "9"}, "unified": {"mode": "classic"}},
        AccountMode("one-way", kind="classic"),
        [],
    ),
    "gate unified": (
        "gateio",
        {"account": {"in_dual_mode": True}, "unified": {"mode": "multi_currency"}},
        AccountMode("hedge", "multi", "unified"),
        ["hedge_mode", "unified_account"],
    ),
    "bitget": (
        "bitget",
        {
            "account": {
                "data": {"posMode": "hedge_mode", "assetMode": "union", "marginMode": "crossed"}
            }
        },
        AccountMode("hedge", "multi", "classic", "cross"),
        ["hedge_mode", "margin_mode_differs"],
    ),
    "hyperliquid unified": (
        "hyperliquid",
        {"role": {"role": "user"}, "abstraction": '"unifiedAccount"'},
        AccountMode("one-way", kind="unified", owner="main account"),
        ["unified_account"],
    ),
    "hyperliquid API wallet": (
        "hyperliquid",
        {"role": {"role": "agent"}, "abstraction": '"default"'},
        AccountMode("one-way", kind="classic", owner="API wallet"),
        ["wallet_address"],
    ),
    "krakenfutures": (
        "krakenfutures",
        {"accounts": {"accounts": {"cash": {}, "flex": {"currencies": {}}}}},
        AccountMode("one-way", "multi"),
        [],
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_the_mode_is_named_and_what_stands_in_the_way_is_found(case):
    exchange, answers, mode, codes = ANSWERS[case]
    assert read_mode(exchange, answers) == mode
    address = ADDRESS if exchange == "hyperliquid" else None
    found = list(findings(exchange, mode, margin_mode="isolated", wallet_address=address))
    assert found[0].code == "account_mode" and str(mode) in found[0].sentence
    assert [one.code for one in found[1:] if one.level != "note"] == codes
    assert all(one.remedy for one in found)


@pytest.mark.parametrize("exchange", QUESTIONS)
def test_answers_of_another_shape_say_nothing(exchange):
    for answers in ({}, {"config": None}, {"account": [], "config": {"data": []}}):
        assert read_mode(exchange, answers).kind == ""


@pytest.mark.parametrize("address", ["", "0x12", "ab" * 21])
def test_an_address_that_is_none_is_an_error(address):
    found = findings("hyperliquid", AccountMode(), margin_mode="cross", wallet_address=address)
    assert "wallet_address" in [one.code for one in found]


def test_a_wallets_address_is_a_part_of_the_questions():
    assert {one.params["user"] for one in questions("hyperliquid", ADDRESS)} == {ADDRESS}
    assert is_known("okxus") and not is_known("htx")


def test_in_cross_margin_binance_may_count_other_coins():
    found = findings("binance", AccountMode("one-way", "multi"), margin_mode="cross")
    assert [one.level for one in found] == ["note", "note"]
