"""The course of an incident, events in order, and the charts that show them.

course    since when, until when, who was affected and who is suspected
merge     events from findings, records and the journal, in one order
charts    matplotlib figures in one style, and their inline SVG
"""
