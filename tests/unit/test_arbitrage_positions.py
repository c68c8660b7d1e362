"""What a trade of a pair has got, and what is bought back when freqtrade sells some of it."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from freqtrade_balance_guard.arbitrage.positions import Position, draft_of, follow
from freqtrade_balance_guard.arbitrage.unhedged import Exposure


D = Decimal
NOW = datetime(2026, 11, 21, tzinfo=UTC)
STEP = D("0.001")
amounts = st.decimals(min_value=0, max_value=10, places=4)
some = st.decimals(min_value="0.01", max_value=10, places=4)


def position(amount="1", hedged=None, **more):
    told = {
        "arbitrage_id": 7,
        "bot": "bot",
        "trade_id": 3,
        "pair": "ETH/USDT",
        "amount": D(amount),
        "trade_amount": D(amount),
        "accounted": D(amount),
        "hedged": D(amount if hedged is None else hedged),
        "other_venue": "there",
        "other_account": "there",
        "other_pair": "ETH/USDT",
        "other_price": D(2550),
        "opened_at": NOW,
    }
    return Position(**(told | more))


def exposure(net):
    told = draft_of(position(abs(D(net))), D(1), NOW)
    return replace(told, id=1, net=D(net), venue="bot", closes=False)


def sold_down_to(one, held, exposures=(), step=STEP):
    return follow(one, D(held), exposures, step=step, rate=D(1), now=NOW)


def test_nothing_is_bought_back_as_long_as_nothing_was_sold():
    assert sold_down_to(position(), "1") is None
    assert sold_down_to(position(), "1.5") is None


def test_what_is_sold_of_the_trade_is_bought_back_on_the_other_venue():
    followed = sold_down_to(position(), "0.4")
    (bought_back,) = followed.exposures
    assert (bought_back.net, bought_back.venue, bought_back.closes) == (D("-0.6"), "there", True)
    assert followed.to_buy_back == D("0.6")
    assert (followed.position.accounted, followed.position.hedged) == (D("0.4"), D("0.4"))


def test_a_sale_hedges_first_what_was_held_without_a_sale():
    followed = sold_down_to(position(hedged="0.4"), "0", [exposure("0.6")])
    held, bought_back = followed.exposures
    assert (held.net, held.is_open) == (0, False)
    assert bought_back.net == D("-0.4")


def test_a_part_below_the_other_venues_step_waits_for_the_next_sale():
    assert sold_down_to(position(), "0.9996") is None
    first = sold_down_to(position(), "0.8996")
    assert first.to_buy_back == D("0.1")
    last = sold_down_to(first.position, "0")
    assert last.to_buy_back == D("0.9")


def test_a_trade_that_a_fee_made_smaller_is_still_all_of_the_pair():
    one = position(trade_amount=D("0.999"))
    assert one.held(D("0.999")) == 1
    assert one.held(D("0.4995")) == D("0.5")


def test_what_the_strategy_added_to_the_trade_is_its_own_business():
    assert position().held(D(3)) == 1


def test_a_later_sale_elsewhere_is_bought_back_with_the_trade():
    held_alone = position(hedged="0")
    hedged = held_alone.sold_more(D(1))
    assert sold_down_to(hedged, "0").to_buy_back == 1


def test_a_later_purchase_does_not_hide_a_sale_that_came_before_it():
    one = position("0.4")
    # 0.1 of the trade was sold; nobody has acted on it when 0.6 more are bought.
    more = one.more(D("0.6"), gained=D("0.6"), trade_amount=D("0.9"))
    assert more.held(D("0.9")) == D("0.9")
    followed = sold_down_to(more, more.held(D("0.9")))
    assert followed.to_buy_back == D("0.1")
    assert sold_down_to(followed.position, "0").to_buy_back == D("0.9")


def test_a_purchase_that_came_after_the_trade_was_sold_belongs_to_the_new_trade():
    sold = sold_down_to(position("0.4"), "0").position
    again = sold.moved(9, D("0.6"), D("0.6"), "EX-2")
    assert (again.trade_id, again.held(D("0.6"))) == (9, D("0.6"))
    assert sold_down_to(again, again.held(D("0.6"))) is None
    assert sold_down_to(again, "0").to_buy_back == D("0.6")


@given(
    amount=some,
    share=st.decimals(min_value=0, max_value=1, places=2),
    cuts=st.lists(st.decimals(min_value=0, max_value=1, places=3), max_size=6),
    step=st.sampled_from([D(0), D("0.001"), D("0.01"), D("0.3")]),
)
def test_in_whatever_parts_a_trade_is_sold_all_that_was_sold_elsewhere_is_bought_back_once(
    amount, share, cuts, step
):
    hedged = (amount * share).quantize(D("0.0001"))
    one = position(amount, hedged)
    open_ones = [exposure(amount - hedged)] if amount > hedged else []
    bought_back = D(0)
    for part in [*sorted(cuts, reverse=True), D(0)]:
        followed = sold_down_to(one, amount * part, open_ones, step)
        if followed is None:
            continue
        one = followed.position
        bought_back += followed.to_buy_back
        open_ones = [e for e in followed.exposures if not e.closes and e.is_open] or (
            [] if any(not e.closes for e in followed.exposures) else open_ones
        )
        assert one.hedged >= 0
        assert one.accounted >= amount * part
    assert bought_back == hedged
    assert (one.hedged, one.accounted) == (0, 0)
    assert open_ones == []


@given(first=some, sold=amounts, later=some, fee=st.sampled_from([D(0), D("0.001")]))
def test_after_more_was_bought_the_whole_is_bought_back_when_the_trade_is_gone(
    first, sold, later, fee
):
    """With and without fees in the coin, and with a sale in between that was not acted on."""
    sold = min(sold, first)
    keeps = 1 - fee
    one = position(first, trade_amount=first * keeps)
    more = one.more(later, later * keeps, (first - sold + later) * keeps)
    step = sold_down_to(more, more.held(more.trade_amount), step=D(0))
    before = D(0) if step is None else step.to_buy_back
    after = sold_down_to(more if step is None else step.position, "0", step=D(0))
    assert abs(before + after.to_buy_back - first - later) <= D("1e-20")
    assert abs(before - sold) <= D("1e-20")


def test_exposures_of_their_own_are_not_touched():
    own = exposure("-0.5")
    followed = sold_down_to(position(), "0", [own])
    assert isinstance(own, Exposure)
    assert [one.closes for one in followed.exposures] == [True]
