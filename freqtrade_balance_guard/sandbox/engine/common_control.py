"""The routes of the control API that every exchange has: faults, journal, counters."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from pydantic import ValidationError

from freqtrade_balance_guard.sandbox.core.orders import Rejected
from freqtrade_balance_guard.sandbox.engine.wire import BadControlRequest, ServedExchange
from freqtrade_balance_guard.sandbox.script.faults import Fault


Payload = Mapping[str, Any]
OwnHandler = Callable[[Payload], object]


def answer_control(
    exchange: ServedExchange,
    own: OwnHandler | None,
    method: str,
    route: str,
    payload: Payload,
    rejected_by: type[Exception] = Rejected,
) -> object:
    """Answers a control request by the exchange's own handler, or by a common one.

    Raises LookupError for an unknown route, else BadControlRequest.
    """
    exchange.advance()
    if method == "DELETE" and route.startswith("fault/"):
        return _remove_fault(exchange, route.removeprefix("fault/"))
    common = COMMON_ROUTES.get((method, route))
    handler = own or (None if common is None else partial(common, exchange))
    if handler is None:
        raise LookupError(f"no {method} /sandbox/{route}")
    try:
        return handler(payload)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        message = f"{where}: {problem['msg']}" if where else problem["msg"]
        raise BadControlRequest(message) from error
    except KeyError as error:
        raise BadControlRequest(f"{error.args[0]!r} is missing") from error
    except (LookupError, ValueError, rejected_by) as error:
        raise BadControlRequest(str(error)) from error


def rejections(exchange: ServedExchange, payload: Payload) -> object:
    return exchange.rejections


def journal(exchange: ServedExchange, payload: Payload) -> object:
    return exchange.journal.entries(int(payload.get("after", 0)))


def counters(exchange: ServedExchange, payload: Payload) -> object:
    return exchange.counters.as_dict()


def reset_counters(exchange: ServedExchange, payload: Payload) -> object:
    exchange.counters.reset()
    return {}


def add_fault(exchange: ServedExchange, payload: Payload) -> object:
    return exchange.add_fault(Fault.model_validate(payload)).as_dict()


def list_faults(exchange: ServedExchange, payload: Payload) -> object:
    return [active.as_dict() for active in exchange.faults.all()]


def clear_faults(exchange: ServedExchange, payload: Payload) -> object:
    exchange.faults.clear()
    exchange.advance()
    return {}


def _remove_fault(exchange: ServedExchange, fault_id: str) -> object:
    if not exchange.faults.remove(fault_id):
        raise BadControlRequest(f"no fault {fault_id!r}")
    exchange.advance()
    return {}


COMMON_ROUTES: dict[tuple[str, str], Callable[[ServedExchange, Payload], object]] = {
    ("GET", "rejections"): rejections,
    ("GET", "journal"): journal,
    ("GET", "counters"): counters,
    ("POST", "counters/reset"): reset_counters,
    ("POST", "fault"): add_fault,
    ("GET", "faults"): list_faults,
    ("POST", "faults/clear"): clear_faults,
}
