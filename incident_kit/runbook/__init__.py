"""The runbook: data a team edits (TOML files) and the code that decides its symptoms.

data      reads the files, naming file, line and field of every mistake
case      what checks may look at
checks    one function per check
examine   a scenario's symptoms, decided one by one
advice    what is known for each step of a scenario
ranking   all scenarios, ranked
"""

from incident_kit.runbook.advice import advise
from incident_kit.runbook.data import TRIAGE, Runbook, Scenario, load
from incident_kit.runbook.examine import Case, case_of, examine
from incident_kit.runbook.ranking import triage

__all__ = ["TRIAGE", "Case", "Runbook", "Scenario", "advise", "case_of", "examine", "load", "triage"]
