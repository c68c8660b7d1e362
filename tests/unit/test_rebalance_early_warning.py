"""The early warning: told once, in time, by numbers that can be checked."""

from decimal import Decimal

import pytest

from freqtrade_balance_guard.rebalance.early_warning import EarlyWarning, Outlook, Sample
from tests.support.early_warning import measure


D = Decimal
HOUR = 3600.0
THRESHOLD = D("2.5")


def feed(warning: EarlyWarning, *samples: tuple[float, str]) -> list[tuple[float, Outlook]]:
    """Minutes and available stake; the warnings that came, and when."""
    told = []
    for minute, available in samples:
        outlook = warning.observe(Sample(minute * 60, D(available)), THRESHOLD)
        if outlook is not None:
            told.append((minute, outlook))
    return told


def test_it_is_told_when_stake_lasts_for_less_than_an_hour() -> None:
    # 10 USDT per half hour: 20 an hour, and 22.5 - 2.5 last for one.
    told = feed(EarlyWarning(), (0, "52.5"), (30, "42.5"), (60, "32.5"), (89, "32.5"), (90, "22.5"))
    ((minute, outlook),) = told
    assert minute == 90
    assert (outlook.per_hour, outlook.seconds) == (20, HOUR)
    assert outlook.sentence("USDT") == (
        "22.5 USDT available; at 20 USDT per hour it is below 2.5 USDT in about 60 minutes."
    )


def test_it_is_told_once_while_it_goes_on() -> None:
    drain = [(minute, str(60 - minute / 3)) for minute in range(0, 170, 5)]
    assert len(feed(EarlyWarning(), *drain)) == 1


def test_after_it_was_over_for_half_an_hour_it_is_told_again() -> None:
    warning = EarlyWarning()
    drain = [(0, "60"), (40, "45"), (80, "30"), (110, "20")]
    assert len(feed(warning, *drain)) == 1
    assert feed(warning, (115, "60"), (140, "60"), (141, "19")) == []
    assert feed(warning, (150, "60"), (180, "60")) == []
    assert len(feed(warning, (200, "6"))) == 1


def test_what_open_entries_will_take_is_counted_as_used() -> None:
    warning = EarlyWarning()
    warning.observe(Sample(0, D(40)), THRESHOLD)
    assert warning.observe(Sample(HOUR, D(30)), THRESHOLD) is None
    outlook = warning.observe(Sample(HOUR, D(30), on_the_way=D(10)), THRESHOLD)
    assert outlook is not None
    assert (outlook.left, outlook.per_hour) == (20, 20)


def test_the_rate_is_that_of_the_time_that_was_observed() -> None:
    warning = EarlyWarning()
    feed(warning, (1000, "60"), (1040, "40"))
    assert warning.outlook(THRESHOLD).per_hour == 30


def test_too_short_a_look_makes_no_rate() -> None:
    assert feed(EarlyWarning(), (0, "40"), (29, "4")) == []
    assert len(feed(EarlyWarning(), (0, "40"), (30, "4"))) == 1


def test_what_comes_in_counts_against_what_is_used() -> None:
    assert feed(EarlyWarning(), (0, "20"), (20, "10"), (40, "25"), (60, "20")) == []


def test_below_the_threshold_there_is_nothing_to_foresee() -> None:
    warning = EarlyWarning()
    assert feed(warning, (0, "40"), (60, "2"), (61, "3")) == []
    assert warning.outlook(THRESHOLD).sentence("USDT") == (
        "3 USDT available; at 36.39 USDT per hour it is below 2.5 USDT in about a minute."
    )
    feed(warning, (62, "2.4"))
    assert warning.outlook(THRESHOLD).sentence("USDT") == "2.4 USDT available, below 2.5 USDT."


def test_a_quiet_bot_is_told_nothing_and_remembers_little() -> None:
    warning = EarlyWarning()
    assert feed(warning, *((minute / 12, "40") for minute in range(24 * 60 * 12))) == []
    assert len(warning._samples) == 2
    assert warning.outlook(THRESHOLD).sentence("USDT") == (
        "40 USDT available, and no stake is being used up."
    )


def test_a_bot_that_is_quiet_again_remembers_how_it_came_there_and_no_more() -> None:
    warning = EarlyWarning()
    feed(warning, (0, "60"), (20, "50"), (40, "40"), *((41 + n, "30") for n in range(30)))
    assert [(sample.at / 60, sample.left) for sample in warning._samples] == [
        (0, 60),
        (20, 50),
        (40, 40),
        (41, 30),
        (70, 30),
    ]
    assert warning.outlook(THRESHOLD).per_hour * 70 / 60 == 30


def test_use_of_before_the_window_is_forgotten() -> None:
    warning = EarlyWarning()
    feed(warning, (0, "100"), (10, "40"), (60, "40"), (130, "40"))
    assert warning.outlook(THRESHOLD).seconds is None


def test_what_was_used_within_the_window_is_a_rate_of_the_whole_window() -> None:
    warning = EarlyWarning()
    feed(warning, (0, "100"), (240, "90"))
    assert warning.outlook(THRESHOLD).per_hour == 5


def test_a_moment_of_less_within_the_window_is_where_its_use_begins() -> None:
    told = feed(EarlyWarning(), (0, "60"), (30, "20"), (31, "60"), (90.5, "19"))
    assert [minute for minute, _ in told] == [30]


def test_before_anything_was_observed_there_is_no_outlook() -> None:
    with pytest.raises(ValueError, match="Nothing was observed"):
        EarlyWarning().outlook(THRESHOLD)


# How wrong it is


def samples(*points: tuple[float, str]) -> list[Sample]:
    return [Sample(minute * 60, D(available)) for minute, available in points]


def test_a_steady_drain_is_foretold_to_the_minute() -> None:
    steady = samples(*((minute, str(62.5 - minute / 3)) for minute in range(0, 200)))
    found = measure(steady, THRESHOLD)
    assert (found.falls, found.foretold, found.warnings, found.false_alarms) == (1, 1, 1, 0)
    assert found.leads == (pytest.approx(HOUR, abs=61),)
    assert found.errors == (pytest.approx(0, abs=61),)


def test_a_drain_that_stops_is_a_false_alarm_and_a_sudden_fall_is_missed() -> None:
    stops = samples((0, "60"), (60, "40"), (110, "20"), (400, "20"))
    found = measure(stops, THRESHOLD)
    assert (found.falls, found.warnings, found.false_alarms) == (0, 1, 1)
    sudden = samples((0, "60"), (120, "60"), (121, "1"))
    found = measure(sudden, THRESHOLD)
    assert (found.falls, found.foretold, found.warnings) == (1, 0, 0)


def test_a_warning_is_held_against_the_fall_that_comes_after_it() -> None:
    # Down at once and up again; two hours later a steady drain to 2.5 in minute 472.
    sudden = [(0, "60"), (120, "60"), (121, "1"), (122, "60"), (240, "60")]
    drain = [(minute, str(60 - (minute - 300) / 3)) for minute in range(300, 480)]
    found = measure(samples(*sudden, *drain), THRESHOLD)
    assert (found.falls, found.foretold, found.warnings, found.false_alarms) == (2, 1, 1, 0)
    (lead,) = found.leads
    assert HOUR / 2 < lead < 2 * HOUR


def test_a_bot_that_swings_around_the_threshold_does_not_count_as_falling() -> None:
    swings = samples((0, "60"), (120, "1"), (130, "3"), (140, "1"), (150, "4"), (160, "2"))
    assert measure(swings, THRESHOLD).falls == 1
