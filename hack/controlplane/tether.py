"""Runs a command that the kernel kills when the process that started it has ended (Linux; elsewhere it just runs).

    subprocess.Popen(tether.tied(["etcd", ...]))

A separate program replaces itself with the command, because ``preexec_fn`` is not safe in a process with threads. To
the kernel, the parent is the *thread* that starts the child, so start children from a thread that lives as long as they
should.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def tied(command: list[str]) -> list[str]:
    """The command line to start instead of ``command``; same PID, same everything."""
    if sys.platform != "linux":
        return command
    # -I -S: only the interpreter, which takes 10 ms.
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def _become(parent: int, command: list[str]) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it had ended before prctl was called
        sys.exit(1)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    _become(int(sys.argv[1]), sys.argv[2:])
