"""The service's log in a file of its own, which begins anew when it is full and keeps the last few.

One process writes it, the service. Whatever happens to the file, the work
goes on: a full disk loses lines, a file that was moved or deleted is begun
anew, and one that somebody holds open (Windows) is written on until it is free.
"""

import logging
import os
import time
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

AGAIN_AFTER_SECONDS = 60.0
"""When a file could not be put aside."""
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND
# Of no link, and without waiting for somebody to read from a pipe.
_FLAGS |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class LogFile(RotatingFileHandler):
    """`file`, `file.1` (the newest of the old ones), `file.2`, ...: `keep` of them beside the one in use.

    For this account alone, as its folder is if it has to be made. No error leaves it.
    """

    def __init__(self, file: Path, max_bytes: int, keep: int) -> None:
        super().__init__(file, maxBytes=max_bytes, backupCount=keep, encoding="utf-8", delay=True)
        self._not_before = 0.0
        self._is_cut = False

    def emit(self, record: logging.LogRecord) -> None:
        if self.stream is not None and not self._stands_there(self.stream):
            self._let_go()
        super().emit(record)

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802 - the library's name
        # It also opens the file, if it is not open; asked first.
        is_full = super().shouldRollover(record)
        return bool(is_full) and time.monotonic() >= self._not_before

    def doRollover(self) -> None:  # noqa: N802 - the library's name
        try:
            super().doRollover()
        except OSError:
            self._not_before = time.monotonic() + AGAIN_AFTER_SECONDS
            if self.stream is None:
                self.stream = self._open()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """In the place of a traceback on standard error; the next line tries anew."""
        self._is_cut = True
        self._let_go()

    def _open(self) -> TextIOWrapper:
        folder = Path(self.baseFilename).parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.baseFilename, _FLAGS, 0o600)
        stream = os.fdopen(descriptor, "a", encoding=self.encoding)
        if self._is_cut and os.fstat(descriptor).st_size:
            stream.write("\n")  # a full disk may have cut the last line
        self._is_cut = False
        return stream

    def _stands_there(self, stream: TextIOWrapper) -> bool:
        """Whether the file that is open is still the one of that name."""
        try:
            named, opened = Path(self.baseFilename).stat(), os.fstat(stream.fileno())
        except (OSError, ValueError):
            return False
        return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)

    def _let_go(self) -> None:
        stream, self.stream = self.stream, None
        if stream is not None:
            with suppress(OSError, ValueError):
                stream.close()
