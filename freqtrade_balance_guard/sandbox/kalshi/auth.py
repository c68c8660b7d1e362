"""Who is calling on Kalshi: key ids, and RSA-PSS signatures of time, method and path."""

from freqtrade_balance_guard.sandbox.engine.wire import Caller, ProtocolError, Request
from freqtrade_balance_guard.sandbox.prediction_exchange.scenario import PredictionScenario
from freqtrade_balance_guard.sandbox.prediction_exchange.translator import error_answer
from freqtrade_balance_guard.sandbox.signatures.rsa_keys import Verifier


CLOCK_TOLERANCE_S = 60.0


class KeyRing:
    """All keys of one exchange."""

    def __init__(self, scenario: PredictionScenario) -> None:
        self._holders = {
            key.key: (account.name, Verifier(key.private_key))
            for account in scenario.accounts
            for key in account.keys
        }

    def account_of(self, key: str) -> str | None:
        holder = self._holders.get(key)
        return None if holder is None else holder[0]

    def authenticate(self, request: Request, now: float) -> Caller:
        """Raises ProtocolError."""
        headers = request.headers
        key, timestamp = headers.get("kalshi-access-key", ""), ""
        holder = self._holders.get(key)
        if holder is None:
            raise unauthorized("NOT_FOUND")
        timestamp = headers.get("kalshi-access-timestamp", "")
        if not timestamp.isdecimal() or abs(now - int(timestamp) / 1000) > CLOCK_TOLERANCE_S:
            raise unauthorized("INCORRECT_API_KEY_TIMESTAMP")
        text = timestamp + request.method + request.path
        if not holder[1].is_signed(text, headers.get("kalshi-access-signature", "")):
            raise unauthorized("INCORRECT_API_KEY_SIGNATURE")
        return Caller(holder[0], key)


def unauthorized(details: str) -> ProtocolError:
    error = {"code": "authentication_error", "message": "authentication_error", "details": details}
    return error_answer({"error": error}, 401, f"authentication_error {details}")
