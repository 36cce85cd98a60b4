"""Everything that becomes text for people: the page, charts, the terminal; and the gate before it is sealed."""
