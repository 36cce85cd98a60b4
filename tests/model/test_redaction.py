"""What must never reach a report, and what must stay readable in it. Every secret here is invented."""

from __future__ import annotations

import base64
import json
import re
import tomllib
from pathlib import Path
from re import _parser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incident_kit.logs.reading import read
from incident_kit.model.redaction import (
    REDACTION,
    Redaction,
    columns,
    labels,
    names,
    numbers,
    prose,
    readings,
    redact,
    shapes,
    tokens,
)
from incident_kit.model.redaction.numbers import kind_of_number
from incident_kit.model.source import Source

HERE = Path(__file__).parent
A, H = "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY", "0123456789abcdef0123456789abcdef"
BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCinvented"


def pem(kind: str, line_end: str = "\n", end: bool = True) -> str:
    return f"-----BEGIN {kind}-----{line_end}{BODY}{line_end}{BODY}" + (
        f"{line_end}-----END {kind}-----" if end else ""
    )


# Tokens as vendors make them, from parts: whole ones would be refused by the scanners of code hosts.
TOKENS = {
    "jwt": "ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiJub2JvZHkifQ." + A,
    "unsigned_jwt": "ey" + "JhbGciOiJub25lIn0.ey" + "JzdWIiOiJub2JvZHkifQ.",
    "jwe": "ey" + "JhbGciOiJkaXIifQ.." + A[:16] + "." + A + "." + A[:22], "mail": "hanako@example.jp",
    "scram": "SCRAM-SHA-256" + "$4096:" + A[:22] + "==$" + A + "=:" + A + "=",
    "sf_session": "00D" + "8d0000012AbC!" + A + "._" + A,
    "sf_session_encoded": "00D" + "8d0000012AbC%21" + A + "._" + A,
    "sf_consumer": "3MV" + "G9" + A + A, "sf_refresh": "5Ae" + "p861" + A + A,
    "pem_private": pem("PRIVATE " + "KEY"), "pem_private_escaped": pem("PRIVATE " + "KEY", "\\n"),
    "pem_rsa": pem("RSA PRIVATE " + "KEY"),
    "pem_ec_cut": pem("EC PRIVATE " + "KEY", end=False), "pem_openssh": pem("OPENSSH PRIVATE " + "KEY"),
    "pem_pgp": pem("PGP PRIVATE " + "KEY BLOCK"),
    "pem_line": "MIIEvQ" + "IBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj",
    "age_key": "AGE-SECRET-" + "KEY-1" + "QZ7" * 18,
    "aws_key": "AK" + "IA" + "Z7QW" * 4, "aws_temporary": "AS" + "IA" + "Z7QW" * 4,
    "gcp_key": "AI" + "za" + A + "xyz",
    "gcp_oauth": "ya" + "29." + A,
    "gcp_client_secret": "GOC" + "SPX-" + A, "azure_account": "Account" + "Key=" + A + A + "==",
    "azure_bus": "SharedAccess" + "Key=" + A + A[:11] + "=",
    "github_classic": "gh" + "p_" + A + "zzzz", "github_app": "gh" + "s_" + A + "zzzz",
    "github_fine": "github" + "_pat_" + A + "_" + A,
    "gitlab": "gl" + "pat-" + A[:20], "slack_bot": "xo" + "xb-" + "12345678901-" + A,
    "slack_user": "xo" + "xp-" + "12345678901-" + A,
    "slack_app": "xa" + "pp-1-" + "A012-345-" + A,
    "slack_hook": "https://hooks." + "slack.com/services/" + "T0001/B0002/" + A,
    "stripe_live": "sk" + "_live_" + A, "stripe_test": "sk" + "_test_" + A, "stripe_restricted": "rk" + "_live_" + A,
    "stripe_hook": "wh" + "sec_" + A,
    "npm": "np" + "m_" + A + "zzzz", "pypi": "py" + "pi-" + A + A, "docker": "dckr" + "_pat_" + A,
    "sendgrid": "S" + "G." + A[:22] + "." + A + A[:11],
    "twilio": "S" + "K" + H, "mailgun": "ke" + "y-" + H, "telegram": "987654321" + ":AA" + A + "x",
    "digitalocean": "dop" + "_v1_" + H + H,
    "huggingface": "h" + "f_" + A + "zz", "shopify": "shp" + "at_" + H, "vault": "hv" + "s." + A,
    "newrelic": "NR" + "AK-" + A.upper(), "linear": "lin" + "_api_" + A + A[:8],
    "atlassian": "ATA" + "TT3" + A + A, "square": "sq0" + "atp-" + A[:22], "databricks": "da" + "pi" + H,
    "grafana": "gl" + "sa_" + A + "_1a2b3c4d",
    "openai": "s" + "k-proj-" + A + A, "anthropic": "s" + "k-ant-" + "api03-" + A,
    "pem_entities": pem("PRIVATE " + "KEY", "&#10;"), "pem_percent": pem("PRIVATE%20" + "KEY", "%0A"),
    "pem_base64": base64.b64encode(pem("RSA PRIVATE " + "KEY").encode()).decode(),
    "jwt_broken": "ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiJub2Jv\nZHkifQ." + A,
    "discord_hook": "https://disc" + "ord.com/api/webhooks/" + "1234567890/" + A,
}  # fmt: skip
WHOLE = re.compile("‹([a-z0-9_]+)›")
HIDDEN = re.compile("⟦([^⟧\n]*)(?:⟧|$)")


def cases(name: str) -> list[str]:
    lines = (HERE / name).read_text(encoding="utf-8").split("\n")
    return [line.replace("⏎", "\n") for line in lines if line and not line.startswith(("# ", "## "))]


def secrets_in(case: str) -> tuple[str, list[str]]:
    """The text of a case, and what of it must go."""
    tokens = [TOKENS[name] for name in WHOLE.findall(case)]
    text = WHOLE.sub(lambda match: TOKENS[match[1]], case)
    hidden = [TOKENS["mail"] if part == "‹mail›" else part for part in re.findall("⟦([^⟧]*)⟧?", text)]
    return re.sub("[⟦⟧]", "", text), [*hidden, *(BODY if BODY in token else token[-12:] for token in tokens)]


COMMANDS = tomllib.loads(Path(shapes.__file__).with_name("commands.toml").read_text(encoding="utf-8"))["shape"]
MUST_GO, MUST_STAY = cases("must_go.txt"), cases("must_stay.txt")


@pytest.mark.parametrize("case", MUST_GO)
def test_a_secret_does_not_pass(case):
    text, secrets = secrets_in(case)
    shown = redact(text)
    words = {word for secret in secrets for word in re.findall(r"[^\s;,\"'\\\[\]{}()]{4,}", secret)} or set(secrets)
    assert secrets
    assert not [word for word in words if word in re.sub(r"\[redacted:[a-z-]+\]", "", shown)], shown


@pytest.mark.parametrize("text", MUST_STAY)
def test_what_is_no_secret_stays_as_it_is(text):
    assert redact(text) == text


def test_there_are_five_hundred_different_cases_of_each():
    assert len(set(MUST_GO)) == len(MUST_GO) > 500
    assert len(set(MUST_STAY)) == len(MUST_STAY) > 500


@pytest.mark.parametrize("token", tokens.TOKENS, ids=lambda token: token.vendor)
def test_the_samples_of_a_vendor_are_hidden_wherever_they_stand(token):
    for sample in (sample.replace(tokens.BREAK, "") for sample in token.samples):
        assert sample.startswith(token.prefixes)
        assert redact(sample).startswith("[redacted:")
        assert sample[-8:] not in redact(f"retry with {sample} in 5 s, /x/{sample}?a=b, {{'k':'{sample}'}}")
    assert token.samples
    assert token.documentation.startswith("https://")


@pytest.mark.parametrize("table", COMMANDS, ids=lambda table: table["samples"][0])
def test_a_secret_on_a_command_line_is_hidden_and_the_command_stays(table):
    for sample in table["samples"]:
        shown = redact(re.sub("[⟦⟧]", "", sample))
        assert not [secret for secret in re.findall("⟦([^⟧]*)⟧", sample) if secret in shown], shown
        assert shown.split("[redacted:")[0] == re.split("⟦", sample)[0]
    assert table["documentation"].startswith("https://")


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                *(secrets_in(case)[0] for case in MUST_GO),
                *MUST_STAY,
                '"',
                "\\",
                "[",
                "]",
                "=",
                ": ",
                "[redacted:secret]",
            ]
        ),
        max_size=6,
    )
)
def test_redacting_again_changes_nothing(parts):
    once = redact("".join(parts))
    assert redact(once) == once


def test_what_stands_around_a_secret_stays():
    assert redact("action=GetInvoices&identifier=inventedId1&secret=inventedSecret2&responsetype=json") == (
        "action=GetInvoices&identifier=[redacted:secret]&secret=[redacted:secret]&responsetype=json"
    )
    assert redact("redis://:hunter2@cache:6379 refused us") == "redis://[redacted:credentials]@cache:6379 refused us"
    assert redact("json=%7B%22authKey%22%3A%22secret-value%22%7D&v=1").startswith(
        "json=%7B%22authKey%22%3A%22[redacted:secret]%22%7D"
    )


def test_a_redacted_record_is_still_json():
    record = {
        "level": 50, "time": 1795419602352,
        "req": {"headers": {"authorization": "Bearer abc.DEF-123", "cookie": "sid=invented"}},
        "err": {
            "command": {"name": "auth", "args": ["hunter2"]},
            "config": {"data": '{"identifier":"inventedId1","secret":"a\\"b"}'},
        },
        "msg": "x",
    }  # fmt: skip
    shown = redact(json.dumps(record))
    assert not [secret for secret in ("DEF-123", "invented", "hunter2", 'a\\"b') if secret in shown]
    assert shown.startswith('{"level": 50, "time": 1795419602352, ')


@pytest.mark.parametrize(
    "data",
    [
        {"headers": [{"name": "Authorization", "value": "Token blue-heron-7"}]},
        {"env": [{"Name": "DB_PASSWORD", "Value": "blue-heron-7"}]},
        {"rawHeaders": ["Host", "crm", "X-Api-Key", "blue-heron-7"]},
        {"set-cookie": ["portal=blue-heron-7; Path=/"]},
        {"body": {"type": "Buffer", "data": list(b"secret=blue-heron-7")}},
        {"暗証番号": "blue-heron-7"},
        {"API Key": "blue-heron-7"},
        {"pw": "blue-heron-7"},
    ],
)
def test_a_secret_in_nested_data_does_not_pass(data):
    shown = json.dumps(REDACTION.tree(data))
    assert "blue-heron-7" not in shown
    assert "98, 108, 117, 101" not in shown
    assert REDACTION.tree(json.loads(shown)) == json.loads(shown)


@pytest.mark.parametrize(
    "data",
    [
        {"headers": [{"name": "Host", "value": "crm.internal"}]},
        {"rawHeaders": ["Host", "crm", "Accept", "*/*"]},
        {"buckets": [1, 2, 5, 10, 20, 50, 100, 200, 250]},
        {"fields": ["email", "password", "token"]},
        {"name": "password", "type": "varchar"},
    ],
)
def test_nested_data_without_secrets_stays(data):
    assert REDACTION.tree(data) == data


def test_secrets_in_a_log_come_out_redacted_everywhere(tmp_path):
    line = {
        "level": 50, "time": 1795419602352, "pid": 7, "hostname": "vm",
        "req": {"id": 1, "url": "/reset?token=inventedtoken"},
        "err": {"type": "Error", "message": "redis://:hunter2@cache:6379 refused"},
        "msg": "failed: secret=inventedSecret2",
    }  # fmt: skip
    path = tmp_path / "app.log"
    path.write_text(
        json.dumps(line) + "\nidentifier=inventedId1\n" + '{"half":"secret=inventedSecret2"', encoding="utf-8"
    )
    with read([Source("a", path, "app.log")]) as records:
        shown = repr([list(records.rows()), records.query("errors"), records.accounting(), records.frame().to_dict()])
    assert not [secret for secret in ("inventedtoken", "hunter2", "inventedSecret2", "inventedId1") if secret in shown]


@pytest.mark.parametrize(
    ("number", "kind"),
    [("4111111111111111", "card"), ("4111111111111112", None), ("09012345678", "phone"), ("0312345678", None),
     ("8981100000000000001", "iccid"), ("440101234567890", "imsi"), ("1795419602352", None),
     ("1234567890123456", None)],
)  # fmt: skip
def test_a_long_number_is_told_by_what_it_is(number, kind):
    assert kind_of_number(number) == kind


SEARCHED = {
    "names": names.NAMED, **{f"{shape.kind} {shape.marks[0]}": shape.pattern for shape in shapes.SHAPES},
    **{
        name: getattr(numbers, name)
        for name in ("RUN", "GROUPED_CARD", "GROUPED_PHONE", "INTERNATIONAL", "IBAN", "IPV4", "IPV6")
    },
    **{token.vendor: token.pattern for token in tokens.TOKENS},
    **{
        f"{module.__name__.rpartition('.')[2]} {name}": getattr(module, name)
        for module, searched in (
            (columns, ("INSERTED", "COPIED", "LINE_END")), (labels, ("LABELLED", "MY_NUMBER_NAME", "TWELVE")),
            (names, ("WITH_ATTRIBUTES", "VARIABLE", "VALUE_BESIDE", "VALUE_BEFORE",
            "WORDS_BEFORE", "NAMING_ATTRIBUTE")),
            (prose, ("NAME_BEHIND", "CODE_NAME", "SENTENCE", "ONE_TIME", "BEFORE_ITS_NAME")),
            (readings, ("ESCAPED", "WRITTEN_OTHERWISE", "BYTES", "ENCODED", "HEX")), (tokens, ("PREFIX",)),
        )
        for name in searched
    },
}  # fmt: skip


@pytest.mark.parametrize("name", SEARCHED)
def test_searching_takes_time_linear_in_the_text(name):
    """A search is linear if no place it begins at costs more than a bounded amount that is not then consumed.

    So every repetition without an upper bound is possessive (nothing of it is given back), and whatever follows one
    always succeeds: then all it went over is part of the match, and the next search begins behind it.
    """
    assert not list(unbounded_risks(_parser.parse(SEARCHED[name].pattern, SEARCHED[name].flags)))


def unbounded_risks(parsed, followed_by_doubt=False):
    """Repetitions without an upper bound that are given back, or that have something behind them that may fail."""
    doubt = followed_by_doubt
    for code, argument in reversed(list(parsed)):
        kind = str(code)
        if kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            least, most, body = argument
            if most == _parser.MAXREPEAT and (kind != "POSSESSIVE_REPEAT" or doubt):
                yield str(parsed)
            yield from unbounded_risks(body, doubt)
            doubt = doubt or least > 0
        elif kind == "SUBPATTERN":
            yield from unbounded_risks(argument[3], doubt)
            doubt = doubt or argument[3].getwidth()[0] > 0
        elif kind == "BRANCH":
            for branch in argument[1]:
                yield from unbounded_risks(branch, doubt)
            doubt = doubt or parsed.getwidth()[0] > 0
        elif kind in ("ASSERT", "ASSERT_NOT"):
            yield from unbounded_risks(argument[1], True)
            doubt = True
        else:
            doubt = True


HOSTILE = [
    'password="', "session='", 'token\\":\\"', '"args":[', "%22secret%22%3A%22", "a@a.", "-eyJa",
    "-----BEGIN PRIVATE KEY-----", "a://a:", "Bearer a", 'cookie: ="',
    'authorization","', "Key (a)=(", "row contains (", "$1 = '", "curl -u", "4111 ", "+1 ", "1:", 'params: ["',
    '\\\\\\"', "token[", "[redacted:secret]", "password '",
    '{"name":"password","value":"', 'name="secret"\\r\\n', "'password','",
    "<name>password</name>", "<a b='c'>", "$a:",
    "password:$p ", "INSERT (", "INSERT (password) VALUES (", "values ('", "a|", "| password |\n", "password,b\n",
    "password is ", "password for a ", "code is 123 ", "パスワード「", "パスワード：", "個人番号 1", "%22",
    "%25", "&quot;",
    "\\u0022", "\u200bpassword=", "eyJh/", "cGFzc3dvcmQ9/", "IAAAIAAAIAAAIAAA/", "70617373",
    "[112,97,115,", '{"0":1,"1":2,',
    "<Buffer 70 61 ", "sk-", "glpat-", "DE89 ", "mysql -p", "curl -u a ", "--token ",
    "login -u ", "echo a |", "パ", "@例",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_is_worked_through(piece):
    text = piece * (50_000 // len(piece))  # at a square of its length, this would take minutes
    assert len(Redaction(ip_addresses=True).text(text)) > 0
