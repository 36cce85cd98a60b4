"""Taking addresses apart, finding a host within its time, and failures of the network in plain words, each with whose fault it is."""

from __future__ import annotations

import errno
import re
import socket
import ssl
import threading
from dataclasses import dataclass

from incident_kit.diagnostics.conversation import Budget, NoAnswer
from incident_kit.model.answer import Fault

RESOLVE_S = 3.0
NO_WAY = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN, errno.EHOSTDOWN)
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
ENDS = re.compile(r"[/?#]")
# A host, or several, each with its port if it has one; `[` begins an IPv6 address.
PLACE = re.compile(r"(?:[^\[\]:@/?#]*|\[[^\[\]@/?#]*\])(?::\d*)?(?:,(?:[^\[\]:@/?#]*|\[[^\[\]@/?#]*\])(?::\d*)?)*")


@dataclass(frozen=True, slots=True)
class Parts:
    """An address taken apart where clients do, nothing of it decoded."""

    scheme: str
    user: str
    password: str
    place: str
    path: str
    query: str


def parts(url: str) -> Parts | None:
    """The parts of an address; None if it is none, or could be read in two ways.

    User, password and place end at the first `/`, `?` or `#` (RFC 3986), and the place begins after the last `@` of that. One
    thing more is taken, because clients take it: a password that holds such characters as they are, where what stands
    before them can be no place, so that there is but one reading.
    """
    scheme, found, rest = url.strip().strip("\"'").partition("://")
    if not found or not SCHEME.fullmatch(scheme):
        return None
    end = ENDS.search(rest)
    authority = rest[: end.start()] if end else rest
    if "@" in authority or PLACE.fullmatch(authority):
        signed, _, place = authority.rpartition("@")
        after = rest[len(authority) :]
    else:
        before_query = rest.partition("?")[0]
        signed, _, after = (before_query if "@" in before_query else rest).rpartition("@")
        if before_query != rest and "@" in before_query:
            after += rest[len(before_query) :]
        elif rest.count("@") != 1 and "@" not in before_query:
            return None
        end = ENDS.search(after)
        place, after = (after[: end.start()], after[end.start() :]) if end else (after, "")
    path, _, query = after.partition("#")[0].partition("?")
    if not PLACE.fullmatch(place) or "@" in path:
        return None
    user, _, password = signed.partition(":")
    return Parts(scheme.lower(), user, password, place, path, query)


def host_and_port(place: str) -> tuple[str, str]:
    """A place of one host taken apart, as written; the brackets of an IPv6 address are not part of it.

    >>> host_and_port("[::1]:6380"), host_and_port("cache"), host_and_port(":6380")
    (('::1', '6380'), ('cache', ''), ('', '6380'))
    """
    host, bracket, rest = place[1:].partition("]") if place.startswith("[") else place.partition(":")
    return host, rest.removeprefix(":") if bracket else ""


def shown_place(host: str, port: int | str) -> str:
    """A host and its port as an address has them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def addresses(host: str, port: int, budget: Budget) -> list[str]:
    """The numeric addresses of a host. Raises NoAnswer.

    The system's resolver cannot be told to stop, so it is asked in a thread that is left behind if it takes too long.
    """
    found: list[str] = []
    failure: list[OSError] = []

    def look_up() -> None:
        try:
            found.extend(dict.fromkeys(str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except (OSError, UnicodeError, ValueError) as error:  # a name with an empty or overlong part raises UnicodeError, with a NUL ValueError
            failure.append(error if isinstance(error, OSError) else socket.gaierror(socket.EAI_NONAME, str(error)))

    thread = threading.Thread(target=look_up, daemon=True, name=f"look up {host}")
    thread.start()
    thread.join(budget.left_s(RESOLVE_S))
    if thread.is_alive():
        raise NoAnswer(f"the name {host} was not resolved within {RESOLVE_S:g} s: the name servers do not answer", final=True, fault=Fault.NETWORK)
    if failure:
        raise failed(failure[0], host, port)
    return found


def reachable(address: str, port: int, within_s: float) -> bool:
    """Whether anything takes a connection there: what tells a server that says nothing from a way on which nothing comes through."""
    try:
        with socket.create_connection((address, port), timeout=within_s):
            return True
    except OSError:
        return False


def failed(error: BaseException, host: str, port: int) -> NoAnswer:
    """A failure of the network, after which nothing more can be asked there."""
    return NoAnswer(words(error, host, port), final=True, fault=fault(error))


def words(error: BaseException, host: str, port: int) -> str:
    """A failure of the network as a sentence without its first capital. Looks through the causes of the error."""
    return _told(error, shown_place(host, port), host)[0]


def fault(error: BaseException) -> Fault:
    """Whose fault a failure of the network is, by its kind."""
    return _told(error, "", "")[1]


def _told(error: BaseException, where: str, host: str) -> tuple[str, Fault]:
    for cause in causes(error):
        if isinstance(cause, socket.gaierror):
            return f"the name {host} does not resolve ({cause.strerror or cause})", Fault.NETWORK
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate of {where} is not accepted: {getattr(cause, 'verify_message', cause)}", Fault.NETWORK
        if isinstance(cause, ssl.SSLError):
            reason = getattr(cause, "reason", "")
            if reason in ("WRONG_VERSION_NUMBER", "UNEXPECTED_EOF_WHILE_READING", "RECORD_LAYER_FAILURE"):
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
        f"{where} did not accept the connection within {seconds:g} s: a firewall drops what is sent from here, or its machine is down",
        final=True, fault=Fault.NETWORK,
    )  # fmt: skip


def causes(error: BaseException) -> list[BaseException]:
    """An error, and what it was raised from or while handling, outermost first."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    return chain
