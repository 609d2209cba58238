"""Which failures pass by themselves: those of the network and of a service that is overloaded.

Errors are told apart by their type and HTTP status. Services wrap them in errors of their own, so
what an error was raised from counts too. Libraries are known by name, and none is imported.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

from qiskit.exceptions import QiskitError

# Exceptions of the libraries that providers talk HTTP with; their subclasses are meant too.
_NETWORK = {
    ("requests", "ConnectionError"),
    ("requests", "Timeout"),
    ("requests", "ChunkedEncodingError"),
    ("urllib3", "HTTPError"),
    ("httpx", "TransportError"),
    ("aiohttp", "ClientConnectionError"),
}
_NEVER_ARRIVED = {
    ("requests", "ConnectTimeout"),
    ("urllib3", "NewConnectionError"),
    ("urllib3", "ConnectTimeoutError"),
    ("httpx", "ConnectError"),
    ("httpx", "ConnectTimeout"),
    ("aiohttp", "ClientConnectorError"),
}

_TOO_MANY_REQUESTS = 429
_UNAVAILABLE = 503
_REQUEST_TIMEOUT = 408


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed a little later.

    So it is with failed connections, timeouts and HTTP statuses 408, 429 and 5xx, but not with
    what the user asked for in vain.

    >>> is_transient(ConnectionResetError()), is_transient(ValueError())
    (True, False)
    """
    for link in _links(error):
        status = _status(link)
        if status is not None:
            return status >= 500 or status in (_TOO_MANY_REQUESTS, _REQUEST_TIMEOUT)
        if isinstance(link, ConnectionError | TimeoutError | socket.gaierror):
            return True
        if _names(link) & _NETWORK:
            return True
    return False


def never_arrived(error: BaseException) -> bool:
    """Whether a transient failure proves that the service did nothing.

    After any other one, a reset connection for example, it may have done what it was asked for.

    >>> never_arrived(ConnectionRefusedError()), never_arrived(ConnectionResetError())
    (True, False)
    """
    for link in _links(error):
        status = _status(link)
        if status is not None:
            return status in (_TOO_MANY_REQUESTS, _UNAVAILABLE)
        if isinstance(link, ConnectionRefusedError | socket.gaierror):
            return True
        if _names(link) & _NEVER_ARRIVED:
            return True
    return False


def _links(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that it passes on."""
    link: BaseException | None = error
    while link is not None:
        yield link
        if isinstance(link, ValueError) or not isinstance(
            link, QiskitError | RuntimeError | OSError
        ):
            return
        # IBM's client says `from None`, which hides the context but keeps it.
        link = link.__cause__ or link.__context__


def _status(error: BaseException) -> int | None:
    """The HTTP status that an error reports; IBM's client says -1 where there is none."""
    response = getattr(error, "response", None)
    for status in (getattr(error, "status_code", None), getattr(response, "status_code", None)):
        if isinstance(status, int) and status > 0:
            return status
    return None


def _names(error: BaseException) -> set[tuple[str, str]]:
    return {(kind.__module__.split(".")[0], kind.__name__) for kind in type(error).__mro__}
