"""Reports: a scenario's notebook, executed on a run's own evidence, shown as one page, sealed, and made again.

results      findings, timeline, accounting and series as files that the same evidence gives byte for byte
page         what the notebook's cells show: pieces of HTML, with every text from logs escaped
html         an executed notebook as one self-contained page
run          a run: its folder, the execution, the seal
reproduce    the same run again, from itself, and what differs
"""
