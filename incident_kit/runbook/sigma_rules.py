"""A team's own Sigma rules, as conditions in SQL over finished requests (https://sigmahq.io/docs/basics/rules.html).

Rules lie in the runbook's folder `sigma`. pySigma, an optional extra, reads them; `sigma_sql` writes their conditions.
A rule that cannot be used stays, with its reason; a wrong one is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from incident_kit.errors import RunbookError

if TYPE_CHECKING:
    from sigma.exceptions import SigmaError

FOLDER = "sigma"
CATEGORIES = ("webserver", "proxy")
MISSING = "pySigma is not installed (pip install incident-kit[sigma])"
# What pySigma's errors call a part of a rule, where that is not its key.
KEYS = {
    "identifier": "id",
    "tag": "tags",
    "regularexpression": "detection",
    "value": "detection",
    "modifier": "detection",
    "type": "detection",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A Sigma rule: its title, the file it stands in, and its condition in SQL, or why it cannot be used."""

    title: str
    file: str
    condition: str = ""
    unusable: str = ""


def rule_files(runbook: Path) -> list[Path]:
    """The files of rules in a runbook, in folders below `sigma` too."""
    return sorted(path for path in (runbook / FOLDER).rglob("*") if path.suffix in (".yml", ".yaml") and path.is_file())


def load_rules(runbook: Path) -> tuple[Rule, ...]:
    """The rules of a runbook; none where it has no folder of them. Raises RunbookError."""
    paths = rule_files(runbook)
    if not paths:
        return ()
    try:
        import sigma.backends.sqlite  # noqa: F401  # without the backend pySigma is of no use
    except ImportError:
        return tuple(Rule(path.stem, path.name, unusable=MISSING) for path in paths)
    return tuple(rule for path in paths for rule in _rules(path))


def _rules(path: Path) -> Iterator[Rule]:
    import yaml
    from sigma.collection import SigmaCollection
    from sigma.correlations import SigmaCorrelationRule
    from sigma.exceptions import SigmaConditionError, SigmaError

    from incident_kit.runbook.sigma_sql import condition

    try:
        collection = SigmaCollection.from_yaml(
            path.read_text(encoding="utf-8"), collect_filters=True, resolve_references=False
        )
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RunbookError(f"{path}, line {line}: not readable as YAML: {error.problem}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RunbookError(f"{path}: not readable as YAML: {error}.") from None
    except SigmaError as error:
        raise _wrong(path, error) from None
    except (AttributeError, TypeError):  # what pySigma says of YAML that is a text or a list
        raise RunbookError(
            f"{path}, line 1: must be a Sigma rule, a table of fields such as title, logsource and detection."
        ) from None
    if not (collection.rules or collection.filters):
        raise RunbookError(f"{path}, line 1: holds no Sigma rule.")
    for unapplied in collection.filters:
        yield Rule(
            unapplied.title, path.name, unusable="it is a filter of other rules, and those are not filtered here"
        )
    for rule in collection.rules:
        if isinstance(rule, SigmaCorrelationRule):
            yield Rule(
                rule.title, path.name, unusable="it correlates other rules, and each request is judged alone here"
            )
        elif rule.logsource.category not in CATEGORIES:
            category = rule.logsource.category or "not said"
            unusable = f"its logsource category is {category}, not {' or '.join(CATEGORIES)}"
            yield Rule(rule.title, path.name, unusable=unusable)
        else:
            try:
                yield Rule(rule.title, path.name, condition(rule))
            except SigmaConditionError as error:
                raise _wrong(path, error) from None
            except (SigmaError, NotImplementedError) as error:  # pySigma raises either for what a backend does not have
                yield Rule(rule.title, path.name, unusable=str(error))


def _wrong(path: Path, error: SigmaError) -> RunbookError:
    """The error of a rule, with the line of the key that pySigma found wrong, or of the file's first."""
    about = re.sub(r"^Sigma|Error$", "", type(error).__name__).lower()
    key = KEYS.get(about, about)
    lines = path.read_text(encoding="utf-8").split("\n")
    line = next((number for number, text in enumerate(lines, start=1) if re.match(rf"[\s-]*{key}\s*:", text)), None)
    return RunbookError(f"{path}, line {line}: {key}: {error}." if line else f"{path}, line 1: {error}.")
