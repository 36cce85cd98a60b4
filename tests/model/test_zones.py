"""A zone means the same on every machine."""

from __future__ import annotations

import pytest

from incident_kit.errors import ParameterError
from incident_kit.model.times import named_zone


@pytest.mark.parametrize("name", ["localtime", "posixrules", "Factory", "Nowhere/Town", "../../etc/passwd", "", "\x00"])
def test_what_is_no_zone_or_only_this_machines_is_refused(name: str) -> None:
    with pytest.raises(ParameterError, match="not a time zone"):
        named_zone(name)
