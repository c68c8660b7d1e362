"""Refused for sure, or unknown: what an error out of create_order says about the order."""

import ccxt
import pytest
from freqtrade.exceptions import (
    ConfigurationError,
    DDosProtection,
    DependencyException,
    ExchangeError,
    InsufficientFundsError,
    InvalidOrderException,
    OperationalException,
    RetryableOrderError,
    TemporaryError,
)

from freqtrade_balance_guard.errors import redacted
from freqtrade_balance_guard.integration.exchange.order_error import (
    Outcome,
    classify,
    is_insufficient_funds,
)
from freqtrade_balance_guard.integration.host.entry_denied import EntryDenied
from freqtrade_balance_guard.limits.decision import DenialCode, Denied


def mapped(cause, as_=TemporaryError):
    """What freqtrade raises of a ccxt error."""
    try:
        raise as_(f"Could not place buy order due to {type(cause).__name__}.") from cause
    except as_ as error:
        return error


REFUSED = [
    (
        ccxt.InsufficientFunds('kraken {"error":["EOrder:Insufficient funds"]}'),
        InvalidOrderException,
    ),
    (ccxt.InvalidOrder('kraken {"error":["EOrder:Order minimum not met"]}'), InvalidOrderException),
    (ccxt.ExchangeError('kraken {"error":["EOrder:Cost minimum not met"]}'), TemporaryError),
    (ccxt.BadRequest('binance {"code":-1013,"msg":"Filter failure: NOTIONAL"}'), TemporaryError),
    (ccxt.AuthenticationError('kraken {"error":["EAPI:Invalid key"]}'), TemporaryError),
    (ccxt.InvalidNonce('kraken {"error":["EAPI:Invalid nonce"]}'), TemporaryError),
    (ccxt.DDoSProtection('kraken {"error":["EOrder:Rate limit exceeded"]}'), DDosProtection),
    (ccxt.RateLimitExceeded("kraken POST https://api 429 Too Many Requests"), TemporaryError),
    (ccxt.ArgumentsRequired("gate createOrder() requires a price argument"), TemporaryError),
]
UNKNOWN = [
    (ccxt.RequestTimeout("kraken POST https://api.kraken.com/0/private/AddOrder"), TemporaryError),
    (ccxt.NetworkError("kraken POST https://api.kraken.com/0/private/AddOrder"), TemporaryError),
    (ccxt.ExchangeNotAvailable("kraken POST 502 Bad Gateway"), TemporaryError),
    (ccxt.OnMaintenance("EService:Market in post_only mode"), TemporaryError),
    (ccxt.BadResponse("binance -1006 execution status unknown"), TemporaryError),
    (ccxt.NullResponse("binance parseOrder() returned empty response"), TemporaryError),
    (ccxt.OperationFailed("binance -1001 DISCONNECTED"), TemporaryError),
    (ccxt.CancelPending("x"), TemporaryError),
    # Filed as definite, but an order with our id is there: the request came twice.
    (ccxt.DuplicateOrderId("krakenfutures clientOrderIdAlreadyExist"), InvalidOrderException),
    (ccxt.BadRequest("kraken EGeneral:Invalid arguments:cl_ord_id not unique"), TemporaryError),
    (ccxt.InvalidOrder("binance -2010 Duplicate order sent."), InvalidOrderException),
    # Filed as definite or turned away because ccxt has no better row for them.
    (ccxt.ExchangeError("kraken EService:Deadline elapsed"), TemporaryError),
    (ccxt.ExchangeError("nowhere 999 system busy"), TemporaryError),
    (ccxt.ExchangeError("okx {}"), TemporaryError),
    (ccxt.RateLimitExceeded("binance -5041 Time out for too many requests"), TemporaryError),
    # Of no family at all.
    (ccxt.BaseError("what"), OperationalException),
]


@pytest.mark.parametrize(("cause", "as_"), REFUSED, ids=lambda value: str(value)[:60])
def test_the_exchange_said_no(cause, as_):
    assert classify(mapped(cause, as_)) is Outcome.REJECTED
    assert classify(cause) is Outcome.REJECTED


@pytest.mark.parametrize(("cause", "as_"), UNKNOWN, ids=lambda value: str(value)[:60])
def test_nobody_knows(cause, as_):
    assert classify(mapped(cause, as_)) is Outcome.UNKNOWN
    assert classify(cause) is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "error",
    [
        InvalidOrderException(
            "In stoploss limit order, stop price should be more than limit price."
        ),
        InsufficientFundsError("not enough"),
        OperationalException("stoploss is not implemented for Bybit."),
        ConfigurationError("wrong"),
        DependencyException("no"),
        EntryDenied(Denied(DenialCode.CAP_BELOW_MINIMUM, "too small")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_freqtrade_or_the_guard_refused_before_anything_was_sent(error):
    assert classify(error) is Outcome.REJECTED


@pytest.mark.parametrize(
    "error",
    [
        ValueError("could not convert string to float: 'x'"),
        KeyError("txid"),
        TypeError("object of type 'NoneType' has no len()"),
        AttributeError("'str' object has no attribute 'get'"),
        TimeoutError(),
        TemporaryError("no cause"),
        DDosProtection("no cause"),
        RetryableOrderError("no cause"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_out_of_reading_an_answer_says_nothing(error):
    assert classify(error) is Outcome.UNKNOWN


def test_an_error_after_freqtrade_had_the_order_in_hands_says_nothing():
    def _order_contracts_to_amount():
        raise mapped(ccxt.BadRequest("no trades"))

    with pytest.raises(ExchangeError) as raised:
        _order_contracts_to_amount()
    assert classify(raised.value) is Outcome.UNKNOWN
    assert classify(mapped(ccxt.BadRequest("no trades"))) is Outcome.REJECTED


def kinds(root):
    yield root
    for kind in root.__subclasses__():
        yield from kinds(kind)


def test_of_ccxts_temporary_errors_only_the_turned_away_ones_are_refusals():
    refused = {
        kind.__name__
        for kind in kinds(ccxt.OperationFailed)
        if classify(mapped(kind("x"))) is Outcome.REJECTED
    }
    assert refused == {"DDoSProtection", "RateLimitExceeded", "InvalidNonce", "ChecksumError"}


# Codes, whatever class ccxt has picked


@pytest.mark.parametrize(
    "text",
    [
        'binance {"code":-2019,"msg":"Margin is insufficient."}',
        'binanceusdm {"code":-2022,"msg":"ReduceOnly Order is rejected."}',
        'binance {"code":-4164,"msg":"Order\'s notional must be no smaller than 5"}',
        'binance {"code":-1021,"msg":"Timestamp for this request is outside of the recvWindow."}',
        'okx {"code":"1","data":[{"clOrdId":"x","sCode":"51008","sMsg":"Order failed."}]}',
        'myokx {"code":"1","data":[{"sCode":"51004","sMsg":"x"}]}',
        'bybit {"retCode":110007,"retMsg":"ab not enough for new order"}',
    ],
)
def test_a_code_that_means_no_counts_in_the_plainest_error(text):
    assert classify(ccxt.ExchangeError(text)) is Outcome.REJECTED
    elsewhere = "nowhere" + text[text.index(" ") :]
    assert classify(ccxt.ExchangeError(elsewhere)) is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "error",
    [
        ccxt.InsufficientFunds('bingx {"code":80012,"msg":"service unavailable"}'),
        ccxt.InvalidOrder('binance {"code":-2010,"msg":"Duplicate order sent."}'),
        ccxt.ExchangeError('binance {"code":-1008,"msg":"Server is currently overloaded."}'),
        ccxt.ExchangeError('binance {"code":-20101,"msg":"another code"}'),
    ],
    ids=str,
)
def test_a_code_that_leaves_doubt_counts_more_than_the_class(error):
    assert classify(error) is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (InsufficientFundsError("not enough"), True),
        (mapped(ccxt.InsufficientFunds("kraken EOrder:Insufficient funds")), True),
        (ccxt.ExchangeError('binance {"code":-2019,"msg":"Margin is insufficient."}'), True),
        (mapped(ccxt.InsufficientFunds('bingx {"code":80012,"msg":"busy"}')), False),
        (ccxt.InvalidOrder("kraken EOrder:Order minimum not met"), False),
        (ValueError("x"), False),
    ],
    ids=str,
)
def test_the_lack_of_coins_is_recognised(error, is_it):
    assert is_insufficient_funds(error) is is_it


def test_keys_and_signatures_do_not_get_into_a_sentence():
    url = (
        "htx POST https://api.huobi.pro/v1/order/orders/place?AccessKeyId=abc-123&Signature=s%3D"
        "&Timestamp=2026 Read timed out"
    )
    assert redacted(url) == (
        "htx POST https://api.huobi.pro/v1/order/orders/place?*** Read timed out"
    )
    text = redacted('{"api_key": "abc", "signature":"def", sign=ghi&symbol=BTC}')
    assert not any(secret in text for secret in ("abc", "def", "ghi"))
    assert "symbol=BTC" in text
    assert redacted("no secret in here: EOrder:Insufficient funds") == (
        "no secret in here: EOrder:Insufficient funds"
    )
