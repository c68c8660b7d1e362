"""Starts freqtrade's and our processes by a fork: ``pytest -p tests.support.preloaded``.

Most of what a start costs is the libraries of others: seconds, for each of the hundreds of bots and
sandboxes of ``make test``. With this plugin a process that has loaded them (and nothing of
freqtrade's or ours) forks a child for ``python -m freqtrade ...``, which is in all else the process
that it would be: its own arguments, environment, folder, files and session, a child of the test.
Long checks (``make acceptance``, ``make soak``) start real ones.
"""

import array
import atexit
import contextlib
import ctypes
import importlib
import inspect
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any


ROOT = Path(__file__).parents[2]
MODULES = ("freqtrade", "freqtrade_balance_guard", "freqtrade_balance_guard.sandbox")
LIBRARIES = (
    *("aiohttp", "aiohttp.web", "anyio", "bottleneck", "cachetools", "ccxt", "ccxt.async_support"),
    *("ccxt.pro", "cryptography.x509", "fastapi", "fastapi.security", "httpx", "humanize"),
    *("jsonschema", "numexpr", "orjson", "packaging.version", "pandas", "psutil", "pyarrow"),
    *("pycoingecko", "pydantic", "rapidjson", "requests", "rich.logging", "rich.progress"),
    *("rich.table", "schedule", "scipy.optimize", "scipy.spatial", "scipy.stats", "sdnotify"),
    *("sqlalchemy.ext.asyncio", "sqlalchemy.orm", "uvicorn", "uvicorn.lifespan.on"),
    *("uvicorn.protocols.http.auto", "uvicorn.protocols.websockets.auto", "websockets"),
)
# What the interpreter has read of these before it comes to a request.
READ_AT_START = ("TZ", "LANG", "LC_ALL", "LD_PRELOAD", "OMP_NUM_THREADS")
ADOPT_ORPHANS = 36  # prctl's PR_SET_CHILD_SUBREAPER
MAX_BYTES = 200_000


def load_libraries() -> None:
    """Import what a bot, a backtest and a sandbox need of others."""
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


# In the test's process


class _Server:
    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket = ours
        command = [sys.executable, "-m", "tests.support.preloaded", str(theirs.fileno())]
        fds = [theirs.fileno()]
        self._process = subprocess.Popen(
            command, pass_fds=fds, stdin=subprocess.DEVNULL, cwd=ROOT, start_new_session=True
        )
        theirs.close()
        self._prctl = ctypes.CDLL(None).prctl
        atexit.register(self.close)

    def start(self, request: dict[str, Any], fds: list[int]) -> int | None:
        """Return the new process's id; None: it has to be started in another way."""
        message = json.dumps(request).encode()
        if len(message) > MAX_BYTES:
            return None
        # A process whose parent has ended becomes the child of one that adopts orphans.
        self._prctl(ADOPT_ORPHANS, 1)
        try:
            socket.send_fds(self._socket, [message], fds)
            return int(self._socket.recv(100)) or None
        except (OSError, ValueError):
            return None
        finally:
            self._prctl(ADOPT_ORPHANS, 0)

    def close(self) -> None:
        self._socket.close()
        self._process.wait()


_server: _Server | None = None
_one_at_a_time = threading.Lock()
_start = subprocess.Popen._execute_child


def _is_as_here(environment: dict[str, str]) -> bool:
    names = {*READ_AT_START, *os.environ, *environment}
    read = [name for name in names if name in READ_AT_START or name.startswith("PYTHON")]
    return all(environment.get(name) == os.environ.get(name) for name in read)


# Each with what it is where the caller does not ask for it.
NOT_HERE = {
    "executable": (None,),
    "preexec_fn": (None,),
    "pass_fds": ((), []),
    "shell": (False,),
    "gid": (None,),
    "gids": (None,),
    "uid": (None,),
    "umask": (-1,),
    "process_group": (-1, None),
}


def _execute_child(self: Any, *arguments: Any) -> None:
    """What ``subprocess.Popen`` calls to start its process; its arguments are that function's."""
    global _server
    asked = inspect.signature(_start).bind(self, *arguments).arguments
    words = asked["args"] if isinstance(asked["args"], list | tuple) else []
    environment = dict(os.environ if asked["env"] is None else asked["env"])
    if (
        list(words[:2]) == [sys.executable, "-m"]
        and words[2] in MODULES
        and all(asked[name] in neutral for name, neutral in NOT_HERE.items())
        and _is_as_here(environment)
    ):
        request = {
            "words": [str(word) for word in words[2:]],
            "folder": str(asked["cwd"] or Path.cwd()),
            "environment": environment,
            "new_session": bool(asked["start_new_session"]),
        }
        files = [asked[name] for name in ("p2cread", "c2pwrite", "errwrite")]
        with _one_at_a_time:
            _server = _server or _Server()
            pid = _server.start(request, [own if fd == -1 else fd for own, fd in enumerate(files)])
        if pid is not None:
            self.pid = pid
            self._child_created = True
            pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
            self._close_pipe_fds(*(asked[name] for name in pipes))
            return
    _start(self, *arguments)


def pytest_configure() -> None:
    if sys.platform == "linux":
        subprocess.Popen._execute_child = _execute_child


# In the process that forks


def serve(number: int) -> None:
    """Fork for each request until the test's process has ended; a child returns from it."""
    load_libraries()
    with socket.socket(fileno=number) as requests:
        while True:
            message, fds, _, _ = socket.recv_fds(requests, MAX_BYTES, 3)
            if not message:
                os._exit(0)
            receiving, sending = os.pipe()
            between = os.fork()
            if not between:
                child = os.fork()
                if not child:
                    requests.detach()
                    break
                os.write(sending, str(child).encode())
                os._exit(0)
            os.waitpid(between, 0)
            requests.send(os.read(receiving, 100))
            for fd in (*fds, receiving, sending):
                os.close(fd)
    _become(json.loads(message), fds)


def _become(request: dict[str, Any], fds: array.array) -> None:
    for place, fd in enumerate(fds):
        os.dup2(fd, place)
    os.closerange(3, 1000)
    if request["new_session"]:
        os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    for name in [name for name in sys.modules if name.split(".")[0] == "tests"]:
        del sys.modules[name]
    sys.path[0] = request["folder"]
    module, *sys.argv[1:] = request["words"]
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
