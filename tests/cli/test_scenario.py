"""A scenario of a team's own: begun by a command, checked while it is written, and run."""

from __future__ import annotations

from pathlib import Path

from tests.command import Kit


def test_a_scenario_is_begun_checked_and_known(kit: Kit, tmp_path: Path) -> None:
    begun = kit("scenario", "new", "book", "carrier_down", cwd=tmp_path)
    assert begun.returncode == 0, begun.stderr
    book = tmp_path / "book"
    assert [path.name for path in (book / "notebooks").iterdir()] == ["carrier_down.ipynb"]
    checked = kit("scenario", "check", "book", cwd=tmp_path)
    assert (checked.returncode, checked.stdout) == (0, "book: 7 scenario(s), without a mistake.\n")
    listed = kit("scenarios", "--runbook", "book", cwd=tmp_path)
    assert "carrier_down  7. Carrier down" in listed.stdout
    again = kit("scenario", "new", "book", "carrier_down", cwd=tmp_path)
    assert again.returncode == 2
    assert "exists already and is left alone" in again.stderr
    assert kit("scenario", "new", "book", "../x", cwd=tmp_path).returncode == 2


def test_mistakes_are_named_with_file_line_and_field(kit: Kit, tmp_path: Path) -> None:
    assert kit("scenario", "new", "book", "carrier_down", cwd=tmp_path).returncode == 0
    path = tmp_path / "book" / "scenarios" / "carrier_down.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("number = 7", 'number = "seven"'), encoding="utf-8")
    refused = kit("scenario", "check", "book", cwd=tmp_path)
    assert refused.returncode == 2
    assert "carrier_down.toml, line 3: number must be a whole number; found 'seven'" in refused.stderr
    path.write_text(text.replace("number = 7", "number = 5").replace("Carrier down", "The carrier is down"))
    faulty = kit("scenario", "check", "book", cwd=tmp_path)
    assert faulty.returncode == 1
    assert "carrier_down.toml, line 3: number must be its own; 5 is another's too." in faulty.stdout
    assert "carrier_down.ipynb: differs from what the template and the runbook make of it" in faulty.stdout
    (tmp_path / "book" / "notebooks" / "carrier_down.ipynb").unlink()
    path.write_text(text.replace("Carrier down", "The carrier is down"), encoding="utf-8")
    mended = kit("scenario", "check", "book", cwd=tmp_path)
    assert mended.returncode == 0
    assert "carrier_down.ipynb: written from the template" in mended.stdout
