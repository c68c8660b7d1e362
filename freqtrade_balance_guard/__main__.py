"""``python -m freqtrade_balance_guard`` is ``balance-guard``."""

from freqtrade_balance_guard.cli.main import main


if __name__ == "__main__":
    main()
