"""The plain values that hypothesis draws for what is written as JSON and read back: texts, counts, moments, windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from incident_kit.model.times import Window

# No half of a character: what is written as UTF-8 holds none.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
COUNTS = st.integers(0, 10**12)
BOUNDS = datetime(1970, 1, 1), datetime(2100, 1, 1)  # noqa: DTZ001 - hypothesis wants them without a zone
MOMENTS = st.datetimes(*BOUNDS, timezones=st.just(UTC))
WINDOWS = st.builds(
    lambda since, span: Window(since, since + span), MOMENTS, st.timedeltas(timedelta(microseconds=1), timedelta(400))
)
