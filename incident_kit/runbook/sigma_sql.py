"""The condition of a Sigma rule in the SQL of DuckDB.

Importing this needs pySigma, so only `sigma_rules` does, where there are rules.
"""

from __future__ import annotations

from typing import Any

from sigma.backends.sqlite.sqlite import sqliteBackend
from sigma.exceptions import SigmaFeatureNotSupportedByBackendError
from sigma.rule import SigmaRule

from incident_kit.logs.sql import quoted

# Fields of webservers and proxies in Sigma, and what they are in `queries/sigma_rules.sql`.
FIELDS = {
    "cs-method": "method",
    "c-uri": "url",
    "cs-uri": "url",
    "c-uri-stem": "url_path",
    "cs-uri-stem": "url_path",
    "c-uri-query": "url_query",
    "cs-uri-query": "url_query",
    "sc-status": "status",
    "c-ip": "client",
}


def condition(rule: SigmaRule) -> str:
    """What a request has to be to meet the rule. Raises SigmaError where that cannot be said of requests."""
    return " OR ".join(Backend().convert_rule(rule))


class Backend(sqliteBackend):
    """SQLite's SQL where DuckDB's is the same.

    Texts are compared without case, as Sigma wants it; numbers as such, whatever the column.
    """

    wildcard_match_expression = "{field}::VARCHAR ILIKE {value} ESCAPE '\\'"
    case_sensitive_match_expression = "{field}::VARCHAR GLOB {value}"
    re_expression = "regexp_matches({field}::VARCHAR, {regex})"
    compare_op_expression = "TRY_CAST({field} AS DOUBLE) {operator} {value}"
    bool_expression = "{field}::VARCHAR ILIKE {value}"
    field_equals_field_expression = "lower({field1}::VARCHAR) = lower({field2}::VARCHAR)"
    field_equals_field_startswith_expression = "starts_with(lower({field1}::VARCHAR), lower({field2}::VARCHAR))"
    field_equals_field_endswith_expression = "ends_with(lower({field1}::VARCHAR), lower({field2}::VARCHAR))"
    field_equals_field_contains_expression = "contains(lower({field1}::VARCHAR), lower({field2}::VARCHAR))"
    field_timestamp_part_expression = None  # no field of FIELDS is a time
    null_safe_expression = "coalesce({expr}, false)"

    def escape_and_quote_field(self, field: str) -> str:
        if field not in FIELDS:
            raise SigmaFeatureNotSupportedByBackendError(f"it needs the field {field}, which requests do not have here")
        return FIELDS[field]

    def convert_value_str(self, s: Any, state: Any, no_quote: bool = False, glob_wildcards: bool = False) -> str:
        """The text as a literal of ours. pySigma doubles its quotes, for a literal of its own."""
        text = super().convert_value_str(s, state, no_quote=True, glob_wildcards=glob_wildcards)
        return quoted(text.replace("''", "'"))

    def convert_value_re(self, r: Any, state: Any) -> str:
        return quoted(super().convert_value_re(r, state).replace("''", "'"))

    def convert_condition_field_eq_val_str(self, cond: Any, state: Any) -> str:
        text = self.convert_value_str(cond.value, state, no_quote=True)
        return self.wildcard_match_expression.format(field=self.escape_and_quote_field(cond.field), value=text)

    def convert_condition_field_eq_val_num(self, cond: Any, state: Any) -> str:
        return self.compare_op_expression.format(
            field=self.escape_and_quote_field(cond.field), operator="=", value=cond.value
        )

    def convert_condition_val(self, cond: Any, state: Any) -> str:
        raise SigmaFeatureNotSupportedByBackendError(
            "it looks for keywords anywhere in a line, and only fields of requests are looked at here"
        )

    def finalize_query_default(self, rule: Any, query: str, index: int, state: Any) -> str:
        return f"({query})"
