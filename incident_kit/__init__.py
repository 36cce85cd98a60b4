"""A flight recorder and an investigation room for production incidents.

    system --collect--> evidence --read--> records, answers --examine--> findings, timeline --> notebook --report--> sealed run

One rule holds it together: analysis reads only from evidence. Collecting stores what a system said; everything after
that reads what was stored. So a notebook needs no server, and a sealed run can be made again from itself.

    incident_kit.evidence    the add-only store, the journal, sealed runs and their verification
    incident_kit.live.ask      live systems asked side by side, within a budget
    incident_kit.live the questions: the only code that talks to a system
    incident_kit.logs        formats, slices, and the reading of log records
    incident_kit.runbook     scenarios as data, and the checks that decide their symptoms
    incident_kit.timeline    events in order, and the charts
    incident_kit.report      the executed notebook, its page, and making it again
"""

__version__ = "0.2.0"
