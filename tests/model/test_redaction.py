"""What must never reach a report, and what must stay readable in it. Every secret here is invented."""

from __future__ import annotations

import json

import pytest

from incident_kit.logs.reading import read
from incident_kit.model.redaction import RULES, kind_of_number, redact
from incident_kit.model.source import Source

JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJpbnZlbnRlZCJ9.c2lnbmF0dXJlLWludmVudGVk"

# text, the secrets in it
SECRET = {
    "bearer in headers": ('"authorization":"Bearer abc.DEF-123_456"', ["abc.DEF-123_456"]),
    "basic in headers": ('"authorization":"Basic dXNlcjppbnZlbnRlZA=="', ["dXNlcjppbnZlbnRlZA"]),
    "authorization as a raw header": ("Authorization: Bearer abcdef\r\nHost: x", ["abcdef"]),
    "authorization in escaped JSON": (r'{\"authorization\":\"Bearer invented-1\"}', ["invented-1"]),
    "authorization in a request dump": (r"POST / HTTP/1.1\r\nAuthorization: Basic aW52ZW50ZWQ=\r\nHost: x", ["aW52ZW50ZWQ"]),
    "bearer in a sentence": ("sent Bearer 3a7bd3e2360a3d29 upstream", ["3a7bd3e2360a3d29"]),
    "cookie": ('"cookie":"sid=s%3Ainvented.c2ln; theme=dark"', ["invented", "c2ln"]),
    "set-cookie list": ('"set-cookie":["sid=invented-1; Path=/; HttpOnly","b=invented-2"]', ["invented-1", "invented-2"]),
    "raw cookie header": ("Cookie: portal=invented-1; b=invented-2", ["invented-1", "invented-2"]),
    "signed session id": ("session s:inventedSession.Zm9vYmFy1 expired", ["inventedSession"]),
    "JWT in a message": (f"jwt malformed: {JWT}", [JWT, "eyJzdWIiOiJpbnZlbnRlZCJ9"]),
    "JWT in a query": (f"/verify?t={JWT}&x=1", [JWT.split(".")[2]]),
    "PostgreSQL DSN": ("postgresql://app:hunter2@db:5432/portal?schema=public", ["hunter2"]),
    "Redis DSN without user": ("redis://:hunter2@cache:6379/0", ["hunter2"]),
    "Redis DSN over TLS": ("rediss://default:p%40ss-hunter2@cache:6380", ["hunter2"]),
    "DSN in escaped JSON": (r'{\"url\":\"amqp://u:hunter2@mq/\"}', ["hunter2"]),
    "WHMCS form body": ("action=GetInvoices&identifier=inventedId1&secret=inventedSecret2&responsetype=json", ["inventedId1", "inventedSecret2"]),
    "WHMCS form body at the beginning": ("identifier=inventedId1&secret=inventedSecret2", ["inventedId1", "inventedSecret2"]),
    "WHMCS form body in JSON": ('{"data":"identifier=inventedId1&secret=inventedSecret2&action=x"}', ["inventedId1", "inventedSecret2"]),
    "WHMCS JSON": ('{"identifier":"inventedId1","secret":"inventedSecret2"}', ["inventedId1", "inventedSecret2"]),
    "WHMCS JSON with blanks": ('{ "identifier" : "inventedId1", "secret" : "inventedSecret2" }', ["inventedId1", "inventedSecret2"]),
    "WHMCS escaped JSON": (r'{"data":"{\"identifier\":\"inventedId1\",\"secret\":\"inventedSecret2\"}"}', ["inventedId1", "inventedSecret2"]),
    "WHMCS twice escaped JSON": (
        r'"{\\\"identifier\\\":\\\"inventedId1\\\",\\\"secret\\\":\\\"inventedSecret2\\\"}"', ["inventedId1", "inventedSecret2"],
    ),
    "WHMCS in inspect style": ("{ identifier: 'inventedId1', secret: 'inventedSecret2' }", ["inventedId1", "inventedSecret2"]),
    "Freebit URL-encoded JSON": ("json=%7B%22authKey%22%3A%22secret-value%22%7D", ["secret-value"]),
    "Freebit URL-encoded JSON, two keys": ("json=%7B%22oemKey%22%3A%22inv-1%22%2C%22authKey%22%3A%22inv-2%22%7D", ["inv-1", "inv-2"]),
    "Freebit URL-encoded JSON with blanks": ("json=%7B%22authKey%22%3A+%22secret-value%22%7D", ["secret-value"]),
    "Freebit URL-encoded JSON, percent blanks": ("json=%7B%22authKey%22%3A%20%22secret-value%22%7D", ["secret-value"]),
    "Freebit URL-encoded by encodeURI": ("json=%7B%22authKey%22:%22secret-value%22%7D", ["secret-value"]),
    "Freebit URL-encoded JSON with an escaped quote": ("json=%7B%22authKey%22%3A%22inv1%5C%22inv2%22%7D", ["inv1", "inv2"]),
    "URL-encoded in lower case": ("json=%7b%22authKey%22%3a%22secret-value%22%7d", ["secret-value"]),
    "URL-encoded with an escaped ampersand": ("json=%7B%22authKey%22%3A%22inv1%26inv2%22%7D", ["inv1", "inv2"]),
    "Freebit JSON": ('{"oemId":"x","oemKey":"inv-1","authKey":"inv-2"}', ["inv-1", "inv-2"]),
    "ioredis AUTH": ('"err":{"command":{"name":"auth","args":["default","hunter2"]},"message":"x"}', ["hunter2"]),
    "ioredis SET": ('"command":{"name":"set","args":["sess:1","{\\"user\\":\\"invented\\"}","EX","60"]}', ["invented"]),
    "ioredis SET of a value with a list in it": (r'"command":{"name":"set","args":["k","{\"roles\":[\"a\"],\"name\":\"invented\"}"]}', ["invented"]),
    "ioredis SET of a long value": ('"command":{"name":"set","args":["k","invented ' + "x" * 30000 + '"]}', ["invented"]),
    "ioredis in inspect style": ("command: { name: 'auth', args: [ 'hunter2' ] }", ["hunter2"]),
    "BullMQ pipeline": ('{"args":["AUTH","hunter2"]}', ["hunter2"]),
    "PEM key": ("-----BEGIN PRIVATE KEY-----\nMIIinvented\n-----END PRIVATE KEY-----", ["MIIinvented"]),
    "PEM key cut off": ("key: -----BEGIN RSA PRIVATE KEY-----\\nMIIinvented", ["MIIinvented"]),
    "environment variable": ("WHMCS_API_SECRET=inventedSecret2 node main.js", ["inventedSecret2"]),
    "password with an escaped quote": (r'{"password":"ab\"hunter2","x":1}', ["hunter2"]),
    "numeric one-time password": ('{"otp":123456}', ["123456"]),
    "SQL": ("ALTER ROLE app PASSWORD 'hunter2'", ["hunter2"]),
    "reset token in a URL": ("/reset?token=inventedtoken&x=1", ["inventedtoken"]),
    "Salesforce session": ("00D5g000001abcd!AQ0AQInvented.Session_Value12345", ["AQ0AQInvented"]),
    "e-mail": ("no user taro.yamada+x@example.co.jp", ["taro.yamada", "example.co.jp"]),
    "e-mail in a URL": ("/users?email=taro%40example.jp", ["taro%40"]),
    "Japanese mobile number": ("call 090-1234-5678 or +819012345678", ["1234-5678", "9012345678"]),
    "payment card": ("card 4111 1111 1111 1111 declined", ["4111 1111"]),
    "SIM number": ("iccid 8981100000000000001 busy", ["8981100000000000001"]),
}  # fmt: skip

KEPT = [
    "1795419602352",
    '{"level":30,"time":1795419602352,"pid":14533,"hostname":"vm","msg":"request completed"}',
    "6f1c2d3e-4a5b-4c6d-8e7f-901234567890",
    "at /app/node_modules/@nestjs/common/index.js:12:34",
    'password authentication failed for user "app"',
    "Cannot find module '@nestjs/common'",
    "2026-11-23T07:40:02.352Z",
    "2026-11-23 16:40:02.352 +0900",
    "20261123074002352",
    "connect ECONNREFUSED 127.0.0.1:6379",
    "GET /api/orders/1234567890 200 13ms",
    "http://billing.internal:8080/api/orders?limit=50&offset=100",
    "JsonWebTokenError: jwt malformed",
    "Invalid token",
    "no authorization header",
    "session expired",
    "Unexpected token < in JSON at position 0",
    "Basic authentication required",
    "NOAUTH Authentication required.",
    "res.statusCode 500 took 1795419602 us, 1073741824 bytes",
    "0015g00000Abcde",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "192.168.100.200:5432",
    "prisma:query SELECT 1",
    "P1001: Can't reach database server at `db:5432`",
]


@pytest.mark.parametrize("case", SECRET)
def test_a_secret_does_not_pass(case):
    text, secrets = SECRET[case]
    shown = redact(text)
    assert not [secret for secret in secrets if secret in shown], shown
    assert "[redacted:" in shown


@pytest.mark.parametrize("text", KEPT)
def test_what_is_no_secret_stays_as_it_is(text):
    assert redact(text) == text


@pytest.mark.parametrize("case", SECRET)
def test_redacting_again_changes_nothing(case):
    once = redact(SECRET[case][0])
    assert redact(once) == once


def test_what_stands_around_a_secret_stays():
    assert redact("action=GetInvoices&identifier=inventedId1&secret=inventedSecret2&responsetype=json") == (
        "action=GetInvoices&identifier=[redacted:secret]&secret=[redacted:secret]&responsetype=json"
    )
    assert redact("redis://:hunter2@cache:6379 refused us") == "redis://[redacted:credentials]@cache:6379 refused us"
    assert redact("json=%7B%22authKey%22%3A%22secret-value%22%7D&v=1").startswith("json=%7B%22authKey%22%3A%22[redacted:secret]%22%7D")


def test_a_redacted_record_is_still_json():
    record = {
        "level": 50, "time": 1795419602352, "req": {"headers": {"authorization": "Bearer abc.DEF-123", "cookie": "sid=invented"}},
        "err": {"command": {"name": "auth", "args": ["hunter2"]}, "config": {"data": '{"identifier":"inventedId1","secret":"a\\"b"}'}}, "msg": "x",
    }  # fmt: skip
    shown = redact(json.dumps(record))
    assert not [secret for secret in ("DEF-123", "invented", "hunter2", 'a\\"b') if secret in shown]
    assert shown.startswith('{"level": 50, "time": 1795419602352, ')


def test_secrets_in_a_log_come_out_redacted_everywhere(tmp_path):
    line = {
        "level": 50, "time": 1795419602352, "pid": 7, "hostname": "vm", "req": {"id": 1, "url": "/reset?token=inventedtoken"},
        "err": {"type": "Error", "message": "redis://:hunter2@cache:6379 refused"}, "msg": "failed: secret=inventedSecret2",
    }  # fmt: skip
    path = tmp_path / "app.log"
    path.write_text(json.dumps(line) + "\nidentifier=inventedId1\n" + '{"half":"secret=inventedSecret2"', encoding="utf-8")
    with read([Source("a", path, "app.log")]) as records:
        shown = repr([list(records.rows()), records.query("errors"), records.accounting(), records.frame().to_dict()])
    assert not [secret for secret in ("inventedtoken", "hunter2", "inventedSecret2", "inventedId1") if secret in shown]


@pytest.mark.parametrize(
    ("number", "kind"),
    [("4111111111111111", "card"), ("4111111111111112", None), ("09012345678", "phone"), ("03-1234-5678", "phone"), ("0312345678", None),
     ("8981100000000000001", "iccid"), ("440101234567890", "imsi"), ("1795419602352", None), ("1234567890123456", None)],
)  # fmt: skip
def test_a_long_number_is_told_by_what_it_is(number, kind):
    assert kind_of_number(number) == kind


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
@pytest.mark.parametrize("piece", ["a", "1 ", '"', "\\", "'", "password", '"args":[', "%22", "a.", "eyJ", "-----BEGIN ", "=", "://"])
def test_hostile_text_is_worked_through(rule, piece):
    assert rule.pattern.sub(rule.replacement, piece * 2000) is not None
