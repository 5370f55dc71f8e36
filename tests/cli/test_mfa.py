#!/usr/bin/python3
"""The second factor: codes of an app, as oathtool makes them, the QR code that zbarimg reads, and codes on paper; on both engines."""

import base64
import subprocess
import time

import cli
from accounts import ANN, get, login, place, post, register
from cli import Server, check, check_equal, check_in, run, test


def code_of(secret, steps=0):
    left = 30 - time.time() % 30
    if left < 5:  # it would be of another step when it arrives
        time.sleep(left + 0.1)
    at = f"@{int(time.time()) + 30 * steps}"
    return subprocess.run(["oathtool", "--totp", "-b", "-N", at, secret], capture_output=True, text=True, check=True).stdout.strip()


def read_qr(svg):
    cli.write("qr.svg", svg)
    subprocess.run(["rsvg-convert", "-w", "600", "-o", "qr.png", "qr.svg"], check=True)
    return subprocess.run(["zbarimg", "-q", "--raw", "qr.png"], capture_output=True, text=True, check=True).stdout.strip()


class World:
    """Ann, whose app has shown its first code, of the step before this one."""

    def __init__(self, it, server):
        self.it, self.server = it, server
        register(server)
        self.token = login(server)["access_token"]
        self.setup = post(server, "/api/2fa/setup", {}, self.token).json
        # a code that is used up is none for the rest of its step: the next ones are of this step and the one after it
        answer = post(server, "/api/2fa/verify", {"code": code_of(self.setup["secret"], -1)}, self.token)
        check_equal(answer.status, 200, answer.text)
        self.papers = answer.json["recovery_codes"]

    def first_factor(self):
        answer = post(self.server, "/api/auth/login", {"login": "Ann", "password": ANN["password"]})
        check_equal((answer.status, answer.json["mfa_required"], "access_token" in answer.json), (200, True, False), answer.text)
        return answer.json["mfa_token"]

    def second_factor(self, **members):
        return post(self.server, "/api/auth/mfa", {"mfa_token": self.first_factor(), **members})


def world(test_of):
    def run_it():
        with place() as it, Server(*it.arguments, "--accounts.totp-issuer=Acme Ltd") as server:
            test_of(World(it, server))

    run_it.__name__ = test_of.__name__
    return test(run_it)


@test
def an_app_is_set_up_with_a_qr_code_and_counts_when_it_has_shown_one():
    with place() as it, Server(*it.arguments, "--accounts.totp-issuer=Acme Ltd") as server:
        register(server)
        token = login(server)["access_token"]
        check_equal(get(server, "/api/2fa/status", token).json, {"enabled": False, "method": None, "recovery_codes_left": 0}, "before")
        check_equal(post(server, "/api/2fa/verify", {"code": "123456"}, token).json["code"], "not_set_up", "a code before")
        first = post(server, "/api/2fa/setup", {}, token).json
        setup = post(server, "/api/2fa/setup", {}, token).json
        check(first["secret"] != setup["secret"], "the same secret again")
        check_equal(read_qr(setup["svg"]), setup["uri"], "the QR code")
        check_in(f"otpauth://totp/Acme%20Ltd:Ann?secret={setup['secret']}&issuer=Acme%20Ltd", setup["uri"])
        check_equal(get(server, "/api/2fa/status", token).json["enabled"], False, "set up, not confirmed")
        login(server)
        for code in (code_of(first["secret"]), "000000", "12345", "x"):
            check_equal(post(server, "/api/2fa/verify", {"code": code}, token).status, 403, code)
        shown = post(server, "/api/2fa/verify", {"code": code_of(setup["secret"])}, token)
        check_equal((shown.status, len(set(shown.json["recovery_codes"]))), (200, 10), shown.text)
        check_equal(get(server, "/api/2fa/status", token).json, {"enabled": True, "method": "totp", "recovery_codes_left": 10}, "after")
        check_equal(post(server, "/api/2fa/setup", {}, token).status, 409, "again")
        plain = [line.lower() for line in it.ask("SELECT hex(secret) FROM authenticators" if not it.is_postgres else "SELECT encode(secret, 'hex') FROM authenticators")]
        check_equal(base64.b32decode(setup["secret"]).hex() in plain[0], False, "the secret in the database")


@world
def a_login_takes_both_factors_and_a_code_counts_once(w):
    code = code_of(w.setup["secret"])
    signed_in = w.second_factor(code=code)
    check_equal(signed_in.status, 200, signed_in.text)
    check_equal(get(w.server, "/api/auth/me", signed_in.json["access_token"]).status, 200, "the token")
    check_equal(w.second_factor(code=code).status, 401, "the same code again")
    between = w.first_factor()
    check_equal(get(w.server, "/api/auth/me", between).status, 401, "the token between the factors")
    check_equal(post(w.server, "/api/auth/mfa", {"mfa_token": signed_in.json["access_token"], "code": code_of(w.setup["secret"], 1)}).status, 401, "an access token in its place")
    check_equal(post(w.server, "/api/auth/mfa", {"mfa_token": between, "code": "000000"}).status, 401, "a wrong code")
    check_equal(w.second_factor().status, 401, "no code")
    check_equal(w.second_factor(code=code_of(w.setup["secret"], 1)).status, 200, "the next code")


@world
def a_code_on_paper_is_good_once_however_it_is_typed(w):
    typed = w.papers[3].lower().replace("-", " ")
    check_equal(w.second_factor(recovery_code=typed).status, 200, typed)
    check_equal(w.second_factor(recovery_code=w.papers[3]).status, 401, "again")
    check_equal(w.second_factor(recovery_code="0000-0000-0000").status, 401, "none of them")
    check_equal(get(w.server, "/api/2fa/status", w.token).json["recovery_codes_left"], 9, "left")
    shown = post(w.server, "/api/2fa/verify", {"code": code_of(w.setup["secret"]), "new_recovery_codes": True}, w.token)
    check_equal(len(shown.json["recovery_codes"]), 10, shown.text)
    check_equal(w.second_factor(recovery_code=w.papers[0]).status, 401, "one of before")
    check_equal(w.second_factor(recovery_code=shown.json["recovery_codes"][0]).status, 200, "one of the new ones")


@world
def guessing_codes_locks_the_account(w):
    for _ in range(5):
        check_equal(w.second_factor(code="000000").status, 401, "a guess")
    locked = post(w.server, "/api/auth/login", {"login": "Ann", "password": ANN["password"]})
    check_equal(locked.status, 429, locked.text)


@world
def it_is_turned_off_with_password_and_code(w):
    good = code_of(w.setup["secret"])
    for password, code in (("wrong", good), (ANN["password"], "000000")):
        check_equal(post(w.server, "/api/2fa/disable", {"password": password, "code": code}, w.token).status, 403, f"{password} {code}")
    check_equal(post(w.server, "/api/2fa/disable", {"password": ANN["password"], "code": good}, w.token).status, 204, "both")
    check_equal(get(w.server, "/api/2fa/status", w.token).json["enabled"], False, "after")
    login(w.server)


@test
def what_is_dangerous_wants_the_second_factor_anew():
    with place() as it:
        run("user", "add", "root", "role=admin", *it.arguments, input_text="root's long password\n").exits(0)
        with Server(*it.arguments) as server:
            register(server)
            root = login(server, "root", "root's long password")["access_token"]
            role = {"name": "clerk", "permissions": ["skills:read"]}
            check_equal(post(server, "/api/roles", role, root).status, 201, "without a second factor")
            setup = post(server, "/api/2fa/setup", {}, root).json
            check_equal(post(server, "/api/2fa/verify", {"code": code_of(setup["secret"], -1)}, root).status, 200, "turned on")
            check_equal(post(server, "/api/roles", role | {"name": "second"}, root).status, 201, "with a code of just now")
            past = "to_timestamp(0.001)" if it.is_postgres else "1000"
            it.ask(f"UPDATE sessions SET mfa_at = {past}")
            time.sleep(1.1)
            refused = post(server, "/api/roles", role | {"name": "third"}, root)
            check_equal((refused.status, refused.json["code"]), (403, "mfa_required"), refused.text)
            check_equal(get(server, "/api/roles", root).status, 200, "what is not")
            check_equal(post(server, "/api/2fa/verify", {"code": code_of(setup["secret"])}, root).status, 204, "another code")
            check_equal(post(server, "/api/roles", role | {"name": "third"}, root).status, 201, "after it")


cli.main()
