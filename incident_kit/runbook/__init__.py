"""The runbook: data a team edits (`scenarios/*.toml`, `dependencies.toml`, `severity.toml`) and the checks that decide its symptoms.

data      reads the files, naming file and field of every mistake
checks    one function per check
examine   a scenario's symptoms, decided one by one
"""

from incident_kit.runbook.data import Runbook, Scenario, load
from incident_kit.runbook.examine import Ground, examine

__all__ = ["Ground", "Runbook", "Scenario", "examine", "load"]
