"""Which failures pass by themselves."""

import pytest
from helpers.qiskit_services import http_error
from qiskit_ibm_runtime.api.exceptions import RequestsApiError
from qiskit_ibm_runtime.exceptions import (
    IBMInputValueError,
    IBMNotAuthorizedError,
    IBMRuntimeError,
)
from requests.exceptions import ConnectTimeout, ReadTimeout

from pennylane_qizgloria.qiskit.jobs.transient import is_transient, never_arrived


def ibm_error(cause, status=-1, kind=IBMRuntimeError):
    """An error as IBM's client raises it."""
    try:
        try:
            raise RequestsApiError("something", status) from cause
        except RequestsApiError as error:
            raise kind(f"Failed to run program: {error}") from None
    except kind as error:
        return error


TRANSIENT = {
    "reset": ConnectionResetError(),
    "timeout": TimeoutError(),
    "read": ReadTimeout(),
    "500": http_error(500),
    "504": http_error(504),
    "ibm-read": ibm_error(ReadTimeout()),
    "ibm-502": ibm_error(None, 502),
}
NOT_ARRIVED = {
    "refused": ConnectionRefusedError(),
    "connect": ConnectTimeout(),
    "429": http_error(429),
    "503": http_error(503),
    "ibm-429": ibm_error(http_error(429), 429),
    "ibm-connect": ibm_error(ConnectTimeout()),
}
PERMANENT = {
    "value": ValueError("bad"),
    "401": http_error(401),
    "404": http_error(404),
    "ibm-400": ibm_error(http_error(400), 400),
    "ibm-401": ibm_error(http_error(401), 401, IBMNotAuthorizedError),
    "ibm-input": ibm_error(ReadTimeout(), kind=IBMInputValueError),
    "ibm": IBMRuntimeError("The session is closed."),
    "file": FileNotFoundError(),
    "type": TypeError(),
}


def cases(errors):
    return pytest.mark.parametrize("error", list(errors.values()), ids=list(errors))


@cases(TRANSIENT)
def test_failures_of_the_network_and_the_service_are_transient(error):
    """A long program would end with the first hiccup of the network."""
    assert is_transient(error)
    assert not never_arrived(error)


@cases(NOT_ARRIVED)
def test_failures_before_arrival_are_known(error):
    """Users would be warned of jobs that run twice, and none does."""
    assert is_transient(error)
    assert never_arrived(error)


@cases(PERMANENT)
def test_errors_of_the_user_are_permanent(error):
    """A wrong circuit or a lacking right would be tried again and again."""
    assert not is_transient(error)
    assert not never_arrived(error)
