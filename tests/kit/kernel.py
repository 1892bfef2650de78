"""Has the kernel refuse: system calls of a child process are answered with an error, without any privilege.

seccomp(2): the filter is put on between fork and exec, and everything that the
child starts has it too. Linux alone.
"""

import ctypes
import os
import platform
import struct
from collections.abc import Callable

_NUMBERS = {"fsync": {"x86_64": 74, "aarch64": 82}}
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_LOAD_NUMBER, _IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000


def answering(call: str, error: int) -> Callable[[], None]:
    """For `preexec_fn`: from then on every such system call does nothing and fails with this error."""
    number = _NUMBERS[call][platform.machine()]
    steps = (
        (_LOAD_NUMBER, 0, 0, 0),
        (_IF_EQUAL, 0, 1, number),
        (_RETURN, 0, 0, _ERRNO | error),
        (_RETURN, 0, 0, _ALLOW),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def put_on() -> None:
        refused = prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or prctl(
            _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0
        )
        if refused:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        # What the program points to must live as long as this function.
        assert code

    return put_on
