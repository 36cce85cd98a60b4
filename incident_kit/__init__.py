"""A flight recorder and an investigation room for production incidents.

    system --collect--> evidence --extract--> records, stored answers --examine--> findings, timeline
    evidence, findings, timeline --notebook--> report, sealed run

Analysis reads only from evidence. Collecting asks a live system and stores its answer; everything after that reads
what was stored. So a notebook needs no server, and a sealed run can be made again from itself.

    incident_kit.evidence    the add-only store, the journal, sealed runs and their verification
    incident_kit.live        the questions to live systems: the only code that talks to one
    incident_kit.logs        formats, slices, and the reading of log records
    incident_kit.analysis    onset, suspects and rhythm, from tables and thresholds
    incident_kit.timeline    events of every kind in one order
    incident_kit.runbook     scenarios as data, and the checks that decide their symptoms
    incident_kit.view        everything that becomes text for people: pages, terminal, charts
    incident_kit.running     notebooks executed, and what was executed
    incident_kit.app         one file a command: triage, report, seal, reproduce and the others

A notebook starts from `evidence.store.open_evidence`, `logs.read`, `runbook.load` and `view.page`.
Importing the package imports nothing else, so it is quick and has no effect on the process.
"""

__all__ = ["__version__"]

__version__ = "0.2.0"
