"""Lines that a stranger wrote do not decide whether a report is sealed, and say nothing on it but text."""

from __future__ import annotations

import json
import random
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from case_logs import incident, record, request, write

from incident_kit.evidence.store import Evidence
from incident_kit.view import gate

A = "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY"
MARKUP = (
    "<img src=x onerror=alert(1)><script>alert(2)</script></pre></svg>' onmouseover='alert(3)\" "
    'onclick="alert(4)<!-- ]]> {{7*7}} <a href=javascript:alert(5)>'
)
FRAGMENTS = [
    "password", "token", "secret", "apiKey", "<a:password>", "credentials", "Authorization", "=", ": ", ":", "=>",
    "%3D", "%22", '"', "'", "\\", '\\"', "[", "]", "{", "}", ",", "&", "\n", "\u2028", "\u2029", "\x85", "\x0b",
    "\x0c", "\x1c", "\x00", "\x1b[2J", "\x07", "\u202e", "\x9b31m", "😀", "日本", "\ufeff", "hunter22", "09012345678",
    "4111111111111111", "hanako@example.jp", A, "AI" + "za" + A + "xyz", "Bearer abc.DEF-123",
    "-----BEGIN RSA PRIVATE KEY-----", "redis://:hunter2@cache:6379", "[redacted:secret]", "[email:3fa9c1]",
    "[redacted:", "--token ", "curl -u ", "POST /oauth/token", "/reset-password?", "$x^$", "=HYPERLINK(1)", MARKUP,
    "a" * 3000, "%s%n{0}", "../../etc/passwd",
]  # fmt: skip


def hostile(choose: random.Random) -> str:
    return "".join(choose.choices(FRAGMENTS, k=choose.randint(1, 7)))


class Elements(HTMLParser):
    """The tags and the attributes of a page that could do something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.scripts, self.doing = 0, list[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.doing += [
            f"{tag} {name}={value}"
            for name, value in attrs
            if name.startswith("on") or (value or "").strip().lower().startswith("javascript:")
        ]
        self.doing += [tag] * (tag in ("iframe", "object", "embed", "form", "base", "link", "img"))


def checked(kit, folder: Path, scenario: str) -> Path:
    """The run of a report on the log in the folder.

    It is sealed, verifies, is made again, and has nothing on its page but text.
    """
    finished = kit("report", scenario, "x", "-l", "bff.log", "--reports", "out", cwd=folder)
    assert finished.returncode in (0, 3), finished.stderr
    [run] = (folder / "out" / "x" / "runs").iterdir()
    assert (run / "tagmanifest-sha256.txt").is_file()
    assert json.loads((run / "data" / "run.json").read_text(encoding="utf-8"))["error"] == ""
    for command in ("verify", "reproduce"):
        again = kit(command, run)
        assert again.returncode == 0, again.stderr
    page = Elements((run / "data" / "report.html").read_text(encoding="utf-8"))
    assert (page.scripts, page.doing) == (1, [])
    for chart in (run / "data" / "charts").glob("*.svg"):
        assert not [
            element
            for element in ElementTree.parse(chart).iter()
            if element.tag.rpartition("}")[2] in ("script", "image", "a", "foreignObject")
        ]
    return run


@pytest.mark.parametrize(("scenario", "seed"), [("high_error_rate", 1), ("security_incident", 2), ("triage", 3)])
def test_a_log_of_hostile_lines_gets_its_sealed_report(kit, tmp_path, scenario, seed):
    choose = random.Random(seed)  # the same lines every time
    lines = incident()
    for second in range(605, 1100, 2):
        messages = [hostile(choose) for _ in range(4)]
        lines.append(
            record(
                second,
                messages[0],
                50,
                context=messages[1],
                err={
                    "type": messages[2][:60],
                    "message": messages[3],
                    "stack": f"Error: {messages[3]}\n    at x (/srv/a.js:1:1)",
                },
            )
        )
        lines.append(
            request(
                second + 0.1,
                choose.choice(["GET", "POST", messages[2][:20]]),
                "/" + messages[0],
                choose.choice([200, 401, 500]),
                3000,
                messages[1],
            )
        )
        lines.append(request(second + 0.2, "GET", f"/../../etc/passwd?{messages[2]}", 200, 3, messages[3]))
    write(tmp_path / "bff.log", lines)
    run = checked(kit, tmp_path, scenario)
    assert gate.mask(run / "data", Evidence(run / "data" / "evidence").redaction()) == []


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\r"])
def test_what_some_take_for_a_line_end_is_none(kit, tmp_path, separator):
    lines = incident()
    lines += [
        record(second + 0.5, f"Freebit timed out{separator}trying again", 50, context="FreebitService")
        for second in range(610, 700)
    ]
    write(tmp_path / "bff.log", lines)
    finished = kit("report", "high_error_rate", "x", "-l", "bff.log", "--reports", "out", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize(
    "route",
    [
        "/oauth/token",
        "/reset-password",
        "/api/tokens/:id",
        "/session/secret",
        "/login?password",
        "/$x^$",
        "/p/password=x/y",
    ],
)
def test_a_route_named_like_a_secret_is_shown_with_its_figures(kit, tmp_path, route):
    write(tmp_path / "bff.log", incident(url=route))
    finished = kit("report", "high_error_rate", "x", "-l", "bff.log", "--reports", "out", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    [page] = tmp_path.glob("out/x/runs/*/data/report.html")
    assert "POST " + route.partition("?")[0].partition("=")[0] in page.read_text(encoding="utf-8")


def test_a_log_below_a_folder_named_by_an_address_gets_its_report_and_the_address_stays_out(kit, tmp_path):
    home = tmp_path / "kim@mail.example"
    home.mkdir()
    write(home / "bff.log", incident())
    home_of = {"HOME": str(home)}
    finished = kit(
        "report", "high_error_rate", "x", "-l", home / "bff.log", "--reports", home / "out", cwd=tmp_path, env=home_of
    )
    assert finished.returncode == 0, finished.stderr
    [run] = (home / "out" / "x" / "runs").iterdir()
    for path in [
        path for path in (run / "data").glob("*.*") if path.name != "journal.jsonl"
    ]:  # which is chained, and keeps what was written
        assert "kim@mail.example" not in path.read_text(encoding="utf-8"), path
    triaged = kit("triage", "-l", home / "bff.log", "--reports", home / "out", cwd=home, env=home_of)
    assert "kim@mail.example" not in triaged.stdout


def test_words_of_a_secret_in_a_title_and_in_a_file_name_hide_nothing(kit, tmp_path):
    write(tmp_path / "password: token.log", incident())
    finished = kit("report", "whmcs_unavailable", "x", "-l", "password: token.log", "--reports", "out", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    [page] = tmp_path.glob("out/x/runs/*/data/report.html")
    text = page.read_text(encoding="utf-8")
    assert "password: token.log" in text
    assert "Check the API credentials: WHMCS_API_IDENTIFIER" in text
