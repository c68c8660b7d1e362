"""A denial on its way through freqtrade."""

from freqtrade.exceptions import DependencyException

from freqtrade_balance_guard.limits.decision import Denied


class EntryDenied(DependencyException):
    """The guard denies this entry.

    freqtrade's word for "skip this trade" is DependencyException: the bot goes on, /forceenter
    shows the sentence. The denial is already logged and counted when this is raised.
    """

    def __init__(self, denied: Denied) -> None:
        super().__init__(str(denied))
        self.denied = denied

    def __reduce__(self) -> tuple[type["EntryDenied"], tuple[Denied]]:
        return EntryDenied, (self.denied,)
