#!/usr/bin/python3
"""Every route of /openapi.json, as strangers, former and lesser friends ask it, and with every member of its body wrong in turn."""

import base64
import json
import re
import subprocess

import cli
from accounts import ROOT, get, login, register, with_admin
from cli import check, check_equal, run

ID = "0190a0a0-0000-7000-8000-00000000000a"
TREE = cli.os.path.dirname(cli.os.path.dirname(cli.os.path.dirname(cli.os.path.abspath(__file__))))


def encode(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def sign(folder, header, claims):
    """A token of the server's own key, whatever it says."""
    text = f"{encode(json.dumps(header).encode())}.{encode(json.dumps(claims).encode())}"
    der = subprocess.run(["openssl", "dgst", "-sha256", "-sign", f"{folder}/access.key"], input=text.encode(), capture_output=True, check=True).stdout
    numbers, at = [], 2
    for _ in range(2):
        length = der[at + 1]
        numbers.append(der[at + 2 : at + 2 + length].lstrip(b"\0").rjust(32, b"\0"))
        at += 2 + length
    return f"{text}.{encode(b''.join(numbers))}"


def operations(server):
    whole = json.loads(server.request("GET", "/openapi.json").text)
    for path, item in whole["paths"].items():
        for method, operation in item.items():
            yield method.upper(), re.sub(r"\{\w+\}", ID, path), operation


def is_guarded(operation):
    return bool(operation["security"])


def ask(server, method, path, body=None, token=None, **fields):
    text = body if isinstance(body, (str, bytes)) or body is None else json.dumps(body)
    answer = server.request(method, path, text, {"Content-Type": "application/json", **fields}, token)
    what = f"{method} {path} with {str(text)[:80]!r}: {answer.status} {answer.text[:300]}"
    check(answer.status < 500, what)
    if answer.status >= 400 and method != "HEAD":
        check_equal(answer.getheader("Content-Type"), "application/problem+json", what)
        problem = json.loads(answer.text)
        check_equal(problem["status"], answer.status, what)
        check(problem["code"] and problem["title"], what)
        check(not re.search(r"argon2|SELECT |/work/|\.c:\d", answer.text), what)
    return answer


class World:
    def __init__(self, it, server):
        self.server = server
        self.folder = f"{it.box}/data"
        self.root = login(server, "root", ROOT)["access_token"]
        register(server)
        self.ann = login(server)["access_token"]


world = with_admin(World)


@world
def the_description_is_openapi_and_makes_a_client(w):
    cli.write("openapi.json", w.server.request("GET", "/openapi.json").text)
    done = subprocess.run(["node", f"{TREE}/tests/e2e/openapi.mjs", "openapi.json"], capture_output=True, text=True, timeout=60)
    check_equal(done.returncode, 0, done.stderr)
    check('"/api/auth/login"' in done.stdout and "postApiAuthLogin" in done.stdout, done.stdout[:500])
    names = [operation["operationId"] for _, _, operation in operations(w.server)]
    check_equal(len(names), len(set(names)), "operations of one name")


@world
def without_a_good_credential_nobody_gets_in_anywhere(w):
    header, claims = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in w.root.split(".")[:2]]
    good = sign(w.folder, header, claims)
    check_equal(get(w.server, "/api/auth/me", good).status, 200, "a token that we have signed")
    bad = {
        "none": None,
        "nonsense": "nonsense",
        "tampered": w.root[:-6] + "AAAAAA",
        "expired": sign(w.folder, header, claims | {"exp": 1000, "iat": 900}),
        "of another audience": sign(w.folder, header, claims | {"aud": "other"}),
        "of another issuer": sign(w.folder, header, claims | {"iss": "other"}),
        "of another type": sign(w.folder, header | {"typ": "JWT"}, claims),
        "of no session": sign(w.folder, header, claims | {"sid": ID}),
        "of no algorithm": f"{encode(json.dumps(header | {'alg': 'none'}).encode())}.{w.root.split('.')[1]}.",
        "of HS256": f"{encode(json.dumps(header | {'alg': 'HS256'}).encode())}.{'.'.join(w.root.split('.')[1:])}",
        "of a key": f"bf_live_{'0' * 32}_{'a' * 43}000000",
    }
    count = 0
    for method, path, operation in operations(w.server):
        for name, token in bad.items():
            if not is_guarded(operation):
                continue
            answer = ask(w.server, method, path, {}, token)
            check_equal((answer.status, answer.getheader("WWW-Authenticate", "")[:6]), (401, "Bearer"), f"{method} {path}: a token {name}")
            count += 1
    check(count > 100, count)


@world
def each_role_may_what_its_permissions_say(w):
    roles = {role["name"]: role["permissions"] for role in get(w.server, "/api/roles", w.root).json["roles"]}
    tokens = {}
    me = {item["username"]: item["id"] for item in get(w.server, "/api/users/admin/users", w.root).json["users"]}["Ann"]
    for name, held in roles.items():
        if name == "admin":
            continue
        cli.check(w.server.request("PUT", f"/api/users/admin/users/{me}/role", json.dumps({"roles": [name]}), {"Content-Type": "application/json"}, w.root).status == 204, name)
        tokens[name] = w.ann
        for method, path, operation in operations(w.server):
            if not is_guarded(operation) or path.endswith("/logout"):
                continue
            needed = operation.get("x-permissions", [])
            answer = ask(w.server, method, path, {}, w.ann)
            check_equal(answer.status == 403 and json.loads(answer.text)["code"] == "forbidden", not set(needed) <= set(held), f"{method} {path} as {name}: {answer.status}")
    check_equal(len(tokens), 6, "roles")


def wrong_values(schema):
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    wrong = {"string": [5, True, [], {}], "integer": ["x", 1.5, [], {}], "boolean": ["x", 1, []], "array": ["x", 1, {}, [5], ["x" * 20000]], "object": ["x", 1, []]}[kind]
    if kind == "string":
        wrong += ["x" * (schema.get("maxLength", 16384) + 1), "a\0b"]
    if kind == "integer":
        wrong += [schema.get("minimum", -(2**60)) - 1, schema.get("maximum", 2**60) + 1] if "maximum" in schema else []
    return wrong


@world
def every_member_of_every_body_may_be_wrong(w):
    count = 0
    for method, path, operation in operations(w.server):
        if "requestBody" not in operation or "application/json" not in operation["requestBody"]["content"]:
            continue
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        token = w.root if is_guarded(operation) else None
        for text in ("", "{", "[]", "5", "null", '"x"', b'{"a": "\xff"}', '{"a": 1, "a": 2}', '{"a": ' * 500):
            check_equal(ask(w.server, method, path, text, token).status, 400, f"{method} {path} with {text!r}")
        check_equal(ask(w.server, method, path, {"unknown": 1}, token).status, 422, f"{method} {path}: a member it does not know")
        if schema["required"]:
            check_equal(ask(w.server, method, path, {}, token).status, 422, f"{method} {path}: nothing")
        for name, member in schema["properties"].items():
            for value in wrong_values(member):
                answer = ask(w.server, method, path, {name: value}, token)
                check(answer.status in (413, 422) or (answer.status == 400 and value == "a\0b"), f"{method} {path} with {name}: {answer.status} {answer.text}")
                count += 1
    check(count > 60, count)


@world
def nobody_reaches_another_organization(w):
    for method, path, operation in operations(w.server):
        if is_guarded(operation) and ID in path and "requestBody" not in operation:
            answer = ask(w.server, method, path, None, w.root)
            check_equal(answer.status, 404, f"{method} {path}")


cli.main()
