"""Events in order, and the charts that show them.

merge     events from findings, records and the journal, in one order
charts    matplotlib figures in one style, and their inline SVG
"""
