"""Entry controls: who is asked, in which order, and what counts."""

from collections.abc import Callable

import pytest

from freqtrade_balance_guard.limits.controls import (
    ALWAYS,
    ControlName,
    DeniedUntilReload,
    EntryControls,
    PlannedEntry,
)
from freqtrade_balance_guard.limits.decision import DenialCode, Denied
from freqtrade_balance_guard.limits.sizing import EntryKind


ENTRY = PlannedEntry("BTC/USDT")


class Part:
    """A part with a control; notes whether it was asked."""

    def __init__(self, answer: Denied | None, note: Callable[[], None] = lambda: None) -> None:
        self._answer, self._note = answer, note

    def check_entry(self, entry: PlannedEntry) -> Denied | None:
        self._note()
        return self._answer


def no(sentence: str) -> Denied:
    return Denied(DenialCode.ORDER_UNRESOLVED, sentence)


def test_without_controls_everything_goes() -> None:
    assert EntryControls().check(ENTRY) is None
    assert list(EntryControls().answers(ENTRY)) == []


def test_they_are_asked_in_the_order_of_their_names_whatever_the_order_of_registration() -> None:
    controls, asked = EntryControls(), []
    for name in reversed(ControlName):
        controls.register(name, Part(None, lambda name=name: asked.append(name)))
    assert controls.check(ENTRY) is None
    assert asked == list(ControlName)


def test_the_first_denial_counts_and_nothing_is_asked_after_it() -> None:
    controls, asked = EntryControls(), []
    controls.register(ControlName.PAUSED, Part(None))
    controls.register(ControlName.SOLD_LATELY, Part(no("second")))
    controls.register(ControlName.LEDGER, Part(no("first")))
    controls.register(ControlName.ARBITRAGE, Part(no("last"), lambda: asked.append(1)))
    assert controls.check(ENTRY) == no("first")
    assert asked == []


@pytest.mark.parametrize("name", ControlName)
def test_with_neutral_settings_only_what_always_holds_is_asked(name: ControlName) -> None:
    controls = EntryControls()
    controls.register(name, Part(no("x")))
    assert (controls.check(ENTRY, is_neutral=True) is not None) == (name in ALWAYS)


def test_always_hold_wrong_settings_a_pause_orders_in_question_and_arbitrages() -> None:
    assert ALWAYS == {
        ControlName.SETTINGS,
        ControlName.PAUSED,
        ControlName.ORDER_UNRESOLVED,
        ControlName.ARBITRAGE,
    }


def test_a_part_can_be_replaced_and_taken_out() -> None:
    controls = EntryControls()
    controls.register(ControlName.LEDGER, Part(no("old")))
    controls.register(ControlName.LEDGER, Part(None))
    assert controls.check(ENTRY) is None
    controls.register(ControlName.LEDGER, Part(no("new")))
    controls.register(ControlName.LEDGER, None)
    assert controls.check(ENTRY) is None


def test_for_an_explanation_all_answer_also_after_a_denial_and_one_that_fails_denies() -> None:
    class Broken:
        def check_entry(self, entry: PlannedEntry) -> Denied | None:
            raise ZeroDivisionError("planted")

    controls = EntryControls()
    controls.register(ControlName.PAUSED, Part(no("x")))
    controls.register(ControlName.LEDGER, Broken())
    controls.register(ControlName.ARBITRAGE, Part(None))
    answers = dict(controls.answers(ENTRY))
    assert list(answers) == [ControlName.PAUSED, ControlName.LEDGER, ControlName.ARBITRAGE]
    assert answers[ControlName.PAUSED] == no("x")
    failed = answers[ControlName.LEDGER]
    assert failed is not None
    assert failed.code is DenialCode.GUARD_ERROR
    assert "ZeroDivisionError" in failed.sentence
    assert answers[ControlName.ARBITRAGE] is None


def test_an_entry_is_a_new_one_unless_it_says_otherwise() -> None:
    assert PlannedEntry("BTC/USDT").kind is EntryKind.NEW


@pytest.mark.parametrize(
    ("kind", "is_denied"),
    [(EntryKind.NEW, True), (EntryKind.ADJUSTMENT, True), (EntryKind.REPLACEMENT, False)],
)
def test_until_a_reload_all_but_replacements_are_denied(kind: EntryKind, is_denied: bool) -> None:
    denied = no("the settings are wrong")
    answer = DeniedUntilReload(denied).check_entry(PlannedEntry("BTC/USDT", kind))
    assert answer == (denied if is_denied else None)
