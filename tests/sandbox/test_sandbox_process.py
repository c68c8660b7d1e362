"""The sandbox as a process: starts fast, says why when it cannot, and never outlives its parent."""

import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

from freqtrade_balance_guard.sandbox import Sandbox, SandboxDidNotStart, Scenario


def is_gone(pid: int, within_s: float = 5.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_it_accepts_connections_when_start_returns_and_is_gone_afterwards():
    with Sandbox.start() as sandbox:
        assert httpx.get(f"{sandbox.url}/0/public/Time", trust_env=False).json()["error"] == []
        pid = sandbox.pid
    assert is_gone(pid, 0.1)
    assert sandbox.stop() == 0


def test_it_listens_on_this_machine_only():
    with Sandbox.start() as sandbox:
        assert sandbox.url.startswith("http://127.0.0.1:")


def test_the_child_imports_neither_freqtrade_nor_ccxt_nor_pandas():
    code = (
        "import sys, freqtrade_balance_guard.sandbox.command as c; "
        "print([m for m in ('freqtrade', 'ccxt', 'pandas', 'cryptography') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_port_that_is_taken_is_a_clear_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SandboxDidNotStart, match=f"cannot listen on 127.0.0.1:{port}"):
            Sandbox.start(port=port)


def test_shutdown_by_request_ends_it_with_code_0():
    sandbox = Sandbox.start()
    sandbox.control.shutdown()
    assert is_gone_child(sandbox) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_code_130_even_while_it_holds_a_request(number):
    sandbox = Sandbox.start(
        Scenario.model_validate(
            {"faults": [{"kind": "timeout", "seconds": 60, "endpoint": "Time"}]}
        )
    )
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{sandbox.url}/0/public/Time", timeout=0.2, trust_env=False)
    os.kill(sandbox.pid, number)
    assert is_gone_child(sandbox) == 130


def is_gone_child(sandbox: Sandbox) -> int:
    """The exit code of a sandbox that was told to end, without our closing its pipe."""
    code = sandbox._process.wait(5)
    assert sandbox.stop() == code
    return code


def test_it_ends_when_its_parent_is_killed():
    code = (
        "from freqtrade_balance_guard.sandbox import Sandbox; import time; "
        "sandbox = Sandbox.start(); print(sandbox.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert is_gone(pid)


def test_it_ends_with_its_parent_even_when_a_sibling_keeps_the_pipe_open():
    code = (
        "from freqtrade_balance_guard.sandbox import Sandbox; import os, time, sys\n"
        "sandbox = Sandbox.start()\n"
        "sibling = os.fork()\n"
        "if sibling == 0:\n"
        "    time.sleep(8); os._exit(0)\n"
        "print(sandbox.pid, sibling, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid, sibling = map(int, parent.stdout.readline().split())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    try:
        assert is_gone(pid)
    finally:
        os.kill(sibling, signal.SIGKILL)


def test_the_exchange_section_is_complete():
    with Sandbox.start() as sandbox:
        section = sandbox.freqtrade_exchange()
        other = sandbox.freqtrade_exchange(key_index=1)
    assert section["name"] == "kraken"
    assert section["enable_ws"] is False
    assert section["ccxt_config"]["urls"]["api"] == {"public": sandbox.url, "private": sandbox.url}
    assert section["ccxt_config"]["enableRateLimit"] is False
    assert "BTC/USDT" in section["pair_whitelist"]
    assert section["key"] != other["key"]
    with pytest.raises(LookupError, match="nobody"):
        sandbox.freqtrade_exchange("nobody")
