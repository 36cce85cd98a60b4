"""Finding a host within its time, and failures of the network in plain words, each with whose fault it is."""

from __future__ import annotations

import errno
import socket
import ssl
import threading

from incident_kit.live.addresses import shown_place
from incident_kit.live.session import Budget, NoAnswer
from incident_kit.model.answer import Fault

RESOLVE_S, CONNECT_S = 3.0, 3
NO_WAY = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN, errno.EHOSTDOWN)
NO_TLS_THERE = ("WRONG_VERSION_NUMBER", "UNEXPECTED_EOF_WHILE_READING", "RECORD_LAYER_FAILURE")


def resolve(host: str, port: int, budget: Budget) -> list[str]:
    """The numeric addresses of a host. Raises NoAnswer.

    The system's resolver cannot be told to stop, so it is asked in a thread that is left behind if it takes too long.
    """
    addresses: list[str] = []
    failure: list[OSError] = []

    def look_up() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses.extend(dict.fromkeys(str(entry[4][0]) for entry in entries))
        except OSError as error:
            failure.append(error)
        except (UnicodeError, ValueError) as error:  # a name with an empty or overlong part, or with a NUL
            failure.append(socket.gaierror(socket.EAI_NONAME, str(error)))

    thread = threading.Thread(target=look_up, daemon=True, name=f"look up {host}")
    thread.start()
    thread.join(budget.left_s(RESOLVE_S))
    if thread.is_alive():
        raise NoAnswer(
            f"the name {host} was not resolved within {RESOLVE_S:g} s: the name servers do not answer",
            final=True,
            fault=Fault.NETWORK,
        )
    if failure:
        raise failed(failure[0], host, port)
    return addresses


def reachable(address: str, port: int, within_s: float) -> bool:
    """Whether anything takes a connection there.

    It tells a server that says nothing from a way on which nothing comes through.
    """
    try:
        with socket.create_connection((address, port), timeout=within_s):
            return True
    except OSError:
        return False


def speaks_tls(host: str, port: int, within_s: float) -> bool:
    """Whether a handshake of TLS goes well there, whoever it is: then an address without TLS is the wrong one."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing is sent in it
    try:
        with socket.create_connection((host, port), timeout=within_s) as connection:
            connection.settimeout(within_s)
            with context.wrap_socket(connection):
                return True
    except (OSError, ValueError):
        return False


def failed(error: BaseException, host: str, port: int) -> NoAnswer:
    """A failure of the network, after which nothing more can be asked there. Looks through the causes of the error."""
    words, fault = meaning(error, shown_place(host, port), host)
    return NoAnswer(words, final=True, fault=fault)


def meaning(error: BaseException, where: str, host: str) -> tuple[str, Fault]:
    """A failure as a sentence without its first capital, and whose fault it is."""
    for cause in causes(error):
        if isinstance(cause, socket.gaierror):
            return f"the name {host} does not resolve ({cause.strerror or cause})", Fault.NETWORK
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason = getattr(cause, "verify_message", cause)
            return f"the certificate of {where} is not accepted: {reason}", Fault.NETWORK
        if isinstance(cause, ssl.SSLError):
            reason = getattr(cause, "reason", "")
            if reason in NO_TLS_THERE:
                return f"{where} does not speak TLS, though the address asks for it ({reason})", Fault.NETWORK
            return f"TLS with {where} failed: {reason or cause}", Fault.NETWORK
        if isinstance(cause, ConnectionRefusedError):
            return f"{where} refuses the connection: nothing listens there, or a firewall rejects it", Fault.SYSTEM
        if isinstance(cause, ConnectionResetError | BrokenPipeError | ConnectionAbortedError):
            return f"{where} ended the connection before it had answered", Fault.SYSTEM
        if isinstance(cause, TimeoutError):
            return f"{where} did not answer in time", Fault.SYSTEM
        if isinstance(cause, OSError) and cause.errno in NO_WAY:
            return f"there is no way to {where} from here ({cause.strerror})", Fault.NETWORK
        if isinstance(cause, FileNotFoundError):
            return f"there is no socket {host} on this machine", Fault.NETWORK
        if isinstance(cause, PermissionError):
            return f"this user may not open {host}", Fault.CREDENTIALS
    return f"asking {where} failed: {error}", Fault.NETWORK


def never_connected(where: str, seconds: float) -> NoAnswer:
    """Nothing took the connection and nothing refused it."""
    return NoAnswer(
        f"{where} did not accept the connection within {seconds:g} s: "
        "a firewall drops what is sent from here, or its machine is down",
        final=True,
        fault=Fault.NETWORK,
    )


def causes(error: BaseException) -> list[BaseException]:
    """An error, and what it was raised from or while handling, outermost first."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    return chain
