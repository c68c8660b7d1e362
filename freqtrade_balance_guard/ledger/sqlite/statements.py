"""The statements of ``statements.sql`` by name."""

from pathlib import Path

from freqtrade_balance_guard.ledger.sql.statements import statements


SQL = statements(Path(__file__).parent / "statements.sql")
