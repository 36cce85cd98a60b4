"""The impact of an incident, and its events in order.

impact    since when, until when, who was affected and who is suspected
merge     events from findings, records and the journal, in one order
"""
