#!/usr/bin/python3
"""Accounts over HTTP, on SQLite or, run by tests/storage/pg/cluster, on PostgreSQL: making one, signing in, sessions, signing out."""

import base64
import json
import os
import subprocess
import time

import cli
from accounts import ANN, CLUSTER, get, login, place, post, register
from cli import Server, check, check_equal, check_in, test, until

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@test
def who_registers_can_sign_in_by_name_or_address_and_is_a_viewer():
    with place() as it, Server(*it.arguments) as server:
        answer = post(server, "/api/auth/register", ANN)
        check_equal(answer.status, 201, answer.text)
        check_equal((answer.json["username"], answer.json["role"]), ("Ann", "viewer"), "the account")
        again = post(server, "/api/auth/register", ANN)
        check_equal((again.status, again.json["code"]), (409, "exists"), "the same again")
        for name in ("Ann", "ANN", "ann@acme.example"):
            login(server, name)
        post(server, "/api/auth/login", {"email": "ann@acme.example", "password": ANN["password"]})
        me = get(server, "/api/auth/me", login(server)["access_token"])
        check_equal(me.status, 200, me.text)
        check_equal((me.json["email"], me.json["full_name"], me.json["roles"]), ("Ann@Acme.example", "Ann A", ["viewer"]), "the account")
        check_equal(me.json["permissions"], ["skills:read", "executions:read", "workflows:read", "analytics:read"], "the permissions")
        check_equal("argon2" in me.text + answer.text, False, "a hash of the password")
        (hash_text,) = it.ask("SELECT password_hash FROM users WHERE username = 'Ann'")
        check(hash_text.startswith("$argon2id$v=19$m=19456,t=2,p=1$"), hash_text)


@test
def what_is_no_account_is_refused_by_its_member():
    cases = [
        ({"email": "nobody"}, "email is not of the form name@domain"),
        ({"username": "a b"}, "username has characters"),
        ({"password": "short"}, "password is shorter than 15 characters"),
        ({"full_name": "a\tb"}, "full_name has control characters"),
        ({"role": "admin"}, "role is not known here"),
        ({"username": 5}, "username is no text"),
    ]
    with place() as it, Server(*it.arguments) as server:
        for change, wrong in cases:
            answer = post(server, "/api/auth/register", ANN | change)
            check_equal((answer.status, answer.getheader("Content-Type")), (422, "application/problem+json"), answer.text)
            check_in(wrong, answer.json["detail"], "the detail")
        for body in ("", "{", "[]", "5", '{"login": "a", "login": "b"}'):
            answer = server.request("POST", "/api/auth/login", body)
            check_equal(answer.status, 400, f"{body!r}: {answer.text}")
        check_equal(it.ask("SELECT username FROM users WHERE username <> 'admin'"), [], "users")


@test
def accounts_are_closed_in_production():
    with place() as it, Server(*it.arguments, env={"NODE_ENV": "production"}) as server:
        check_equal(post(server, "/api/auth/register", ANN).status, 403, "the status")


@test
def a_wrong_password_and_an_unknown_name_are_answered_the_same():
    with place() as it, Server(*it.arguments) as server:
        register(server)
        wrong = post(server, "/api/auth/login", {"login": "Ann", "password": "wrong password"})
        nobody = post(server, "/api/auth/login", {"login": "Nobody", "password": "wrong password"})
        check_equal((wrong.status, nobody.status), (401, 401), "the statuses")
        check_equal(wrong.json["detail"], nobody.json["detail"], "the details")
        check_equal(wrong.getheader("WWW-Authenticate"), "Bearer", "the challenge")


@test
def after_five_wrong_passwords_the_account_is_locked_for_a_while():
    with place() as it, Server(*it.arguments) as server:
        register(server)
        for _ in range(5):
            check_equal(post(server, "/api/auth/login", {"login": "Ann", "password": "wrong password"}).status, 401, "the status")
        locked = post(server, "/api/auth/login", {"login": "Ann", "password": ANN["password"]})
        check_equal(locked.status, 429, locked.text)
        check(20 <= int(locked.getheader("Retry-After")) <= 31, locked.getheader("Retry-After"))
        it.ask("UPDATE users SET locked_until = NULL")
        login(server)
        check_equal(it.ask("SELECT failed_login_count FROM users WHERE username = 'Ann'"), ["0"], "failed logins after one that went well")


@test
def without_a_good_token_nobody_gets_in():
    def part(token, idx, change):
        parts = token.split(".")
        body = json.loads(base64.urlsafe_b64decode(parts[idx] + "=="))
        body.update(change)
        parts[idx] = base64.urlsafe_b64encode(json.dumps(body).encode()).decode().rstrip("=")
        return ".".join(parts)

    with place() as it, Server(*it.arguments) as server:
        register(server)
        good = login(server)["access_token"]
        bad = [
            None,
            "nonsense",
            good + "x",
            good[:-8] + "AAAAAAAA",
            part(good, 1, {"exp": 9999999999}),
            part(good, 0, {"alg": "none"}),
            part(good, 0, {"alg": "none"}).rsplit(".", 1)[0] + ".",
            part(good, 0, {"typ": "JWT"}),
        ]
        for token in bad:
            for method, path in (("GET", "/api/auth/me"), ("POST", "/api/auth/logout"), ("GET", "/api/users/sessions"), ("DELETE", "/api/users/sessions/0190a0a0-0000-7000-8000-00000000000a")):
                answer = server.request(method, path, token=token)
                check_equal((answer.status, answer.getheader("WWW-Authenticate", "")[:6]), (401, "Bearer"), f"{method} {path} with {token}")
        check_equal(get(server, "/api/auth/me", good).status, 200, "with a good one")


@test
def a_refresh_token_is_exchanged_once_and_twice_ends_all():
    with place() as it, Server(*it.arguments) as server:
        register(server)
        first = login(server)
        second = post(server, "/api/auth/refresh", {"refresh_token": first["refresh_token"]})
        check_equal(second.status, 200, second.text)
        check_equal(get(server, "/api/auth/me", second.json["access_token"]).status, 200, "the new access token")
        check(first["refresh_token"] != second.json["refresh_token"], "the same refresh token again")
        check_equal(len(it.ask("SELECT id FROM sessions")), 1, "sessions")
        again = post(server, "/api/auth/refresh", {"refresh_token": first["refresh_token"]})
        check_equal((again.status, again.json["refresh_token"]), (200, second.json["refresh_token"]), "as if the answer had been lost")
        third = post(server, "/api/auth/refresh", {"refresh_token": second.json["refresh_token"]})
        check_equal(third.status, 200, third.text)
        stolen = post(server, "/api/auth/refresh", {"refresh_token": first["refresh_token"]})
        check_equal(stolen.status, 401, "the first one, now that the second was used")
        check_equal(post(server, "/api/auth/refresh", {"refresh_token": third.json["refresh_token"]}).status, 401, "the newest after that")
        check_equal(get(server, "/api/auth/me", third.json["access_token"]).status, 401, "the access token after that")
        until(lambda: "a refresh token was used twice" in server.log, "the log tells")
        for token in ("", "x", "A" * 64, second.json["refresh_token"][:-4]):
            check_equal(post(server, "/api/auth/refresh", {"refresh_token": token}).status, 401, f"{token!r}")
        check_equal("refresh" in "".join(it.ask("SELECT user_agent FROM sessions")), False, "a token in the database")


@test
def a_device_is_signed_out_at_once_by_itself_or_another():
    with place() as it, Server(*it.arguments) as server:
        register(server)
        phone, laptop = login(server), login(server)
        sessions = get(server, "/api/users/sessions", phone["access_token"]).json["sessions"]
        check_equal(sorted(item["is_current"] for item in sessions), [False, True], "the sessions")
        check_equal(sessions[0]["ip"], "127.0.0.1", "the address")
        (other,) = [item["id"] for item in sessions if not item["is_current"]]
        check_equal(get(server, "/api/auth/me", laptop["access_token"]).status, 200, "the laptop")
        gone = server.request("DELETE", f"/api/users/sessions/{other}", token=phone["access_token"])
        check_equal(gone.status, 204, gone.text)
        check_equal(get(server, "/api/auth/me", laptop["access_token"]).status, 401, "the laptop after that")
        check_equal(server.request("DELETE", f"/api/users/sessions/{other}", token=phone["access_token"]).status, 404, "again")
        check_equal(server.request("DELETE", "/api/users/sessions/x", token=phone["access_token"]).status, 404, "what is no id")
        check_equal(post(server, "/api/auth/logout", None, phone["access_token"]).status, 204, "the logout")
        check_equal(get(server, "/api/auth/me", phone["access_token"]).status, 401, "the phone after that")
        check_equal(post(server, "/api/auth/refresh", {"refresh_token": phone["refresh_token"]}).status, 401, "its refresh token")


@test
def nobody_ends_a_session_that_is_not_theirs():
    with place() as it, Server(*it.arguments) as server:
        register(server)
        register(server, {"email": "bob@x.example", "username": "bob", "password": "battery staple horse"})
        login(server)
        (session,) = it.ask("SELECT id FROM sessions" if CLUSTER else "SELECT lower(hex(id)) FROM sessions")
        session = session if "-" in session else "-".join((session[:8], session[8:12], session[12:16], session[16:20], session[20:]))
        bob = login(server, "bob", "battery staple horse")
        check_equal(server.request("DELETE", f"/api/users/sessions/{session}", token=bob["access_token"]).status, 404, "the status")
        check_equal(it.ask("SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL"), ["0"], "sessions that ended")


@test
def what_is_revoked_or_disabled_elsewhere_is_over_within_a_second():
    with place() as it, Server(*it.arguments) as server:
        register(server)
        token = login(server)["access_token"]
        check_equal(get(server, "/api/auth/me", token).status, 200, "before")
        it.ask("UPDATE users SET disabled_at = created_at")
        until(lambda: get(server, "/api/auth/me", token).status == 401, "it is over", seconds=3)
        check_equal(post(server, "/api/auth/login", {"login": "Ann", "password": ANN["password"]}).status, 403, "a login of one that is disabled")


@test
def accounts_and_sessions_outlive_a_crash():
    with place() as it:
        with Server(*it.arguments) as server:
            register(server)
            tokens = login(server)
            server.process.kill()
            server.process.wait()
        with Server(*it.arguments) as server:
            check_equal(get(server, "/api/auth/me", tokens["access_token"]).status, 200, "the access token")
            check_equal(post(server, "/api/auth/refresh", {"refresh_token": tokens["refresh_token"]}).status, 200, "the refresh token")


@test
def the_demonstrations_people_sign_in():
    with place() as it, Server(*it.arguments, "--demo") as server:
        for name in ("demo", "alice", "bob", "charlie"):
            me = get(server, "/api/auth/me", login(server, name, f"{name}123")["access_token"])
            check_equal(me.json["username"], name, "who it is")


@test
def fifty_sign_in_at_once():
    import concurrent.futures

    with place() as it, Server(*it.arguments) as server:
        register(server)
        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(lambda _: post(server, "/api/auth/login", {"login": "Ann", "password": ANN["password"]}).status, range(50)))
        check_equal(set(answers), {200}, f"the answers, in {time.monotonic() - began:.1f} s")
        check_equal(len(it.ask("SELECT id FROM sessions")), 50, "sessions")


@test
def names_are_changed_unless_another_device_was_faster():
    def put(body, **fields):
        return server.request("PUT", "/api/users/profile", json.dumps(body), fields, token)

    with place() as it, Server(*it.arguments) as server:
        register(server)
        register(server, {"email": "bob@x.example", "username": "bob", "password": "battery staple horse"})
        token = login(server)["access_token"]
        read = get(server, "/api/users/profile", token)
        etag = read.getheader("ETag")
        check_equal((read.json["username"], read.json["full_name"]), ("Ann", "Ann A"), "before")
        changed = put({"full_name": "Ann B"}, **{"If-Match": etag})
        check_equal((changed.status, json.loads(changed.text)["full_name"], json.loads(changed.text)["email"]), (200, "Ann B", "Ann@Acme.example"), changed.text)
        check_equal(put({"full_name": "Ann C"}, **{"If-Match": etag}).status, 412, "with the ETag of before")
        check_equal(put({"full_name": "Ann C"}, **{"If-Match": changed.getheader("ETag")}).status, 200, "with the new one")
        check_equal(put({"username": "BOB"}).status, 409, "another's name")
        check_equal(put({"username": "Anna"}).status, 200, "another name")
        for body in ({"username": "a b"}, {"full_name": "a\tb"}, {"email": "x@x.example"}, {"role": "admin"}):
            check_equal(put(body).status, 422, body)
        login(server, "anna")
        check_equal(get(server, "/api/users/profile", token).json["full_name"], "Ann C", "after")


@test
def others_verify_tokens_with_the_published_keys_also_of_before_a_change():
    def verify(token, keys):
        cli.write("jwks.json", keys)
        done = subprocess.run(["node", f"{TREE}/tests/e2e/jwks.mjs", "jwks.json", token, "belfry", "belfry"], capture_output=True, text=True, timeout=30)
        check_equal(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    with place() as it:
        with Server(*it.arguments) as server:
            register(server)
            old = login(server)["access_token"]
            keys = server.request("GET", "/.well-known/jwks.json")
            check_equal((keys.status, '"d"' in keys.text), (200, False), keys.text)
            claims = verify(old, keys.text)
            check_equal(claims["exp"] - claims["iat"], 3600, "an hour")
        folder = f"{it.box}/data"
        os.rename(f"{folder}/access.pub", f"{folder}/access.previous.pub")
        os.unlink(f"{folder}/access.key")
        with Server(*it.arguments) as server:
            check_equal(get(server, "/api/auth/me", old).status, 200, "a token of before")
            new = login(server)["access_token"]
            keys = server.request("GET", "/.well-known/jwks.json").text
            check_equal(len(json.loads(keys)["keys"]), 2, keys)
            check_equal(len({verify(token, keys)["kid"] for token in (old, new)}), 2, "keys")


cli.main()
