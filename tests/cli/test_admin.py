#!/usr/bin/python3
"""Looking after people over HTTP: accounts, roles, who may do that and to whom, on both engines."""

import json

import cli
from accounts import ANN, ROOT, get, login, place, post, register, with_admin
from cli import check, check_equal, check_in, run, until

USERS = "/api/users/admin/users"


def put(server, path, body, token):
    answer = server.request("PUT", path, json.dumps(body), {"Content-Type": "application/json"}, token)
    answer.json = json.loads(answer.text) if answer.text else None
    return answer


def delete(server, path, token):
    answer = server.request("DELETE", path, token=token)
    answer.json = json.loads(answer.text) if answer.text else None
    return answer


class World:
    """A server with an admin (root), Ann, a viewer, and tokens of both."""

    def __init__(self, it, server):
        self.it, self.server = it, server
        self.root = login(server, "root", ROOT)["access_token"]
        register(server)
        self.ann = login(server)["access_token"]
        self.ids = {item["username"]: item["id"] for item in get(server, USERS, self.root).json["users"]}

    def user(self, name, *roles):
        made = run("user", "add", name, "role=viewer", *self.it.arguments, input_text="a password of some length\n").exits(0)
        check(made, name)
        if roles:
            run("user", "role", name, *roles, *self.it.arguments).exits(0)
        return login(self.server, name, "a password of some length")["access_token"]


world = with_admin(World)


@world
def accounts_are_listed_in_pages(w):
    names = [f"u{i}" for i in range(7)]
    for name in names:
        register(w.server, ANN | {"username": name, "email": f"{name}@x.example"})
    seen, path = [], f"{USERS}?limit=4"
    pages = 0
    while path:
        page = get(w.server, path, w.root).json
        seen += [item["username"] for item in page["users"]]
        path = page["next"] and f"{USERS}?limit=4&cursor={page['next']}"
        pages += 1
    check_equal((pages, sorted(seen)), (3, sorted(names + ["root", "Ann"])), "pages")
    for query in ("limit=0", "limit=201", "limit=x", "limit=", "cursor=x", "cursor="):
        check_equal(get(w.server, f"{USERS}?{query}", w.root).status, 400, query)
    shown = get(w.server, f"{USERS}/{w.ids['Ann']}", w.root).json
    check_equal((shown["username"], shown["roles"], shown["disabled_at"]), ("Ann", ["viewer"], None), "one account")


@world
def who_may_not_is_told_so(w):
    one = f"{USERS}/{w.ids['Ann']}"
    calls = [("GET", USERS, None), ("GET", one, None), ("DELETE", one, None), ("PUT", f"{one}/role", {"roles": []}), ("PUT", f"{one}/state", {"disabled": True}), ("PUT", f"{one}/password", {"password": "a password of some length"}), ("POST", f"{one}/unlock", {}), ("POST", "/api/roles", {"name": "x", "permissions": []}), ("PUT", "/api/roles/x", {"name": "x", "permissions": []}), ("DELETE", "/api/roles/x", None)]
    for method, path, body in calls:
        text = None if body is None else json.dumps(body)
        check_equal(w.server.request(method, path, text, token=w.ann).status, 403, f"{method} {path} as a viewer")
        check_equal(w.server.request(method, path, text).status, 401, f"{method} {path} without a token")
    for name in ("x", "0190a0a0-0000-7000-8000-00000000000a"):
        for method, path, body in calls[1:7]:
            answer = w.server.request(method, path.replace(w.ids["Ann"], name), None if body is None else json.dumps(body), token=w.root)
            check_equal(answer.status, 404, f"{method} {path} of {name}")


@world
def a_new_role_counts_at_once(w):
    one = f"{USERS}/{w.ids['Ann']}"
    check_equal(get(w.server, USERS, w.ann).status, 403, "before")
    check_equal(put(w.server, f"{one}/role", {"roles": ["admin", "viewer"]}, w.root).status, 204, "the change")
    check_equal(get(w.server, USERS, w.ann).status, 200, "as an admin")
    check_equal(put(w.server, f"{one}/role", {"roles": ["developer"]}, w.root).status, 204, "the change back")
    check_equal(get(w.server, USERS, w.ann).status, 403, "as a developer")
    check_equal(get(w.server, "/api/auth/me", w.ann).json["roles"], ["developer"], "the roles")
    for body, status in (({"roles": ["king"]}, 422), ({"roles": "admin"}, 422), ({}, 422), ({"roles": [5]}, 422)):
        check_equal(put(w.server, f"{one}/role", body, w.root).status, status, body)


@world
def nobody_gives_or_takes_what_they_may_not_do(w):
    made = post(w.server, "/api/roles", {"name": "clerk", "description": "Looks after people", "permissions": ["users:manage", "roles:manage", "skills:read", "executions:read", "workflows:read", "analytics:read"]}, w.root)
    check_equal(made.status, 201, made.text)
    clerk = w.user("clerk", "clerk")
    ann, root = f"{USERS}/{w.ids['Ann']}", f"{USERS}/{w.ids['root']}"
    check_equal(put(w.server, f"{ann}/role", {"roles": ["admin"]}, clerk).status, 403, "an admin made by a clerk")
    check_equal(put(w.server, f"{ann}/role", {"roles": ["clerk"]}, clerk).status, 204, "another clerk")
    for call in (lambda: put(w.server, f"{root}/role", {"roles": []}, clerk), lambda: put(w.server, f"{root}/state", {"disabled": True}, clerk), lambda: put(w.server, f"{root}/password", {"password": "a password of some length"}, clerk), lambda: delete(w.server, root, clerk)):
        check_equal(call().status, 403, "an admin in the hands of a clerk")
    check_equal(post(w.server, "/api/roles", {"name": "more", "permissions": ["vault:read"]}, clerk).status, 403, "a role that may do more")
    check_equal(put(w.server, f"/api/roles/{made.json['id']}", {"name": "clerk", "permissions": ["admin:full"]}, clerk).status, 403, "the own role made larger")


@world
def an_organization_keeps_an_admin(w):
    root = f"{USERS}/{w.ids['root']}"
    for call in (lambda: delete(w.server, root, w.root), lambda: put(w.server, f"{root}/state", {"disabled": True}, w.root)):
        check_equal((call().status, call().json["code"]), (409, "own_account"), "the own account")
    left = put(w.server, f"{root}/role", {"roles": ["viewer"]}, w.root)
    check_equal((left.status, left.json["code"]), (409, "last_admin"), left.text)
    check_equal(get(w.server, USERS, w.root).status, 200, "still an admin")
    second = w.user("second", "admin")
    check_equal(put(w.server, f"{root}/role", {"roles": ["viewer"]}, second).status, 204, "with another one")
    check_equal(get(w.server, USERS, w.root).status, 403, "the first one then")


@world
def accounts_are_closed_opened_and_removed(w):
    one = f"{USERS}/{w.ids['Ann']}"
    check_equal(put(w.server, f"{one}/state", {"disabled": True}, w.root).status, 204, "closed")
    check_equal(get(w.server, "/api/auth/me", w.ann).status, 401, "the token")
    check_equal(post(w.server, "/api/auth/login", {"login": "Ann", "password": ANN["password"]}).status, 403, "the login")
    check_equal(put(w.server, f"{one}/state", {"disabled": False}, w.root).status, 204, "opened")
    check_equal(put(w.server, f"{one}/password", {"password": "another long password"}, w.root).status, 204, "another password")
    check_equal(login(w.server, "Ann", "another long password")["must_change_password"], True, "the login")
    for _ in range(5):
        post(w.server, "/api/auth/login", {"login": "Ann", "password": "wrong"})
    check_equal(post(w.server, "/api/auth/login", {"login": "Ann", "password": "another long password"}).status, 429, "locked out")
    check_equal(w.server.request("POST", f"{one}/unlock", token=w.root).status, 204, "let in")
    token = login(w.server, "Ann", "another long password")["access_token"]
    check_equal(delete(w.server, one, w.root).status, 204, "removed")
    check_equal(get(w.server, "/api/auth/me", token).status, 401, "the token after that")
    check_equal(delete(w.server, one, w.root).status, 404, "again")
    check_equal(w.it.ask("SELECT count(*) FROM sessions WHERE user_id NOT IN (SELECT id FROM users)"), ["0"], "sessions of nobody")


@world
def roles_are_made_changed_and_removed(w):
    listed = get(w.server, "/api/permissions", w.ann).json["permissions"]
    check_equal([item["bit"] for item in listed], list(range(len(listed))), "the bits")
    names = [item["name"] for item in get(w.server, "/api/roles", w.ann).json["roles"]]
    check_equal(names, ["admin", "developer", "executor", "guest", "service", "user", "viewer"], "the roles of the start")
    role = {"name": "clerk", "description": "Reads", "permissions": ["skills:read", "audit:read"]}
    made = post(w.server, "/api/roles", role, w.root)
    check_equal((made.status, made.json["permissions"], made.json["is_builtin"]), (201, role["permissions"], False), made.text)
    check_equal(post(w.server, "/api/roles", role, w.root).status, 409, "the same name")
    path = f"/api/roles/{made.json['id']}"
    check_equal(w.it.ask("SELECT permissions FROM roles WHERE name = 'clerk'"), [str(1 << 0 | 1 << 12)], "the sum of the bits")
    check_equal(put(w.server, f"{USERS}/{w.ids['Ann']}/role", {"roles": ["clerk"]}, w.root).status, 204, "given to Ann")
    check_equal(put(w.server, path, role | {"permissions": ["skills:read"]}, w.root).status, 200, "changed")
    until(lambda: get(w.server, "/api/auth/me", w.ann).json["permissions"] == ["skills:read"], "what Ann may do")
    check_equal(delete(w.server, path, w.root).status, 204, "removed")
    check_equal(get(w.server, "/api/auth/me", w.ann).json["roles"], [], "Ann's roles then")
    for body, wrong in (({"name": "a b", "permissions": []}, "name"), ({"name": "x", "permissions": ["fly"]}, "permissions"), ({"name": "x"}, "permissions is missing")):
        answer = post(w.server, "/api/roles", body, w.root)
        check_equal(answer.status, 422, answer.text)
        check_in(wrong, answer.json["detail"], "the detail")
    (viewer,) = [item["id"] for item in get(w.server, "/api/roles", w.ann).json["roles"] if item["name"] == "viewer"]
    check_equal(delete(w.server, f"/api/roles/{viewer}", w.root).status, 409, "one of the start")
    check_equal(put(w.server, f"/api/roles/{viewer}", {"name": "viewer", "permissions": []}, w.root).status, 404, "one of the start changed")


def with_key(w, key, path="/api/auth/me", method="GET", **fields):
    return w.server.request(method, path, None, fields or {"X-API-Key": key})


@world
def a_program_shows_a_key_instead_of_a_login(w):
    check_equal(post(w.server, "/api/keys", {"name": "x", "permissions": []}, w.ann).status, 403, "a viewer's key")
    made = post(w.server, "/api/keys", {"name": "CI", "permissions": ["users:manage"]}, w.root)
    check_equal(made.status, 201, made.text)
    key = made.json["key"]
    check(key.startswith(f"bf_live_{made.json['public_id']}_"), key)
    me = with_key(w, key)
    check_equal((me.status, json.loads(me.text)["username"]), (200, "root"), me.text)
    check_equal(with_key(w, key, Authorization=f"Bearer {key}").status, 200, "in the place of a token")
    check_equal(with_key(w, key, USERS).status, 200, "what it was made for")
    for method, path in (("POST", "/api/roles"), ("GET", "/api/keys"), ("POST", "/api/auth/logout"), ("GET", "/api/users/sessions")):
        check_equal(with_key(w, key, path, method).status, 403, f"{method} {path}")
    listed = get(w.server, "/api/keys", w.root)
    check_equal((key in listed.text, listed.json["keys"][0]["last_four"]), (False, key[-4:]), "the list")
    check_equal(key[50:60] in "".join(it for it in w.it.ask("SELECT name FROM api_keys")), False, "the secret in the database")
    wrong = ("bf_", key[:-1], key[:-1] + ("0" if key[-1] != "0" else "1"), key + "x", "x")
    for other in wrong:
        check_equal(with_key(w, other).status, 401, other)
    check_equal(delete(w.server, f"/api/keys/{made.json['id']}", w.root).status, 204, "revoked")
    check_equal(with_key(w, key).status, 401, "the key after that")
    check_equal(delete(w.server, f"/api/keys/{made.json['id']}", w.root).status, 404, "again")


@world
def a_key_ends_with_its_day_its_user_and_what_that_one_may(w):
    root = w.user("dev", "developer")
    made = post(w.server, "/api/keys", {"name": "CI", "permissions": ["skills:read", "skills:write"], "requests_per_minute": 5}, root)
    check_equal(made.status, 201, made.text)
    check_equal(post(w.server, "/api/keys", {"name": "x", "permissions": ["users:manage"]}, root).status, 403, "more than its maker may")
    key = made.json["key"]
    statuses = [with_key(w, key).status for _ in range(6)]
    check_equal(statuses, [200] * 5 + [429], "five in a minute")
    check(int(with_key(w, key).getheader("Retry-After")) >= 1, "when to ask again")
    for days in (0, 4000, "x"):
        check_equal(post(w.server, "/api/keys", {"name": "x", "permissions": [], "expires_in_days": days}, root).status, 422, days)
    made = post(w.server, "/api/keys", {"name": "short", "permissions": ["skills:read"], "expires_in_days": 1}, root)
    key = made.json["key"]
    check_equal(with_key(w, key).status, 200, "on its day")
    past = "1000" if not w.it.is_postgres else "to_timestamp(0.001)"
    w.it.ask(f"UPDATE api_keys SET created_at = {past}, expires_at = {past} WHERE name = 'short'")
    until(lambda: with_key(w, key).status == 401, "after its day")
    made = post(w.server, "/api/keys", {"name": "third", "permissions": ["skills:read"]}, root)
    key = made.json["key"]
    check_equal(with_key(w, key).status, 200, "the third")
    run("user", "disable", "dev", *w.it.arguments).exits(0)
    until(lambda: with_key(w, key).status == 401, "its user is disabled")


cli.main()
