"""Values of records as people may see them: text redacted, wherever it stands, and times aware."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from incident_kit.model.redaction import Redaction

if TYPE_CHECKING:
    import pandas

# Most texts come again and again: routes, messages, ids of requests.
MOST_REMEMBERED = 1 << 16


class Redactor:
    """Makes values fit to be seen, with one redaction."""

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._text = lru_cache(MOST_REMEMBERED)(redaction.text)

    def __call__(self, value: Any) -> Any:
        """Text is redacted, naive times are UTC, everything else is as it is."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, datetime) and value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value

    def frame(self, frame: pandas.DataFrame) -> pandas.DataFrame:
        """A frame as it came from the database, with text redacted wherever it stands, and times aware."""
        from pandas import CategoricalDtype
        from pandas.api.types import (
            is_bool_dtype,
            is_datetime64_any_dtype,
            is_datetime64_dtype,
            is_numeric_dtype,
            is_timedelta64_dtype,
        )

        frame.columns = frame.columns.map(self)
        for number, kind in enumerate(frame.dtypes):  # by number: a question may give two columns one name
            column = frame.iloc[:, number]
            if is_datetime64_dtype(kind):
                frame.isetitem(number, column.dt.tz_localize("UTC").array)
            elif not any(
                tells(kind)
                for tells in (is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype, is_timedelta64_dtype)
            ):
                texts = column.astype(object) if isinstance(kind, CategoricalDtype) else column
                frame.isetitem(number, texts.map(self._within).array)
        return frame

    def _within(self, value: Any) -> Any:
        if hasattr(value, "tolist"):  # a list comes from the database as an array of numpy
            value = value.tolist()
        return self._redaction.tree(value) if isinstance(value, list | dict | bytes | bytearray) else self(value)
