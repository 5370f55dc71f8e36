#!/usr/bin/python3
"""The first admin, `belfry user`, `import` and `hash-password`, and changing one's password, on both engines."""

import crypt
import json
import re

import cli
from accounts import ANN, get, login, place, post, register
from cli import Server, check, check_equal, check_in, run, test, until


def user(it, *words, password=None):
    return run("user", *words, *it.arguments, input_text=None if password is None else f"{password}\n")


def admin_password(server):
    until(lambda: "an admin was made" in server.log, "the first admin")
    return re.search(r"user=admin one_time=(\S+)", server.log).group(1)


@test
def the_first_start_makes_an_admin_who_must_change_the_password_first():
    with place() as it:
        with Server(*it.arguments) as server:
            password = admin_password(server)
            signed_in = login(server, "admin", password)
            check_equal(signed_in["must_change_password"], True, "what the login says")
            token = signed_in["access_token"]
            refused = get(server, "/api/users/sessions", token)
            check_equal((refused.status, refused.json["code"]), (403, "password_change_required"), "anything else")
            check_equal(get(server, "/api/auth/me", token).json["roles"], ["admin"], "the roles")
            for current, new, status in (("wrong", "a new and long one", 403), (password, "short", 422), (password, password, 422), (password, "a new and long one", 204)):
                answer = post(server, "/api/auth/change-password", {"current_password": current, "new_password": new}, token)
                check_equal(answer.status, status, f"{new}: {answer.text}")
            check_equal(get(server, "/api/users/sessions", token).status, 200, "anything else after that")
            check_equal(post(server, "/api/auth/login", {"login": "admin", "password": password}).status, 401, "the old password")
            check_equal(login(server, "admin", "a new and long one")["must_change_password"], False, "what the login says then")
        with Server(*it.arguments) as server:
            register(server)
            check_equal("an admin was made" in server.log, False, "another admin with the second start")


@test
def a_new_password_signs_all_other_devices_out():
    with place() as it, Server(*it.arguments) as server:
        register(server)
        phone, laptop = login(server), login(server)
        body = {"current_password": ANN["password"], "new_password": "battery staple correct"}
        check_equal(post(server, "/api/auth/change-password", body, phone["access_token"]).status, 204, "the status")
        check_equal(get(server, "/api/auth/me", phone["access_token"]).status, 200, "this device")
        check_equal(post(server, "/api/auth/refresh", {"refresh_token": laptop["refresh_token"]}).status, 401, "the other one's refresh token")
        until(lambda: get(server, "/api/auth/me", laptop["access_token"]).status == 401, "the other one")


@test
def users_are_made_and_looked_after_while_the_server_runs():
    with place() as it:
        user(it, "add", "Ann", "email=Ann@Acme.example", "role=developer", password="correct horse battery").exits(0, "Ann is there, as developer.")
        user(it, "add", "ann", password="correct horse battery").exits(1, "taken")
        user(it, "add", "bob", "role=king", password="correct horse battery").exits(1, "there is no role king")
        user(it, "add", "b b", password="correct horse battery").exits(2, "username has characters")
        user(it, "add", "bob", password="short").exits(1, "the password is shorter")
        user(it, "add", "bob", "org=nowhere", password="correct horse battery").exits(1, "there is no organization nowhere")
        user(it, "add").exits(2, "whose?")
        user(it, "promote", "bob").exits(2, "usage: belfry user")
        with Server(*it.arguments) as server:
            made = user(it, "add", "bob", "--random").exits(0, "bob is there, as viewer.").out
            bob = login(server, "bob", made.split()[-1])
            check_equal(bob["must_change_password"], True, "bob's password")
            ann = login(server)["access_token"]
            check_equal(get(server, "/api/auth/me", ann).json["roles"], ["developer"], "Ann's roles")
            user(it, "role", "Ann", "viewer", "executor").exits(0)
            check_equal(get(server, "/api/auth/me", ann).json["roles"], ["executor", "viewer"], "Ann's roles then")
            user(it, "role", "Ann", "king").exits(1, "there is no role")
            check_equal(get(server, "/api/auth/me", ann).json["roles"], ["executor", "viewer"], "Ann's roles after a mistake")
            user(it, "disable", "ann@acme.example").exits(0)
            until(lambda: get(server, "/api/auth/me", ann).status == 401, "Ann signed out")
            check_equal(post(server, "/api/auth/login", {"login": "Ann", "password": ANN["password"]}).status, 403, "Ann's login")
            listed = user(it, "list").exits(0, "Ann", "bob").out
            check(re.search(r"Ann +Ann@Acme.example +disabled .* executor,viewer", listed), listed)
            user(it, "enable", "Ann").exits(0)
            user(it, "reset-password", "Ann", password="another long one").exits(0, "Ann has a new password.")
            check_equal(post(server, "/api/auth/login", {"login": "Ann", "password": ANN["password"]}).status, 401, "the old password")
            login(server, "Ann", "another long one")
            user(it, "disable", "nobody").exits(1, "there is no such user")
            check_equal("an admin was made" in server.log, False, "an admin, with somebody there already")


@test
def a_hash_from_elsewhere_becomes_one_of_today_with_the_first_login():
    with place() as it, Server(*it.arguments) as server:
        admin_password(server)
        cli.write(f"{it.box}/users.json", json.dumps([{"username": "bcrypt", "password_hash": crypt.crypt("pass1234", "$2b$12$abcdefghijklmnopqrstuu")}]))
        run("import", f"{it.box}/users.json", *it.arguments).exits(0, "Added: 1.")
        check_equal(post(server, "/api/auth/login", {"login": "bcrypt", "password": "pass12345"}).status, 401, "another password")
        check_in("$2b$12$", it.ask("SELECT password_hash FROM users WHERE username = 'bcrypt'")[0], "the hash after that")
        check_equal(login(server, "bcrypt", "pass1234")["must_change_password"], False, "the login")
        check_in("$argon2id$v=19$m=19456,t=2,p=1$", it.ask("SELECT password_hash FROM users WHERE username = 'bcrypt'")[0], "the hash then")
        login(server, "bcrypt", "pass1234")


@test
def users_come_from_a_file_and_must_change_their_passwords():
    with place() as it, Server(*it.arguments) as server:
        admin_password(server)
        path = f"{it.box}/users.json"
        hashed = run("hash-password", input_text="a password of some length\n").exits(0, "$argon2id$v=19$m=19456,t=2,p=1$").out.strip()
        forms = [
            [{"username": "u1", "password": "pass123", "email": "u1@x.example", "role": "executor"}, {"username": "u2", "password_hash": hashed}],
            {"users": [{"username": "u1", "password": "other"}, {"username": "u3", "password": "p"}]},
            {"u4": "secret", "u5": {"password": "secret", "role": "viewer"}},
        ]
        for form, said in zip(forms, ("Added: 2. There already, and left as they are: 0.", "Added: 1. There already, and left as they are: 1.", "Added: 2.")):
            cli.write(path, json.dumps(form))
            run("import", path, *it.arguments).exits(0, said)
        for name, password, must_change in (("u1", "pass123", True), ("u2", "a password of some length", False), ("u3", "p", True), ("u4", "secret", True), ("u5", "secret", True)):
            check_equal(login(server, name, password)["must_change_password"], must_change, name)
        wrong = (('[{"username": "u 6", "password": "x"}]', "u 6: username"), ('[{"username": "u6"}]', "neither password nor"), ('[{"username": "u6", "password_hash": "x"}]', "u6:"), ("[", "users.json"), ('[{"username": "u6", "password": "x", "role": "king"}]', "there is no role king"))
        for text, why in wrong:
            cli.write(path, text)
            run("import", path, *it.arguments).exits(1, why)
        run("import", f"{it.box}/none.json", *it.arguments).exits(1, "none.json: No such file")
        check_equal(it.ask("SELECT count(*) FROM users WHERE username LIKE 'u%'"), ["5"], "users")
        check_equal("secret" in "".join(it.ask("SELECT password_hash FROM users")), False, "a password in the database")
        check_in("$argon2id$", it.ask("SELECT password_hash FROM users WHERE username = 'u4'")[0], "a hash")


cli.main()
