"""Finding a host within its time, and failures of the network in plain words."""

from __future__ import annotations

import errno
import socket
import ssl
import threading

from incident_kit.diagnostics.conversation import Budget, NoAnswer

RESOLVE_S = 3.0


def addresses(host: str, port: int, budget: Budget) -> list[str]:
    """The numeric addresses of a host. Raises NoAnswer.

    The system's resolver cannot be told to stop, so it is asked in a thread that is left behind if it takes too long.
    """
    found: list[str] = []
    failure: list[OSError] = []

    def look_up() -> None:
        try:
            found.extend(dict.fromkeys(str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except (OSError, UnicodeError) as error:  # a name with an empty or overlong part raises UnicodeError
            failure.append(error if isinstance(error, OSError) else socket.gaierror(socket.EAI_NONAME, str(error)))

    thread = threading.Thread(target=look_up, daemon=True, name=f"look up {host}")
    thread.start()
    thread.join(budget.left_s(RESOLVE_S))
    if thread.is_alive():
        raise NoAnswer(f"the name {host} was not resolved within {RESOLVE_S:g} s: the name servers do not answer", final=True)
    if failure:
        raise NoAnswer(words(failure[0], host, port), final=True)
    return found


def words(error: BaseException, host: str, port: int) -> str:
    """A failure of the network as a sentence without its first capital. Looks through the causes of the error."""
    where = f"{host}:{port}"
    for cause in causes(error):
        if isinstance(cause, socket.gaierror):
            return f"the name {host} does not resolve ({cause.strerror or cause})"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate of {where} is not accepted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            if cause.reason in ("WRONG_VERSION_NUMBER", "UNEXPECTED_EOF_WHILE_READING", "RECORD_LAYER_FAILURE"):
                return f"{where} does not speak TLS, though the address asks for it ({cause.reason})"
            return f"TLS with {where} failed: {cause.reason or cause}"
        if isinstance(cause, ConnectionRefusedError):
            return f"{where} refuses the connection: nothing listens there, or a firewall rejects it"
        if isinstance(cause, ConnectionResetError | BrokenPipeError | ConnectionAbortedError):
            return f"{where} ended the connection before it had answered"
        if isinstance(cause, TimeoutError):
            return f"{where} did not answer in time"
        if isinstance(cause, OSError) and cause.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL):
            return f"there is no way to {where} from here ({cause.strerror})"
    return f"asking {where} failed: {error}"


def causes(error: BaseException) -> list[BaseException]:
    """An error, and what it was raised from or while handling, outermost first."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    return chain
