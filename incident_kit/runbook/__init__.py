"""The runbook: data a team edits (TOML files) and the code that decides its symptoms.

contents  what a runbook holds: scenarios, steps, severities, documents
data      reads it from files, naming file, line and field of every mistake
case      the evidence of one incident, as checks may ask it
checks    one function per check
examine   a scenario's symptoms, decided one by one
advice    what is known for each step of a scenario
ranking   all scenarios, ranked
"""

from incident_kit.runbook.advice import advise
from incident_kit.runbook.contents import TRIAGE, Runbook, Scenario
from incident_kit.runbook.data import load
from incident_kit.runbook.examine import Case, case_of, examine
from incident_kit.runbook.ranking import triage

__all__ = ["TRIAGE", "Case", "Runbook", "Scenario", "advise", "case_of", "examine", "load", "triage"]
