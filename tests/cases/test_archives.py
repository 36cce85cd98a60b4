"""Packed logs and archives of logs: all in them is read, what is damaged is said, and a small file stays small."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from itertools import repeat
from pathlib import Path

import pytest
import zstandard
from case_logs import record, write

from tests.command import COMMAND, Kit


def lines(word: str, count: int = 20) -> bytes:
    return "".join(record(second, f"{word} {second}") + "\n" for second in range(count)).encode()


def read(finished: subprocess.CompletedProcess[str]) -> list[str]:
    """The first words of the messages that were read, each once."""
    return list(dict.fromkeys(json.loads(line)["message"].split()[0] for line in finished.stdout.splitlines()))


A, B = lines("first"), lines("second")
SKIPPABLE = [bytes([0x50 + number]) + b"\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"whats" for number in range(16)]
WHOLE = {
    "gzip padded with zeros": gzip.compress(A) + gzip.compress(B) + bytes(700),
    "gzip padded between members": gzip.compress(A) + bytes(100_000) + gzip.compress(B),
    "gzip with an empty member": gzip.compress(b"") + gzip.compress(A) + gzip.compress(b"") + gzip.compress(B),
    "xz streams with padding": lzma.compress(A) + bytes(8) + lzma.compress(B) + bytes(4),
    "bzip2 streams": bz2.compress(A) + bz2.compress(B),
    "zstd frames": zstandard.compress(A) + zstandard.compress(B),
    "zstd skippable first": SKIPPABLE[0] + zstandard.compress(A) + zstandard.compress(B),
    "zstd skippable between and last": zstandard.compress(A)
    + SKIPPABLE[3]
    + SKIPPABLE[9]
    + zstandard.compress(B)
    + SKIPPABLE[15],
    "zstd with checksums": zstandard.ZstdCompressor(write_checksum=True).compress(A)
    + zstandard.ZstdCompressor(write_content_size=False).compress(B),
    "zstd padded with zeros": zstandard.compress(A) + zstandard.compress(B) + bytes(4096),
}
PACK = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "zstd": zstandard.compress}


@pytest.mark.parametrize("kind", WHOLE)
def test_every_stream_of_a_packed_log_is_read(kit: Kit, tmp_path: Path, kind: str) -> None:
    (tmp_path / "in.log").write_bytes(WHOLE[kind])
    finished = kit("parse", "in.log", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert read(finished) == ["first", "second"]
    assert "40 lines = 40 records" in finished.stderr
    assert "damaged" not in finished.stderr


@pytest.mark.parametrize("number", range(16))
def test_a_zstd_file_may_begin_with_any_skippable_frame(kit: Kit, tmp_path: Path, number: int) -> None:
    (tmp_path / "in.log").write_bytes(SKIPPABLE[number] + zstandard.compress(A))
    assert "20 lines = 20 records" in kit("parse", "in.log", cwd=tmp_path).stderr


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize(
    "behind", [b"not packed at all\n" * 30, b"\x00\x00\x00\x00\x00\x00x"], ids=["text", "padding and a byte"]
)
def test_what_comes_before_other_bytes_is_read_and_they_are_said(
    kit: Kit, tmp_path: Path, packing: str, behind: bytes
) -> None:
    (tmp_path / "in.log").write_bytes(PACK[packing](A) + behind)
    finished = kit("parse", "in.log", cwd=tmp_path)
    assert finished.returncode == 3, finished.stderr
    assert "20 lines = 20 records" in finished.stderr
    assert "is something else, which was not read" in finished.stderr


@pytest.mark.parametrize("packing", PACK)
def test_a_second_stream_cut_short_loses_nothing_of_the_first(kit: Kit, tmp_path: Path, packing: str) -> None:
    (tmp_path / "in.log").write_bytes(PACK[packing](A) + PACK[packing](B)[:-30])
    finished = kit("parse", "in.log", cwd=tmp_path)
    assert finished.returncode == 3, finished.stderr
    assert read(finished)[0] == "first"
    assert "damaged or cut short" in finished.stderr


@pytest.mark.parametrize(
    "command", [["triage", "t", "--reports", "out", "-l"], ["report", "high_error_rate", "t", "--reports", "out", "-l"]]
)
def test_a_damaged_archive_ends_with_3_and_its_records_are_kept(kit: Kit, tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "in.log.zst").write_bytes(zstandard.compress(A) + b"rubbish")
    finished = kit(*command, "in.log.zst", cwd=tmp_path)
    assert finished.returncode == 3, finished.stderr
    assert "in.log.zst: the archive is damaged" in finished.stderr


def tar(members: Iterable[tuple[str, bytes | tarfile.TarInfo]]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in members:
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1_795_600_000
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


def link(name: str, kind: bytes, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


ODD_TAR = [
    ("app/combined.log", lines("plain")),
    ("app/error.log", b""),
    ("app/combined.log.1.gz", gzip.compress(lines("packed"))),
    ("d/" * 120 + "deep.log", lines("deep")),
    ("/absolute.log", lines("absolute")),
    ("../above.log", lines("above")),
    ("", link("app/passwd", tarfile.SYMTYPE, "/etc/passwd")),
    ("", link("app/hard", tarfile.LNKTYPE, "app/combined.log")),
    ("", link("app/null", tarfile.CHRTYPE, "")),
    ("app/inner.tar", tar([("x.log", lines("inner"))])),
    ("app/core", bytes(range(1, 32)) * 40),
    ("app/last.log", lines("last")),
]


@pytest.mark.parametrize("packing", ["", *PACK])
def test_each_regular_member_of_a_tar_is_a_log_of_its_own(kit: Kit, tmp_path: Path, packing: str) -> None:
    (tmp_path / "given").mkdir()
    data = tar(ODD_TAR)
    (tmp_path / "given" / "logs").write_bytes(PACK[packing](data) if packing else data)
    finished = kit("parse", "logs", cwd=tmp_path / "given")
    assert finished.returncode == 3, finished.stderr  # the tar in it was left
    assert read(finished) == ["plain", "packed", "deep", "absolute", "above", "last"]
    assert "logs!app/combined.log: 20 lines = 20 records" in finished.stderr
    assert "logs!app/error.log: empty" in finished.stderr
    assert "logs!app/inner.tar: not read: an archive within an archive" in finished.stderr
    for name in ("passwd", "hard", "null", "core"):
        assert f"logs!app/{name}: not read" in finished.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["given", "logs"]


def test_each_member_of_a_zip_is_a_log_of_its_own(kit: Kit, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "logs.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("app")
        archive.writestr("app/a.log", lines("one"))
        archive.writestr("app/b.log.xz", lzma.compress(lines("two")))
        archive.writestr("../../c.log", lines("three"))
        archive.writestr("locked.log", lines("secret"))
    data = (tmp_path / "logs.zip").read_bytes()
    at = data.rindex(b"PK\x01\x02")  # the entry of the last member in the table of contents: say that it is encrypted
    (tmp_path / "logs.zip").write_bytes(data[: at + 8] + b"\x01" + data[at + 9 :])
    finished = kit("parse", "logs.zip", cwd=tmp_path)
    assert finished.returncode == 3, finished.stderr
    assert read(finished) == ["one", "two", "three"]
    assert "logs.zip!locked.log: not read: encrypted" in finished.stderr


def test_a_tar_cut_short_is_read_as_far_as_it_goes(kit: Kit, tmp_path: Path) -> None:
    data = tar([("a.log", lines("whole")), ("b.log", lines("half", 200))])
    (tmp_path / "logs.tar").write_bytes(data[: len(data) // 2])
    finished = kit("parse", "logs.tar", cwd=tmp_path)
    assert finished.returncode == 3
    assert read(finished) == ["whole", "half"]
    assert "the archive ends within it" in finished.stderr


@pytest.mark.parametrize("command", [("parse",), ("report", "high_error_rate", "x", "--reports", "out", "-l")])
@pytest.mark.parametrize("missing", ["padding", "end", "next header"])
def test_a_tar_cut_between_its_members_is_said_to_be_cut(
    kit: Kit, tmp_path: Path, missing: str, command: tuple[str, ...]
) -> None:
    content = lines("whole")
    data = tar([("a.log", content), ("b.log", lines("gone"))])
    member = 512 + -(-len(content) // 512) * 512
    kept = {"padding": 512 + len(content) + 1, "end": member, "next header": member + 100}[missing]
    assert len(content) % 512 > 1 or len(content) % 512 == 0
    (tmp_path / "logs.tar").write_bytes(data[:kept])
    finished = kit(*command, "logs.tar", cwd=tmp_path)
    assert finished.returncode == 3, finished.stderr
    assert "the tar is cut short" in finished.stderr
    if command == ("parse",):
        assert read(finished) == ["whole"]


def test_two_tars_one_behind_the_other_are_both_read(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "logs.tar").write_bytes(tar([("a.log", lines("one"))]) + tar([("b.log", lines("two"))]))
    finished = kit("parse", "logs.tar", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert read(finished) == ["one", "two"]


def test_an_item_of_a_member_says_which_archive_it_is_from(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "logs.tar.gz").write_bytes(
        gzip.compress(tar([("app/a.log", lines("one", 200)), ("app/b.log", lines("two", 200))]))
    )
    digest = hashlib.sha256((tmp_path / "logs.tar.gz").read_bytes()).hexdigest()
    for preserve, kinds in (("window", ["slice", "slice"]), ("whole", ["archive", "slice", "slice"])):
        finished = kit(
            "triage", preserve, "-l", "logs.tar.gz", "--preserve", preserve, "--reports", "out", cwd=tmp_path
        )
        assert finished.returncode == 0, finished.stderr
        items = [
            json.loads(path.read_bytes()) for path in (tmp_path / "out" / preserve / "evidence").glob("*/item.json")
        ]
        items = sorted((item for item in items if item["kind"] != "redaction"), key=lambda item: item["origin"])
        assert [item["kind"] for item in items] == kinds
        slices = [item for item in items if item["kind"] == "slice"]
        assert [item["origin"] for item in slices] == ["logs.tar.gz!app/a.log", "logs.tar.gz!app/b.log"]
        assert {item["details"]["archive_sha256"] for item in slices} == {digest}
        assert [item["sha256"] for item in items if item["kind"] == "archive"] == [digest] * (preserve == "whole")


def test_what_a_member_lacks_is_said_again_when_its_item_is_read(kit: Kit, tmp_path: Path) -> None:
    data = tar([("b.log", lines("half", 400))])
    (tmp_path / "logs.tar").write_bytes(data[: len(data) // 2])
    made = kit("report", "high_error_rate", "cut", "-l", "logs.tar", "--reports", "out", cwd=tmp_path)
    assert made.returncode == 3, made.stderr
    run = (tmp_path / made.stdout.strip()).parents[1]
    assert kit("reproduce", run, cwd=tmp_path).returncode == 0
    accounting = (run / "data" / "accounting.json").read_text(encoding="utf-8")
    assert "the archive ends within it" in accounting


@pytest.mark.parametrize("name", ["logs.tar", "logs.zip"])
def test_redact_takes_no_archive_for_a_text(kit: Kit, tmp_path: Path, name: str) -> None:
    if name == "logs.tar":
        (tmp_path / name).write_bytes(tar([("a.log", lines("one"))]))
    else:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("a.log", lines("one"))
    finished = kit("redact", name, cwd=tmp_path)
    assert finished.returncode == 2
    assert "Unpack it" in finished.stderr
    assert finished.stdout == ""


def test_an_archive_is_read_up_to_the_limit_and_the_option_that_raises_it_is_named(kit: Kit, tmp_path: Path) -> None:
    text = lines("word", 1000)
    for name, packed in (
        ("in.gz", gzip.compress(text)),
        ("in.tar.xz", lzma.compress(tar([("a.log", text), ("b.log", text)]))),
    ):
        (tmp_path / name).write_bytes(packed)
        finished = kit("parse", name, "--max-unpacked", len(text) // 2, cwd=tmp_path)
        assert finished.returncode == 3, finished.stderr
        assert 400 < finished.stdout.count("\n") < 600
        assert "--max-unpacked" in finished.stderr
    assert kit("parse", "in.gz", "--max-unpacked", len(text), cwd=tmp_path).returncode == 0


def test_a_raised_limit_is_kept_with_the_item(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "in.gz").write_bytes(gzip.compress(lines("word", 1000)))
    made = kit(
        "report", "high_error_rate", "t", "-l", "in.gz", "--max-unpacked", 40_000, "--reports", "out", cwd=tmp_path
    )
    assert made.returncode == 3, made.stderr
    run = (tmp_path / made.stdout.strip()).parents[1]
    assert json.loads((run / "data" / "accounting.json").read_bytes())[0]["damage"].startswith(
        "it unpacks to more than 40,000 bytes"
    )
    assert kit("reproduce", run, cwd=tmp_path).returncode == 0


def packed_line(pack: str, path: Path, filling: bytes, mebibytes: int) -> None:
    """Sound lines, and then one that does not end."""
    compressors = {
        "gzip": lambda: zlib.compressobj(wbits=31),
        "bzip2": bz2.BZ2Compressor,
        "xz": lambda: lzma.LZMACompressor(preset=0),
        "zstd": zstandard.ZstdCompressor().compressobj,
    }
    compressor = compressors[pack]() if pack else None
    with open(path, "wb") as file:
        for block in (lines("sound", 200), *repeat(filling * (1 << 20), mebibytes)):
            file.write(compressor.compress(block) if compressor else block)
        file.write(compressor.flush() if compressor else b"")


@pytest.mark.parametrize("pack", ["", *PACK])
@pytest.mark.parametrize("filling", [b"a", b"\x00"], ids=["letters", "zeros"])
def test_a_line_that_never_ends_is_cut_and_counted(kit: Kit, tmp_path: Path, pack: str, filling: bytes) -> None:
    packed_line(pack, tmp_path / "in.log", filling, 40)
    with open(tmp_path / "in.log", "ab") as file:  # and what follows it keeps its place
        if not pack:
            file.write(b"\n" + lines("after"))
    finished = kit("parse", "in.log", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert read(finished) == ["sound", "after"] if not pack else ["sound"]
    assert ("cleaned: 1 lines cut" if filling == b"a" else f"cleaned: {40 << 20} nul") in finished.stderr
    if not pack:
        text = (tmp_path / "in.log").read_bytes()
        for line in finished.stdout.splitlines():
            told = json.loads(line)
            assert text[told["offset"] :].lstrip(b"\x00").startswith(b'{"level"')
            assert text.count(b"\n", 0, told["offset"]) == told["line"] - 1


@pytest.mark.slow
@pytest.mark.parametrize("filling", [b"a", b"\x00"], ids=["letters", "zeros"])
@pytest.mark.parametrize("command", [["parse"], ["triage", "t", "--reports", "out", "-l"]], ids=["parse", "triage"])
def test_three_gigabytes_in_three_megabytes_take_little_memory(
    tmp_path: Path, filling: bytes, command: list[str]
) -> None:
    packed_line("gzip", tmp_path / "in.gz", filling, 3000)
    with open(tmp_path / "said", "wb") as said:
        running = subprocess.Popen([COMMAND, *command, "in.gz"], cwd=tmp_path, stdout=said, stderr=said)
        _, status, used = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)  # which it would wait for itself
    assert running.returncode == 0, (tmp_path / "said").read_text()
    assert used.ru_maxrss < 1 << 20  # KiB


def test_an_unpacked_log_keeps_only_what_a_window_needs_behind_a_long_run_of_zeros(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "bff.log").write_bytes(bytes(3 << 20) + lines("word", 900))
    finished = kit("triage", "t", "-l", "bff.log", "--reports", "out", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    [item] = [
        json.loads(path.read_bytes())
        for path in (tmp_path / "out" / "t" / "evidence").glob("*/item.json")
        if b'"slice"' in path.read_bytes()
    ]
    assert item["details"]["before_bytes"] == 3 << 20
    assert item["size_bytes"] == len(lines("word", 900))


@pytest.mark.parametrize("zeros", [9, 70_000, (3 << 20) + 17])
@pytest.mark.parametrize("where", ["head", "middle", "end"])
@pytest.mark.parametrize("kind", ["json", "text"])
def test_zeros_anywhere_are_counted_and_the_lines_around_them_read(
    kit: Kit, tmp_path: Path, zeros: int, where: str, kind: str
) -> None:
    nginx = b'203.0.113.9 - - [25/Nov/2026:09:%02d:00 +0000] "GET /x HTTP/1.1" 200 5 "-" "curl"\n'
    made = (
        [line + b"\n" for line in lines("word", 40).splitlines()]
        if kind == "json"
        else [nginx % minute for minute in range(40)]
    )
    made.insert({"head": 0, "middle": 20, "end": 40}[where], bytes(zeros))
    (tmp_path / "in.log").write_bytes(b"".join(made))
    finished = kit("parse", "in.log", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert "= 40 records" in finished.stderr
    assert f"cleaned: {zeros} nul" in finished.stderr


def test_a_line_of_a_csv_log_whose_quote_is_never_closed_is_no_fault_of_ours(kit: Kit, tmp_path: Path) -> None:
    good = '2026-11-25T09:00:00.000Z,"{""level"":30,""msg"":""hello""}"\n'
    write(
        tmp_path / "in.csv",
        ["@timestamp,@message", good.strip(), '2026-11-25T09:00:01.000Z,"' + "x" * 100, *["y" * 1_000_000] * 20],
    )
    finished = kit("parse", "in.csv", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert "hello" in finished.stdout
