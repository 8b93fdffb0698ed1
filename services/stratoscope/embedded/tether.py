"""A child that ends with its parent, however the parent ends.

Run as a script in front of the real command: it takes the rights off, ties itself to the parent,
and becomes the command, so that the process id stays the one that the parent was given.
Linux sends the signal by itself (PR_SET_PDEATHSIG); elsewhere a watcher, which outlives neither,
reads the child's standard input and signals the command when the parent's end of it is gone.
It imports little, because it runs before every child.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Become the command: tie, parent's pid, orphan signal, uid, gid (or -1), command…"""
    tie, parent, signal, uid, gid = arguments[0], *(int(number) for number in arguments[1:5])
    command = arguments[5:]
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    # After the change of user, which would clear the setting again.
    if tie == "kernel":
        _ask_kernel(parent, signal)
    else:
        _watch_parent(signal)
    os.execv(command[0], command)


def _ask_kernel(parent: int, signal: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:  # it was gone before we asked
        os._exit(1)


def _watch_parent(signal: int) -> None:
    command = os.getpid()
    if (child := os.fork()) == 0:
        # Twice, so that the command does not find a child that it never started.
        if os.fork() == 0:
            _signal_at_end_of_input(command, signal)
        os._exit(0)
    os.waitpid(child, 0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)


def _signal_at_end_of_input(command: int, signal: int) -> None:
    # A lock or a log held open here would outlive the command.
    os.closerange(1, 1024)
    # A byte says that the command has ended, and that its number may be another's by now.
    if not os.read(0, 1):
        os.kill(command, signal)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
