"""How often a program makes the disk flush, counted from outside."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


CALLS = ("fsync", "fdatasync")

# Stands in front of the C library's functions, and notes each call as one byte in a file.
SHIM = """
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
static void note(void) {
    const char *path = getenv("FLUSHES");
    int file = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644) : -1;
    if (file < 0 || write(file, ".", 1) != 1) abort();
    close(file);
}
int fsync(int file) { note(); return syscall(SYS_fsync, file); }
int fdatasync(int file) { note(); return syscall(SYS_fdatasync, file); }
"""


def how_to_count(folder: Path) -> str:
    """ "strace" if it is here and may be used, else a small library if there is a C compiler.

    :raises AssertionError: neither
    """
    if shutil.which("strace"):
        tried = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True)
        if tried.returncode == 0:
            return "strace"
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler, (
        "Flushes cannot be counted: strace is not installed (or may not trace here), and there is "
        "no C compiler for the other way. Install strace or gcc."
    )
    source = folder / "flushes.c"
    source.write_text(SHIM)
    library = folder / "flushes.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return str(library)


def count_flushes(how: str, command: Sequence[str], told: Path, env: Mapping[str, str]) -> int:
    """Run ``command`` to its end, and count the flushes of all its processes.

    :param how: what ``how_to_count`` said
    :param told: a file that does not exist yet
    """
    if how == "strace":
        tracing = ["strace", "-f", "-e", f"trace={','.join(CALLS)}", "-o", str(told)]
        subprocess.run([*tracing, *command], check=True, env=dict(env))
        return len(re.findall(rf"\b(?:{'|'.join(CALLS)})\(", told.read_text()))
    told.touch()
    subprocess.run(command, check=True, env={**env, "LD_PRELOAD": how, "FLUSHES": str(told)})
    return told.stat().st_size
