"""Names that a strategy may still use for one release."""

import logging

from freqtrade_balance_guard.integration.host import process_state


logger = logging.getLogger(__name__)


def warn_of_old_name(owner: str, old: str, new: str) -> None:
    """Log it once per process."""
    text = f"{owner}.{old} is called {new} now; the old name stops working in the next release."
    if process_state.is_said_first(text):
        logger.warning("%s", text)
