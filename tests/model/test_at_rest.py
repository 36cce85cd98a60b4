"""What was redacted is at rest: redacted again, in whatever company, it stays as it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incident_kit.model.redaction import MARK, Redaction

A = "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY"
KEYED, PLAIN, ALL = Redaction(b"invented"), Redaction(), Redaction(b"invented", ip_addresses=True)
FRAGMENTS = [
    # names and what stands between them and their values
    "password", "token", "apiKey", "authorization", "cookie", "session", "credentials", "phone", "args", "params",
    "<a:password>", "pass",
    "=", ":", ": ", " = ", "=>", "%3D", "%22", "%253A", '"', "'",
    "`", '\\"', '\\\\\\"', '""', ",", ";", "&", "[", "]",
    "{", "}", "(", ")", "<", ">", "</", "/", "\\n", "\n", " ", "\t",
    "\u2028", "\x85", "\x1c", "\x00", "\x1b[31m", "\u202e", "é", "😀", "\ud800",
    # values
    "hunter22", "12", "1234567", "09012345678", "+81 90-1234-5678", "4111111111111111", "4111 1111 1111 1111",
    "hanako@example.jp", "10.0.0.7", "::1", A, "AI" + "za" + A + "xyz",
    "gh" + "p_" + A, "sk" + "_live_" + A, "ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiJub2JvZHkifQ." + A, "Bearer ",
    "Basic abc=", "redis://:hunter2@cache:6379", "https://a:b1@c",
    "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----", "Key (email)=(a b) already exists", "$1 = 'x",
    "curl -u ", "--token ", "row contains (", "s:" + A + "." + A,
    # marks, whole and cut, and what resembles them
    "[redacted:secret]", "[email:3fa9c1]", "[secret:abcdef]", "[redacted:", "[redacted]", "[email:3fa9c", ":3fa9c1]",
    "[Redacted]", "redacted:secret]",
    # what is wrapped, split and written otherwise
    "&quot;", "&#58;", "\\u0022", "\\x3d", "%5B", "%E3%83%91", "\u200b", "\xa0",
    "\uff1a", "\uff1d", "а", "\x1b[0m", "[33m",
    "eyJwYXNzd29yZCI6ICJibHVlLWhlcm9uIn0=", "cG9ydGFsOmJsdWUtSGVyb24tNw==", "70617373776f72643d626c7565",
    "[112,97,115,115,119,111,114,100,61,98,108,117,101]", "<Buffer 70 61 73 73 77 6f 72 64 3d 62 6c 75 65>",
    # pairs, columns, sentences, labels, commands
    '{"name":"', '","value":"', "Authorization", '"API Key"', " VALUES (",
    "INSERT INTO t (a, password)", "| password |",
    "|---|---|", "\npassword,a\n", " is ", " for kawa ", "your verification code",
    " 482913", "パスワード", "氏名", "は", "「", "」",
    "個人番号 ", "1234 5678 9018", "mysql -p", "curl -u a:", "docker login -p ",
    "DE75512108001245126199", "bHeron-77x",
    "name=\"secret\"\r\n\r\n", "<password a='b'>", "<![CDATA[", "password:$p", "田中@例え.jp", "eyJh\n",
    # routes
    "POST /oauth/token", "/api/auth/password", "/reset-password?", "/api/tokens/:id",
    "https://portal.example/session/secret", "2.0 s on average", "401",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=3), max_size=12).map("".join)


@settings(max_examples=600, deadline=None)
@given(TEXTS)
@pytest.mark.parametrize("redaction", [KEYED, PLAIN, ALL], ids=["with a key", "without", "addresses too"])
def test_redacting_twice_changes_nothing(redaction, text):
    once, told = redaction.text(text), redaction.sentence(text)
    assert redaction.spans(once) == []
    assert redaction.text(once) == once
    assert redaction.sentence(told) == told
    assert redaction.sentence(once) == once  # what a sentence hides is a part of what a stranger's text hides


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_another_key_finds_nothing_in_what_was_redacted(text):
    once = KEYED.text(text)
    assert {span.kind for span in ALL.spans(once)} <= {"ip"}
    assert PLAIN.text(once) == once


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from(FRAGMENTS) | TEXTS, TEXTS | st.integers() | st.booleans() | st.none(), max_size=4)
)
def test_a_tree_stays_as_it_is(tree):
    once = KEYED.tree(tree)
    assert KEYED.tree(once) == once
    json.loads(json.dumps(once))


@pytest.mark.parametrize(
    "text",
    [
        '<a:password>one-1"-----BEGIN RSA PRIVATE KEY-----',
        "hanako@example.jp" * 9,
        f"password={A}[email:3fa9c1]{A}",
        "[redacted:secret][email:3fa9c1]hunter22",
        'token="[redacted:email]x',
        "secret=[redacted:",
        "Bearer [redacted:token]1",
    ],
)
def test_marks_of_two_kinds_beside_each_other_are_at_rest(text):
    once = KEYED.text(text)
    assert KEYED.spans(once) == []
    assert KEYED.text(once) == once


@pytest.mark.parametrize(
    "piece",
    [
        "AI" + "za" + A + "xyz",
        "gcp AI" + "za" + A + "xyz",
        "hanako@example.jp",
        '<a:password>x"-----BEGIN PRIVATE KEY-----',
    ],
)
def test_a_line_in_which_each_mark_sets_another_secret_free_is_worked_through(piece):
    """At one round for each of them, it would take hours."""
    once = PLAIN.text(piece * (400_000 // len(piece)))
    assert PLAIN.spans(once) == []
    assert not [word for word in (A, "hanako") if word in MARK.sub("", once)]


def test_what_ends_a_long_chain_takes_no_line_beside_it():
    chain = ("AI" + "za" + A + "xyz") * 50
    once = PLAIN.text(f"before it\n{chain}\nand after")
    assert once.startswith("before it\n[redacted:")
    assert once.endswith("]\nand after")
    assert A not in once


@pytest.mark.parametrize(
    "sentence",
    [
        "POST /oauth/token: 2.0 s on average", "GET /api/auth/api-key: 14 of 20 failed",
        "password: 30 requests in a minute", "InvalidToken: 12 times, the first at 10:00",
        "Check the API credentials: WHMCS_API_IDENTIFIER and WHMCS_API_SECRET", "dependency secret: p95 4.2 s",
        "x-api-key: sent by 3 clients", "token, secret and password",
        "PUT /reset-password: 4 s; GET /api/tokens/:id: 2 s", "/var/log/password: 3 lines not read",
        "PasswordExpired: 7",
    ],
)  # fmt: skip
def test_a_sentence_of_ours_about_such_names_stays(sentence):
    assert PLAIN.sentence(sentence) == sentence


@pytest.mark.parametrize(
    ("sentence", "gone"),
    [
        ("told hanako@example.jp: 2 s", "hanako"), ("password=blue-heron-7", "heron"),
        ('{"password": "blue-heron-7"}', "heron"), ("/login?token=blue-heron-7: 2 s", "heron"),
        ("redis://:hunter2@cache:6379: 3 failed", "hunter2"), ("secret: 'blue-heron-7'", "heron"),
        ("%22secret%22%3A%22blue-heron%22", "heron"), ("token%3Dblue-heron-7", "heron"),
        ("card 4111 1111 1111 1111: 3 times", "4111"), ("Authorization: Bearer abc.DEF-123456", "DEF"),
    ],
)  # fmt: skip
def test_a_secret_that_slipped_into_a_sentence_goes(sentence, gone):
    assert gone not in PLAIN.sentence(sentence)


@pytest.mark.parametrize(
    "text",
    [
        "POST /oauth/token: 401",
        "GET https://a.example/session/secret: 4.0 s",
        "(/reset-password): 12 ms",
        "/api/auth/api-key: 5%",
    ],
)
def test_a_path_before_a_figure_is_no_name_of_a_secret(text):
    assert PLAIN.text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "user/password: 12345x",
        "/etc/app/password: hunter22",
        "username/password: 1234567",
        "token: 401a",
        "/login/token=401",
    ],
)
def test_what_is_no_path_or_no_figure_is_redacted_as_before(text):
    assert PLAIN.text(text) != text
