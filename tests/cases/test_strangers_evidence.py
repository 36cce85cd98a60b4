"""Evidence that somebody else may have made.

It is compared with its hashes and its form before anything of it is read, followed or sealed.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import case_items
import pytest

from incident_kit.errors import EvidenceError
from incident_kit.evidence.store import open_evidence
from tests.command import Kit

PRIVATE = "account of this machine: invented-4711"


def refused(folder: Path, *words: str) -> str:
    """Opening says all the words, the damaged item among them."""
    with pytest.raises(EvidenceError) as error:
        open_evidence(folder)
    for word in words:
        assert word in str(error.value)
    return str(error.value)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_what_is_right_is_opened(tmp_path: Path) -> None:
    case_items.keep_slice(tmp_path / "evidence")
    item = case_items.keep_answer(tmp_path / "evidence", case_items.answer(), b'{"sent": "INFO"}\n')
    stored = open_evidence(tmp_path)
    assert len(stored.items()) == 2
    assert [told.answer.question for told in stored.stored_answers()] == ["redis.info"]
    assert [item.sent() for item in stored.answers()] == [["INFO"]]
    assert stored.answers()[0].id == item.name


@pytest.mark.parametrize("file", ["content", "ledger.jsonl", "item.json"])
def test_a_flipped_bit_is_named_with_item_and_file(tmp_path: Path, file: str) -> None:
    case_items.keep_slice(tmp_path / "evidence")
    item = case_items.keep_answer(tmp_path / "evidence", case_items.answer(), b'{"sent": "INFO"}\n')
    flip(item / file)
    assert "collect again" in refused(tmp_path, f"{item.name}/{file}: ")


@pytest.mark.parametrize(
    "cut", [lambda data: data[:-1], lambda data: data + b"x", lambda data: b""], ids=["cut", "appended", "emptied"]
)
def test_content_of_another_size_is_named(tmp_path: Path, cut: Callable[[bytes], bytes]) -> None:
    item = case_items.keep_slice(tmp_path / "evidence")
    (item / "content").write_bytes(cut((item / "content").read_bytes()))
    refused(tmp_path, f"{item.name}/content: changed", "bytes")


def test_all_damaged_items_are_named_at_once(tmp_path: Path) -> None:
    first, second = (
        case_items.keep_slice(tmp_path / "evidence"),
        case_items.keep_slice(tmp_path / "evidence", notes=["cut"]),
    )
    flip(first / "content")
    (second / "content").unlink()
    refused(tmp_path, f"{first.name}/content: changed", f"{second.name}/content: missing")


def test_an_item_under_another_name_is_named(tmp_path: Path) -> None:
    item = case_items.keep_slice(tmp_path / "evidence")
    item.rename(item.with_name("0123456789"))
    refused(tmp_path, "0123456789/item.json: changed (the item is named after its hash)")


def link(path: Path) -> None:
    private = path.parents[3] / "private.txt"
    private.write_text(PRIVATE)
    path.symlink_to(private)


def bind(path: Path) -> None:
    here = os.open(".", os.O_RDONLY)
    os.chdir(path.parent)  # the name of a socket may only be short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.fchdir(here)
        os.close(here)


SPECIAL = [
    pytest.param(link, "a link", id="link"),
    pytest.param(os.mkfifo, "a pipe", id="pipe"),
    pytest.param(bind, "a socket", id="socket"),
    pytest.param(os.mkdir, "a folder", id="folder"),
]


@pytest.mark.parametrize("file", ["content", "item.json", "ledger.jsonl", "more"])
@pytest.mark.parametrize(("make", "words"), SPECIAL)
def test_what_is_no_plain_file_in_an_item_is_named_and_never_opened(
    tmp_path: Path, file: str, make: Callable[[Path], None], words: str
) -> None:
    item = case_items.keep_answer(tmp_path / "evidence", case_items.answer(), b'{"sent": "INFO"}\n')
    (item / file).unlink(missing_ok=True)
    make(item / file)
    assert PRIVATE not in refused(tmp_path, f"{item.name}/{file}: {words}")


@pytest.mark.parametrize(("make", "words"), SPECIAL[:3])
def test_what_is_no_item_among_the_items_is_named(tmp_path: Path, make: Callable[[Path], None], words: str) -> None:
    inner = tmp_path / "of" / "stranger" / "evidence"
    case_items.keep_slice(inner)
    make(inner / "notes")
    refused(tmp_path / "of" / "stranger", f"notes: {words}")


@pytest.mark.parametrize("place", ["data", "data/evidence", "evidence"])
def test_a_folder_of_evidence_that_is_a_link_is_not_followed(tmp_path: Path, place: str) -> None:
    case_items.keep_slice(tmp_path / "elsewhere" / "evidence")
    given = tmp_path / "given" / place
    given.parent.mkdir(parents=True)
    given.symlink_to(tmp_path / "elsewhere" / ("" if place == "data" else "evidence"))
    refused(tmp_path / "given", str(given), "a link")


def test_an_item_whose_folder_is_a_link_is_named(tmp_path: Path) -> None:
    item = case_items.keep_slice(tmp_path / "evidence")
    shutil.move(item, tmp_path / "elsewhere")
    item.symlink_to(tmp_path / "elsewhere")
    refused(tmp_path, f"{item.name}: a link")


def test_what_a_desktop_leaves_in_an_item_does_not_travel(tmp_path: Path) -> None:
    item = case_items.keep_slice(tmp_path / "evidence")
    (item / ".DS_Store").write_bytes(b"\x00")
    assert len(open_evidence(tmp_path).items()) == 1
    (item / "notes.txt").write_text("of mine")
    refused(tmp_path, f"{item.name}/notes.txt")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 90_000 + "]" * 90_000, "nested"),
        ('{"details": ' * 500 + "1" + "}" * 500, "nested"),
        ("[]", "must be an object"),
        ("null", "must be an object"),
        ('"kind"', "must be an object"),
        ("", "not JSON"),
        ('{"kind": "slice", "kind": "answer"}', "'kind' is there twice"),
        ('{"kind": "slice", "duration_ms": NaN}', "NaN"),
        ('{"kind": "slice", "duration_ms": -Infinity}', "Infinity"),
        ('{"kind": "slice", "duration_ms": 1e999}', "1e999"),
        ('{"size_bytes": ' + "9" * 5000 + "}", "not JSON"),
    ],
    ids=[
        "deep list",
        "deep object",
        "a list",
        "null",
        "a text",
        "empty",
        "a name twice",
        "NaN",
        "infinity",
        "beyond numbers",
        "endless digits",
    ],
)
def test_a_description_that_is_no_json_of_ours_is_named(tmp_path: Path, text: str, words: str) -> None:
    item = case_items.keep_text(tmp_path / "evidence", text, b"x")
    refused(tmp_path, f"{item.name}/item.json: not an item description", words)


def test_a_description_that_is_not_utf_8_or_far_too_large_is_named(tmp_path: Path) -> None:
    item = case_items.keep_slice(tmp_path / "evidence")
    (item / "item.json").write_bytes(b'{"kind": "\xff"}')
    refused(tmp_path, f"{item.name}/item.json", "not UTF-8")
    with open(item / "item.json", "wb") as file:
        file.truncate(1 << 40)
    refused(tmp_path, f"{item.name}/item.json", "1,099,511,627,776 bytes")


ODD: list[tuple[str, Any]] = [
    ("kind", "slices"),
    ("kind", ["slice"]),
    ("kind", None),
    ("origin", 7),
    ("asked", {}),
    ("asked_at", "2026-11-25T09:21:00"),
    ("asked_at", "soon"),
    ("asked_at", 1795597200),
    ("asked_at", "0001-01-01T00:00:00+14:00"),
    ("asked_at", "9999-12-31T23:59:59Z"),
    ("duration_ms", -1),
    ("duration_ms", "3"),
    ("duration_ms", True),
    ("duration_ms", 10**400),
    ("size_bytes", -1),
    ("size_bytes", "many"),
    ("size_bytes", 1.5),
    ("size_bytes", True),
    ("sha256", "0" * 63),
    ("sha256", "g" * 64),
    ("sha256", None),
    ("ledger_sha256", 1),
    ("details", []),
    ("details", None),
]
ODD_DETAILS: list[tuple[str, Any]] = [
    ("window", None),
    ("window", {"since": "2026-11-25T09:00:00Z"}),
    ("window", {"since": "2026-11-25T09:00:00Z", "until": "2026-11-25T08:00:00Z"}),
    ("window", {"since": "2026-11-25T09:00:00", "until": "2026-11-25T10:00:00"}),
    ("path", 7),
    ("path", None),
    ("notes", "a note"),
    ("notes", [1]),
    ("before_bytes", -5),
    ("before_bytes", "some"),
    ("modified_at", "yesterday"),
    ("modified_at", 5),
    ("unsaid", []),
    ("unsaid", {"zone": "Mars/Base"}),
    ("unsaid", {"zone": "../../etc/passwd"}),
    ("unsaid", {"zone": 1}),
    ("unsaid", {"date_order": "myd"}),
    ("unsaid", {"formats": "nginx"}),
    ("unsaid", {"formats": ["nginx"]}),
]


@pytest.mark.parametrize(("field", "value"), ODD, ids=lambda value: repr(value)[:30])
def test_a_field_of_another_type_or_range_is_named(tmp_path: Path, field: str, value: Any) -> None:
    content = case_items.log()
    item = case_items.keep(tmp_path / "evidence", {**case_items.slice_of(content), field: value}, content)
    refused(tmp_path, f"{item.name}/item.json: not an item description", f"'{field}'")


@pytest.mark.parametrize(("field", "value"), ODD_DETAILS, ids=lambda value: repr(value)[:30])
def test_a_detail_of_another_type_or_range_is_named(tmp_path: Path, field: str, value: Any) -> None:
    item = case_items.keep_slice(tmp_path / "evidence", **{field: value})
    refused(tmp_path, f"{item.name}/item.json: not an item description", f"'details.{field}")


def test_a_field_that_is_missing_is_named(tmp_path: Path) -> None:
    for field in case_items.slice_of(b"x"):
        told = case_items.slice_of(b"x")
        del told[field]
        item = case_items.keep(tmp_path / field / "evidence", told, b"x")
        refused(tmp_path / field, item.name, f"'{field}'", "found nothing")


CLOCK = {"server": "2026-11-25T09:21:00Z", "offset_ms": 0, "error_ms": 1, "round_trip_ms": 1}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (b"[" * 50_000, "nested"),
        (b"not json", "not JSON"),
        (case_items.answer(status="fine"), "'status'"),
        (case_items.answer(status="failed"), "'reason'"),
        (case_items.answer(data=[1]), "'data'"),
        (case_items.answer(warnings="none"), "'warnings'"),
        (case_items.answer(asked_at="now"), "'asked_at'"),
        (case_items.answer(duration_ms=1e300), "'duration_ms'"),
        (case_items.answer(clock={"server": "noon"}), "'clock.server'"),
        (case_items.answer(clock={**CLOCK, "offset_ms": "late"}), "'clock.offset_ms'"),
    ],
    ids=lambda value: repr(value)[-40:],
)
def test_an_answer_that_is_none_is_named_although_its_hashes_are_right(
    tmp_path: Path, told: object, words: str
) -> None:
    item = case_items.keep_answer(tmp_path / "evidence", told)
    refused(tmp_path, f"{item.name}/content: ", words)


@pytest.mark.parametrize(
    "ledger",
    [b"[" * 50_000, b"{}\n", b'{"sent": 7}\n', b"\xff\n", b'{"sent": "a"}\n\n'],
    ids=["deep", "no text", "a number", "no text at all", "an empty line"],
)
def test_a_ledger_that_is_none_is_named(tmp_path: Path, ledger: bytes) -> None:
    item = case_items.keep_answer(tmp_path / "evidence", case_items.answer(), ledger)
    refused(tmp_path, f"{item.name}/ledger.jsonl: ")


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b'{"key": "zz", "ip_addresses": true}',
        b'{"key": "", "ip_addresses": true}',
        b'{"key": "' + b"ab" * 65 + b'", "ip_addresses": true}',
    ],
)
def test_a_key_that_is_none_is_named(tmp_path: Path, content: bytes) -> None:
    told = case_items.description(content, "redaction", "incident_kit", {"secret": True})
    item = case_items.keep(tmp_path / "evidence", told, content)
    refused(tmp_path, f"{item.name}/content: ", "'key'")


def test_half_a_character_is_shown_as_its_escape_and_the_report_is_sealed(kit: Kit, tmp_path: Path) -> None:
    content = case_items.log()
    told = {**case_items.slice_of(content, notes=["half \ud800"]), "origin": "/var/log/\udc9f.log", "asked": "\ud801"}
    case_items.keep(tmp_path / "stranger" / "evidence", told, content)
    answer = case_items.answer(data={"memory": {"\ud802": "\ud803"}}, warnings=["\udfff"])
    case_items.keep_answer(
        tmp_path / "stranger" / "evidence", answer, b'{"sent": "GET \\ud804"}\n', warnings=["\udfff"]
    )
    finished = kit("report", "high_error_rate", "--evidence", tmp_path / "stranger", "--reports", tmp_path / "reports")
    assert finished.returncode == 3, finished.stderr  # for the warning
    assert "notebook stopped" not in finished.stderr
    page = Path(finished.stdout.strip()).read_text(encoding="utf-8")
    assert all(shown in page for shown in ("\\udc9f.log", "\\ud803", "\\udfff", "GET \\ud804"))


def test_every_command_refuses_damaged_evidence_before_anything_is_made(kit: Kit, tmp_path: Path) -> None:
    item = case_items.keep_slice(tmp_path / "stranger" / "evidence")
    flip(item / "content")
    for command in (["triage"], ["report", "high_error_rate"]):
        finished = kit(*command, "--evidence", tmp_path / "stranger", "--reports", tmp_path / "reports")
        assert finished.returncode == 2, finished.stderr
        assert f"{item.name}/content: changed" in finished.stderr
        assert not (tmp_path / "reports").exists()


def test_the_lab_and_the_seal_of_a_notebook_refuse_damaged_evidence(kit: Kit, tmp_path: Path) -> None:
    made = kit("lab", "--prepare", "--reports", tmp_path)
    assert made.returncode == 0, made.stderr
    item = next((tmp_path / "demo" / "evidence").iterdir())
    (item / "content").chmod(0o600)
    flip(item / "content")
    for command in (["lab", "demo", "--prepare"], ["recheck", "demo"]):
        finished = kit(*command, "--reports", tmp_path)
        assert finished.returncode == 2, finished.stderr
        assert f"{item.name}/content: changed" in finished.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = " + "[" * 50_000, "TOML"),
        ("a = " + "9" * 5000, "TOML"),
        ('id = 7\ntitle = "t"\nopened = "2026-11-25T09:00:00Z"', "'id'"),
        ('id = "$(touch x)"\ntitle = "t"\nopened = "2026-11-25T09:00:00Z"', "'id'"),
        ('id = "mine"\ntitle = ["t"]\nopened = "2026-11-25T09:00:00Z"', "'title'"),
        ('id = "mine"\ntitle = "t"\nopened = "lately"', "'opened'"),
    ],
    ids=["deep", "endless digits", "number", "id for a shell", "list", "no time"],
)
def test_an_incident_toml_that_is_none_names_the_field(kit: Kit, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "incident.toml").write_text(text)
    finished = kit("lab", "mine", "--prepare", "--reports", tmp_path)
    assert finished.returncode == 2, finished.stderr
    assert all(word in finished.stderr for word in ("incident.toml", words, "sealed run holds a good copy"))


@pytest.mark.parametrize("name", ["incident.toml", "journal.jsonl"])
@pytest.mark.parametrize(("make", "words"), SPECIAL[:2])
def test_a_description_or_journal_that_is_no_plain_file_is_named(
    kit: Kit, tmp_path: Path, name: str, make: Callable[[Path], None], words: str
) -> None:
    reports = tmp_path / "of" / "reports"
    assert kit("lab", "--prepare", "--reports", reports).returncode == 0
    (reports / "demo" / name).unlink()
    make(reports / "demo" / name)
    log = tmp_path / "app.log"
    log.write_bytes(case_items.log())
    finished = kit("report", "high_error_rate", "demo", "-l", log, "--reports", reports)
    assert finished.returncode == 2, finished.stderr
    assert name in finished.stderr
    assert words in finished.stderr
    assert not list((reports / "demo").glob("runs/*/bagit.txt"))


def test_a_journal_beside_the_evidence_that_is_none_is_named(kit: Kit, tmp_path: Path) -> None:
    case_items.keep_slice(tmp_path / "stranger" / "evidence")
    entry = {
        "n": 1,
        "kind": "note",
        "text": "x",
        "at": "2026-11-25T09:00:00Z",
        "written": "2026-11-25T09:00:00Z",
        "by": "a@b",
        "previous": "0" * 64,
    }
    for odd in ({"at": "then"}, {"text": 5}, {"by": None}, {"written": "2026-11-25T09:00:00"}):
        (tmp_path / "stranger" / "journal.jsonl").write_text(json.dumps({**entry, **odd}) + "\n")
        finished = kit("triage", "--evidence", tmp_path / "stranger")
        assert finished.returncode == 2, finished.stderr
        assert all(word in finished.stderr for word in ("journal.jsonl, line 1", f"'{next(iter(odd))}'"))
    (tmp_path / "stranger" / "journal.jsonl").write_text("[" * 90_000 + "\n")
    finished = kit("triage", "--evidence", tmp_path / "stranger")
    assert finished.returncode == 2, finished.stderr
    assert "journal.jsonl, line 1" in finished.stderr
