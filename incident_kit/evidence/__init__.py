"""Evidence: what was collected, who did what, and runs sealed so that anyone can verify them with stock tools.

untrusted  reading what a stranger may have made: plain files only, JSON strictly
copies     files that share nothing with their original
item       one item: its form and its hashes
store      the add-only store of items
journal    the append-only, hash-chained journal
incident   an incident's folder: incident.toml, journal, evidence, runs
bag        BagIt (RFC 8493), written and checked
verify     everything a sealed run must be, all faults named
"""
