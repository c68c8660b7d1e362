"""Both answers to one question, on two prediction markets: buys them where they cost less than 1.

    freqtrade trade -c user_data/config-complements.json --strategy Complements

One share of the answer that happens pays 1. Which outcomes of which venues answer one question
stands in the settings ``events``: that is your judgement, and no program can take it from you. The
capital is locked until the event is resolved. Read the risks in docs/prediction-markets.md first.
An example to read, not a way to make money.
"""

from itertools import permutations

from freqtrade.strategy import IStrategy

from freqtrade_balance_guard import ReservedArbitrage, best_complement


class Complements(ReservedArbitrage, IStrategy):
    """Buys each mapped event once, as soon as enough is left after fees."""

    max_shares = 50  # of each answer, per event
    open_at = 1.0  # percent of what both cost that must be left after fees

    def find_opportunities(self, current_time, **kwargs):
        for name, event in self.events().items():
            wanted = self.max_shares - self.held_pairs(name)
            if current_time >= event.closes or wanted <= 0:
                continue
            for one, other in permutations(event.outcomes, 2):
                yes, no = event.outcomes[one].yes, event.outcomes[other].no
                books = self.outcome_books((one, yes), (other, no))
                found = best_complement(*books, wanted, min_profit_percent=self.open_at, tag=name)
                if found is not None:
                    yield found
                    break
