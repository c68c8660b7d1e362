"""The tables in PostgreSQL, per version; the statements are in the files beside this one."""

from pathlib import Path

from freqtrade_balance_guard.ledger.sql.schema import Schema
from freqtrade_balance_guard.ledger.sql.statements import statements


_HERE = Path(__file__).parent

POSTGRES = Schema(
    steps=[
        list(statements(_HERE / "schema_1.sql").values()),
        list(statements(_HERE / "schema_2.sql").values()),
    ]
)
