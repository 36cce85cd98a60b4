"""The runbook: data a team edits (TOML files) and the code that decides its symptoms.

data      reads the files (through `tables`), naming file, line and field of every mistake
ground    what checks may look at
checks    one function per check
examine   a scenario's symptoms, decided one by one
facts     what is known for each step of a scenario
triage    all scenarios, ranked
"""

from incident_kit.runbook.advice import advise
from incident_kit.runbook.data import TRIAGE, Runbook, Scenario, load
from incident_kit.runbook.examine import Ground, examine, ground
from incident_kit.runbook.ranking import triage

__all__ = ["TRIAGE", "Ground", "Runbook", "Scenario", "advise", "examine", "ground", "load", "triage"]
