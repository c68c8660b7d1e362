"""From a request to an answer: faults first, then whatever the protocol makes of it.

No HTTP here: the server turns its requests into `Request` and sends what `Answer` says, which may
be a held or a cut connection.
"""

from freqtrade_balance_guard.sandbox.any_exchange import AnyExchange, translator_of
from freqtrade_balance_guard.sandbox.core.orders import Rejected
from freqtrade_balance_guard.sandbox.engine.wire import (
    Answer,
    Asked,
    Caller,
    ProtocolError,
    Request,
)
from freqtrade_balance_guard.sandbox.script.faults import (
    INSTEAD_KINDS,
    LATE_KINDS,
    ActiveFault,
    Call,
)


HTML_PAGE = (
    "<!DOCTYPE html><html><head><title>Just a moment...</title></head>"
    "<body><h1>We will be right back</h1></body></html>"
)
_DEFAULT_HOLD_S = 30.0
_SECRET_PARAMS = frozenset({"nonce", "otp", "signature"})


class RejectedByFault(ProtocolError):
    """The exchange rejects a request because a fault says so."""

    def __init__(self, error: ProtocolError, fault_id: str) -> None:
        super().__init__(error.message, error.answer)
        self.fault_id = fault_id


class Service:
    """Answers the requests of one exchange in its protocol."""

    def __init__(self, exchange: AnyExchange) -> None:
        self._exchange = exchange
        self._translator = translator_of(exchange)

    def latency(self, request: Request) -> float:
        """Seconds to wait before the request is looked at."""
        self._exchange.advance()
        call = self._translator.read(request).call
        slow = self._exchange.faults.take(frozenset({"latency"}), call)
        return (self._exchange.scenario.latency_ms + sum(f.fault.ms for f in slow)) / 1000

    def answer(self, request: Request) -> Answer:
        self._exchange.advance()
        asked = self._translator.read(request)
        call = asked.call
        instead = self._exchange.faults.take_one(INSTEAD_KINDS, call)
        if instead is not None:
            return self._fault_instead(instead, asked)
        try:
            caller = self._translator.admit(asked)
            late = self._exchange.faults.take_one(LATE_KINDS, call)
            if late is not None:
                return self._delay(late, asked, caller)
            answer = self._carried_out(asked, caller)
        except ProtocolError as error:
            self._reject(asked, error)
            return error.answer
        self._exchange.counters.count(call.endpoint, call.key, call.account, failed=False)
        lost = self._exchange.faults.take_one(frozenset({"lost_reply"}), call)
        if lost is not None:
            self._note_applied(lost, call)
            return self._lost_reply(lost, lost.fault.seconds or _DEFAULT_HOLD_S)
        return answer

    def _carried_out(self, asked: Asked, caller: Caller | None) -> Answer:
        """Raises ProtocolError."""
        if caller is not None:
            refusal = self._exchange.faults.take_one(frozenset({"refuse"}), asked.call)
            if refusal is not None:
                self._note_applied(refusal, asked.call)
                error = self._translator.scripted(refusal.fault)
                raise RejectedByFault(error, refusal.fault_id)
        try:
            return self._translator.answer(asked, caller)
        except Rejected as rejected:
            raise self._translator.in_words(rejected) from rejected

    def _fault_instead(self, active: ActiveFault, asked: Asked) -> Answer:
        """The request is not carried out; this is what comes back in its place."""
        fault, call = active.fault, asked.call
        self._note_applied(active, call)
        if fault.kind == "error":
            error = RejectedByFault(self._translator.scripted(fault), active.fault_id)
            self._reject(asked, error)
            return error.answer
        self._exchange.counters.count(call.endpoint, call.key, call.account, failed=True)
        if fault.kind == "html":
            return Answer(HTML_PAGE, content_type="text/html")
        if fault.kind == "http_status":
            return Answer(HTML_PAGE, status=fault.status, content_type="text/html")
        hold_s = (fault.seconds or _DEFAULT_HOLD_S) if fault.kind == "timeout" else 0.0
        return Answer(hold_s=hold_s, drop=True)

    def _delay(self, active: ActiveFault, asked: Asked, caller: Caller | None) -> Answer:
        """The request is carried out later; its reply is lost."""
        self._note_applied(active, asked.call)
        self._exchange.later(
            active.fault.seconds or 0.0, lambda: self._arrive(active, asked, caller)
        )
        return self._lost_reply(active, _DEFAULT_HOLD_S)

    def _arrive(self, active: ActiveFault, asked: Asked, caller: Caller | None) -> None:
        call = asked.call
        self._exchange.journal.record(
            "late_arrival",
            fault_id=active.fault_id,
            endpoint=call.endpoint,
            account=call.account,
            symbol=call.symbol,
        )
        try:
            if active.fault.expires:
                self._translator.check_expiry(asked)
            self._carried_out(asked, caller)
        except ProtocolError as error:
            self._reject(asked, error)
            return
        self._exchange.counters.count(call.endpoint, call.key, call.account, failed=False)

    def _lost_reply(self, active: ActiveFault, hold_s: float) -> Answer:
        """What the caller sees in place of the reply."""
        fault = active.fault
        if fault.how == "error":
            return self._translator.scripted(fault).answer
        if fault.how == "502":
            return Answer(HTML_PAGE, status=502, content_type="text/html")
        return Answer(hold_s=hold_s if fault.how == "timeout" else 0.0, drop=True)

    def _reject(self, asked: Asked, error: ProtocolError) -> None:
        call = asked.call
        self._exchange.counters.count(call.endpoint, call.key, call.account, failed=True)
        if not call.private:
            return
        details = {
            "key": call.key,
            "account": call.account,
            "endpoint": call.endpoint,
            "role": call.role,
            "symbol": call.symbol,
            "side": call.side,
            "error": error.message,
            "fault": error.fault_id if isinstance(error, RejectedByFault) else None,
            "args": {n: text for n, text in asked.params.items() if n not in _SECRET_PARAMS},
        }
        self._exchange.rejections.append({"time": self._exchange.now(), **details})
        event = "order_rejected" if call.role == "place" else "request_rejected"
        self._exchange.journal.record(event, **details)

    def _note_applied(self, active: ActiveFault, call: Call) -> None:
        self._exchange.journal.record(
            "fault_applied",
            fault_id=active.fault_id,
            kind=active.fault.kind,
            endpoint=call.endpoint,
            account=call.account,
            key=call.key,
            symbol=call.symbol,
        )
