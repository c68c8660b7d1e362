"""Real processes that share nothing with the test's own but what is handed to them.

A fork of a test's process copies locks that its other threads hold at that moment, and may wait for
them forever. These are forked by a process without threads that has loaded what they need.
"""

import multiprocessing


PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["freqtrade_balance_guard.ledger", "tests.support.ledger"])
