"""The people's side of an incident: pure functions over its journal, the runbook and findings.

state       what the journal says: milestones, severity, status, notes, steps; a fold over its entries
entries     what people add to the journal, each checked against what is there
alerts      what alerting systems send, recognised
"""
