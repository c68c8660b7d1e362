"""python -m freqtrade_balance_guard.sandbox"""

import argparse
import sys

from freqtrade_balance_guard.sandbox.command import add_arguments, run


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m freqtrade_balance_guard.sandbox",
        description="A local exchange: rehearse a strategy live "
        "without an account, without a network and without money.",
    )
    add_arguments(parser)
    return run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
