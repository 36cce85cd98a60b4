"""The checks: each decides one symptom from evidence, with parameters that a team sets in its runbook files.

A check is a function of the `Case`, the `Symptom` and its keyword-only parameters. Their names and types are what
the runbook file may say under `[symptom.parameters]`.
To add one, write it in the file of its subject, name it here, and test it.

verdicts   findings of each verdict, and several combined into one
systems    a system fails, as logs and its own answers say: what most symptoms come down to
rates      how many requests, how slow, how many fail
events, cache, database, security, notes
           what one scenario needs
"""

from incident_kit.runbook.checks.cache import (
    authentication_failing,
    blacklist_open,
    cache_misses,
    rate_limit_gone,
    slow_commands,
    streams_dropping,
)
from incident_kit.runbook.checks.database import blocking_chain, connections_near_limit, corruption, long_running
from incident_kit.runbook.checks.events import activity_stopped, orders_waiting, replay_unmoved
from incident_kit.runbook.checks.notes import noted
from incident_kit.runbook.checks.rates import average_duration, error_share, traffic_spike
from incident_kit.runbook.checks.security import (
    attacks_answered,
    guessed_addresses,
    guessing,
    large_volumes,
    new_clients,
    one_account_many_clients,
    sigma_rules,
    sign_in_burst,
    success_after_refusals,
)
from incident_kit.runbook.checks.systems import trouble

__all__ = [
    "activity_stopped",
    "attacks_answered",
    "authentication_failing",
    "average_duration",
    "blacklist_open",
    "blocking_chain",
    "cache_misses",
    "connections_near_limit",
    "corruption",
    "error_share",
    "guessed_addresses",
    "guessing",
    "large_volumes",
    "long_running",
    "new_clients",
    "noted",
    "one_account_many_clients",
    "orders_waiting",
    "rate_limit_gone",
    "replay_unmoved",
    "sigma_rules",
    "sign_in_burst",
    "slow_commands",
    "streams_dropping",
    "success_after_refusals",
    "traffic_spike",
    "trouble",
]
