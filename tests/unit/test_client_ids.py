"""Client order ids: legal everywhere, never the same twice, and they say whose they are."""

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from freqtrade.exchange.common import SUPPORTED_EXCHANGES
from hypothesis import given
from hypothesis import strategies as st

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.exchanges.names import SAME_AS, protocol_of
from freqtrade_balance_guard.network.request_expiry import RequestExpiry
from freqtrade_balance_guard.orders.client_ids import (
    TABLE,
    TOKEN_BITS,
    Ask,
    ClientIds,
    belongs_to,
    new_token,
    tag_of,
)


ROWS = [pytest.param(row, id=f"{row.exchange} {row.trading_mode}") for row in TABLE.values()]
rows = st.sampled_from(list(TABLE.values()))
tokens = st.integers(0, 2**TOKEN_BITS - 1)


@given(row=rows, bot=st.text(max_size=20), token=tokens)
def test_an_id_is_legal_and_tells_the_bot(row, bot, token):
    made = row.make(tag_of(bot), token)
    assert row.is_legal(made)
    assert belongs_to(made) == tag_of(bot)


@given(rows, st.sets(st.tuples(st.sampled_from(["0000", "beef"]), tokens), max_size=9))
def test_two_orders_never_share_an_id(row, orders):
    assert len({row.make(tag, token) for tag, token in orders}) == len(orders)


@pytest.mark.parametrize("row", ROWS)
def test_without_a_token_one_is_drawn(row):
    assert len({row.make("beef") for _ in range(1000)}) == 1000


def test_tokens_use_all_their_bits():
    drawn = [new_token() for _ in range(300)]
    assert max(drawn).bit_length() <= TOKEN_BITS
    assert all(any(token >> bit & 1 for token in drawn) for bit in range(TOKEN_BITS))


def test_a_bots_tag_is_the_same_on_every_machine_and_run():
    assert tag_of("freqtrade") == "8ef2"
    assert len({tag_of(f"bot-{number}") for number in range(100)}) == 100


@given(st.text() | st.none() | st.integers())
def test_an_id_that_no_guard_made_belongs_to_nobody(foreign):
    assert belongs_to(foreign) is None


@pytest.mark.parametrize(
    "foreign",
    [
        "",
        "bgbeef",
        "bgBEEFaaaaaaaaaaaa",
        "bgbeefaaaaaaaaaaaaa",
        "bgbeefaaaaaaaaaaa1",
        "x-TKT5PX2F22ecb58eb9074fb1be018c",
        "0xba1a2ce5beef",
        "0x1234567890abcdef1234567890abcdef",
        "6d1b345e-2821-40e2-ad83-4ecb18a06876",
    ],
)
def test_an_id_that_only_looks_alike_belongs_to_nobody(foreign):
    assert belongs_to(foreign) is None


@pytest.mark.parametrize(("tag", "token"), [("BEEF", 1), ("bee", 1), ("beef", -1), ("beef", 2**60)])
def test_a_wrong_tag_or_token_is_an_error_and_no_illegal_id(tag, token):
    with pytest.raises(ValueError, match=r"tag|token"):
        ClientIds.of("kraken").make(tag, token)


def test_krakens_ids_are_at_most_eighteen_characters_of_plain_text():
    assert re.fullmatch("bgbeef[a-z2-7]{12}", ClientIds.of("kraken").make("beef"))


def test_hyperliquids_ids_are_128_bits_in_hex():
    assert re.fullmatch("0xba1a2ce5beef0{5}[0-9a-f]{15}", ClientIds.of("hyperliquid").make("beef"))


def test_gates_ids_say_that_they_are_texts_of_ours():
    made = ClientIds.of("gate").make("beef")
    assert re.fullmatch("t-bgbeef[a-z2-7]{12}", made)
    assert belongs_to(made) == "beef"


def test_every_exchange_that_freqtrade_supports_has_a_row():
    listed = {name for name, _ in TABLE} | set(SAME_AS)
    # In ccxt no more.
    assert set(SUPPORTED_EXCHANGES) - {"bitmart"} <= listed
    assert all(target in {name for name, _ in TABLE} for target in SAME_AS.values())


def test_another_name_of_an_exchange_has_the_same_row_under_its_own_name():
    other, okx = ClientIds.of("myokx"), ClientIds.of("okx")
    assert other.exchange == "myokx"
    assert (other.wire, other.ask_as, other.legal) == (okx.wire, okx.ask_as, okx.legal)


@pytest.mark.parametrize("name", ["bybit_demo", "bybiteu", "myokx", "okxus", "binanceus_demo"])
def test_an_order_expires_under_every_name_of_an_exchange_as_under_its_first(name):
    api, clock = SimpleNamespace(options={"recvWindow": 10_000}), ManualClock()
    server = SimpleNamespace(fetch_time=lambda: 1_767_225_600_000)
    expiries = [RequestExpiry(one, api, clock) for one in (name, protocol_of(name))]
    assert all(expiry.measure(server) for expiry in expiries)
    named, first = [(one.seconds, one.params(), one.headers()) for one in expiries]
    assert named == first
    assert named[0] == 13.0


@pytest.mark.parametrize(("name", "mode"), [("nowhere", "spot"), ("kraken", "futures")])
def test_an_exchange_without_a_row_is_sent_no_id(name, mode):
    row = ClientIds.of(name, mode)
    made = row.make("beef")
    assert (row.sends(), row.sends(stop=True), row.ask) == (False, False, Ask.NOT)
    assert row.order_params(made) == row.order_params(made, stop=True) == {}
    # The ledger still needs a name for the order.
    assert belongs_to(made) == "beef"


@pytest.mark.parametrize("row", ROWS)
def test_a_row_that_can_be_asked_says_how(row):
    assert (row.ask in (Ask.ONE, Ask.FILTERED)) == (row.ask_as is not None)
    asked = row.ask_params("x")
    assert set(asked) == ({row.ask_as} if row.ask_as else set())
    assert row.memory is not None or row.exchange == "kraken"  # it keeps every order


def test_the_table_in_the_docs_is_the_one_in_the_code():
    script = Path(__file__).parents[2] / "scripts" / "generate_client_order_ids.py"
    answer = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stdout.strip()) == (0, "up to date")
