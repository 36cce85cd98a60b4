"""The systems that a configuration names, each with what asks it.

Each diagnostic is imported in its own thread, because importing takes as long as asking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from incident_kit.config.settings import Configuration
from incident_kit.live.session import NoAnswer, Session
from incident_kit.model.answer import Answer

Questions = Callable[[Session], Iterator[Answer]]


@dataclass(frozen=True, slots=True)
class System:
    """A system to ask: its name, its target's name, the seconds it may take, and the questions."""

    name: str
    target: str
    allowance_s: float
    ask: Questions


def systems(configuration: Configuration, environment: Mapping[str, str], env_file: Path | None = None) -> list[System]:
    """The systems of the configuration, with their addresses from the environment, else from the BFF's env file."""
    targets = configuration.targets
    path = env_file or (Path(configuration.env_file) if configuration.env_file else None)
    values = {**_values_of_file(path), **environment}
    unreadable = frozenset(name for name, value in values.items() if not is_text(value))
    values = {name: value for name, value in values.items() if name not in unreadable}

    def redis(session: Session) -> Iterator[Answer]:
        from incident_kit.live import redis as diagnostic

        return diagnostic.ask(values[targets.redis], session)

    def postgres(session: Session) -> Iterator[Answer]:
        from incident_kit.live import postgres as diagnostic

        return diagnostic.ask(values[targets.postgres], session)

    def health(session: Session) -> Iterator[Answer]:
        from incident_kit.live import health as diagnostic

        return diagnostic.ask(configuration.health_url, session)

    def whmcs(session: Session) -> Iterator[Answer]:
        from incident_kit.live import whmcs as diagnostic

        identifier, secret = values.get(targets.whmcs_identifier, ""), values.get(targets.whmcs_secret, "")
        return diagnostic.ask(values[targets.whmcs], identifier, secret, session)

    def salesforce(session: Session) -> Iterator[Answer]:
        from incident_kit.live import salesforce as diagnostic

        return diagnostic.ask(diagnostic.Access(*(values[name] for name in salesforce_names)), session)

    def process(session: Session) -> Iterator[Answer]:
        from incident_kit.live import process as diagnostic

        return diagnostic.ask(configuration.process, session)

    def settings(session: Session) -> Iterator[Answer]:
        from incident_kit.live import environment as diagnostic

        assert path is not None  # noqa: S101 - without one it is not asked
        return diagnostic.ask(path, configuration.process, session)

    salesforce_names = (
        targets.salesforce,
        targets.salesforce_client_id,
        targets.salesforce_username,
        targets.salesforce_key_file,
    )
    unset = [name for name in salesforce_names if not values.get(name)]
    return [
        _with_target(System("redis", targets.redis, 15, redis), values, unreadable),
        _with_target(System("postgres", targets.postgres, 15, postgres), values, unreadable),
        System("health", "health_url", 10, health)
        if configuration.health_url
        else _not_asked("health", "health_url", "the BFF's health", "the configuration names no health check"),
        _with_target(System("whmcs", targets.whmcs, 15, whmcs), values, unreadable),
        System("salesforce", targets.salesforce, 15, salesforce)
        if not unset
        else _not_asked(
            "salesforce",
            targets.salesforce,
            "Salesforce",
            f"{', '.join(unset)} {'is' if len(unset) == 1 else 'are'} not set",
        ),
        System("environment", "env_file", 5, settings)
        if path
        else _not_asked(
            "environment",
            "env_file",
            "the BFF's settings",
            "no environment file is named with --env-file or in the configuration",
        ),
        System("process", "process", 5, process)
        if configuration.process
        else _not_asked("process", "process", "the BFF's process", "the configuration names no process"),
    ]


def is_text(value: str) -> bool:
    """Whether a value can be sent and shown: a byte that is no UTF-8 stands in it as a lone surrogate."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _with_target(system: System, values: Mapping[str, str], unreadable: frozenset[str]) -> System:
    """The system, or where its target has no usable value, the same with the answer that it was not asked."""
    if values.get(system.target):
        return system
    if system.target in unreadable:
        reason = f"{system.target} holds bytes that are no UTF-8; write the address in plain characters"
        return _not_asked(system.name, system.target, system.name, reason)
    reason = f"{system.target} is set neither in this environment nor in an env file named with --env-file"
    return _not_asked(system.name, system.target, system.name, reason)


def _not_asked(name: str, target: str, subject: str, reason: str) -> System:
    """A system whose only answer is why it was not asked."""
    return System(name, target, 5, lambda session: iter([session.not_checked(name, f"Anything of {subject}", reason)]))


def _values_of_file(path: Path | None) -> Mapping[str, str]:
    """The values of the env file; none where it cannot be read, which its own answer will say."""
    if path is None:
        return {}
    from incident_kit.live import environment

    try:
        return environment.read(path).values
    except NoAnswer:
        return {}
