"""Pure computation: tables and thresholds in, tables and findings out. No files, no clock, no configuration.

chance           what chance alone would give
episodes         when more requests failed or were slow than a limit allows, and more than chance
bursts           when records come so densely that it is no chance
holes            when nothing was logged though something was due
faults           the smallest fault that would have been seen
changes          what differs from the log's own past
normal           what was normal before, and whether a stretch of buckets departs from it
onset            since when something changed, from buckets
first_affected   the same to the second, from records
change           requests, calls and errors before and after an onset, counted
suspects         what changed at the onset, as causes and consequences
"""

from incident_kit.analysis.first_affected import onset_of
from incident_kit.analysis.onset import Moment, Onset, onset, onset_of_requests, onsets
from incident_kit.analysis.suspects import Side, Suspect, suspects

__all__ = ["Moment", "Onset", "Side", "Suspect", "onset", "onset_of", "onset_of_requests", "onsets", "suspects"]
