"""The impact of an incident, and its events in order.

impact    since when, until when, who was affected and who is suspected
merge     events from findings, records and the journal, in one order
rows      the timeline of an incident: events, answers, notes and more, with when each was learned
imports   what was noted elsewhere, as rows
export    rows as files for other programs
"""
