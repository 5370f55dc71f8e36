#!/usr/bin/python3
"""Channels over HTTP: a tree with lists of who may do what, passwords, and join tokens that let in as they say; on both engines."""

import base64
import contextlib
import json

import cli
from accounts import ROOT, get, login, place, post, with_admin
from cli import Server, WebSocket, check_equal, check_in, run, test, until

CHANNELS = "/api/channels"
ALL = ["write", "traverse", "enter", "speak", "mute", "move", "make", "link", "whisper", "text", "make_temporary", "listen", "kick", "ban"]


def put(server, path, body, token):
    answer = server.request("PUT", path, json.dumps(body), {"Content-Type": "application/json"}, token)
    answer.json = json.loads(answer.text) if answer.text else None
    return answer


class World:
    """An admin (root), Ann and Bob, who are users, and a viewer; tokens of all."""

    def __init__(self, it, server):
        self.it, self.server = it, server
        self.root = login(server, "root", ROOT)["access_token"]
        self.ids = {}
        for name, role in (("Ann", "user"), ("Bob", "user"), ("Vic", "viewer"), ("Gus", "guest")):
            run("user", "add", name, f"role={role}", *it.arguments, input_text="a password of some length\n").exits(0)
            setattr(self, name.lower(), login(server, name, "a password of some length")["access_token"])
        self.ids = {item["username"]: item["id"] for item in get(server, "/api/users/admin/users", self.root).json["users"]}
        self.roles = {item["name"]: item["id"] for item in get(server, "/api/roles", self.root).json["roles"]}

    def make(self, name, token=None, **members):
        answer = post(self.server, CHANNELS, {"name": name, **members}, token or self.root)
        check_equal(answer.status, 201, answer.text)
        return answer.json["id"]

    def allow(self, channel, *entries):
        answer = put(self.server, f"{CHANNELS}/{channel}/acl", {"entries": list(entries)}, self.root)
        check_equal(answer.status, 200, answer.text)
        return answer.json["entries"]

    def seen(self, token):
        return sorted(item["name"] for item in get(self.server, f"{CHANNELS}?limit=200", token).json["channels"])

    def rights(self, channel, token):
        answer = get(self.server, f"{CHANNELS}/{channel}", token)
        return answer.json["rights"] if answer.status == 200 else answer.status

    def join(self, channel, token, **members):
        return post(self.server, f"{CHANNELS}/{channel}/join", members, token)


world = with_admin(World)


@world
def channels_are_made_changed_moved_and_removed(w):
    lobby = w.make("Lobby", description="Where everybody comes in", position=3)
    inner = w.make("Inner", parent_id=lobby, participant_count_max=5)
    third = w.make("Third", parent_id=inner)
    other = w.make("Other")
    check_equal(post(w.server, CHANNELS, {"name": "lobby"}, w.root).status, 409, "the same name at the top")
    check_equal(w.make("Lobby", parent_id=other) != lobby, True, "the same name elsewhere")
    shown = get(w.server, f"{CHANNELS}/{inner}", w.root).json
    check_equal((shown["name"], shown["parent_id"], shown["participant_count_max"], shown["rights"]), ("Inner", lobby, 5, ALL), "one of them")
    moved = put(w.server, f"{CHANNELS}/{inner}", {"parent_id": other, "participant_count_max": None}, w.root)
    check_equal((moved.status, moved.json["parent_id"], moved.json["name"], moved.json["participant_count_max"]), (200, other, "Inner", None), moved.text)
    check_equal(get(w.server, f"{CHANNELS}/{third}", w.root).json["parent_id"], inner, "what is below follows")
    for parent, why in ((third, "below itself"), (inner, "below itself"), ("0190a0a0-0000-7000-8000-00000000000a", "no such parent")):
        answer = put(w.server, f"{CHANNELS}/{inner}", {"parent_id": parent}, w.root)
        check_equal(answer.status, 422, answer.text)
        check_in(why, answer.json["detail"])
    deep = w.make("d2", parent_id=third)
    for level in range(5, 17):
        deep = w.make(f"d{level}", parent_id=deep)
    check_equal(post(w.server, CHANNELS, {"name": "d17", "parent_id": deep}, w.root).status, 422, "deeper than deep")
    check_equal(put(w.server, f"{CHANNELS}/{other}", {"parent_id": lobby}, w.root).status, 422, "a tree moved deeper than deep")
    check_equal(w.server.request("DELETE", f"{CHANNELS}/{inner}", token=w.root).status, 204, "removed")
    check_equal(w.seen(w.root), ["Lobby", "Lobby", "Other"], "what is left")
    check_equal(w.server.request("DELETE", f"{CHANNELS}/{inner}", token=w.root).status, 404, "again")


@world
def they_are_listed_in_pages_and_each_sees_what_it_may(w):
    names = [f"c{i:02}" for i in range(12)]
    ids = {name: w.make(name) for name in names}
    seen, path = [], f"{CHANNELS}?limit=5"
    while path:
        page = get(w.server, path, w.ann).json
        seen += [item["name"] for item in page["channels"]]
        path = page["next"] and f"{CHANNELS}?limit=5&cursor={page['next']}"
    check_equal(sorted(seen), names, "pages")
    w.allow(ids["c03"], {"everyone": True, "deny": ["traverse"]}, {"user": w.ids["Ann"], "allow": ["traverse"]})
    w.make("below", parent_id=ids["c03"])
    check_equal("c03" in w.seen(w.ann) and "below" in w.seen(w.ann), True, "what Ann sees")
    check_equal("c03" in w.seen(w.bob) or "below" in w.seen(w.bob), False, "what Bob sees")
    check_equal(get(w.server, f"{CHANNELS}/{ids['c03']}", w.bob).status, 404, "one that he may not see")
    check_equal(get(w.server, CHANNELS, w.vic).status, 403, "a viewer, who has no channels:read")
    check_equal(get(w.server, CHANNELS).status, 401, "nobody")


@world
def what_is_denied_above_is_allowed_again_below(w):
    top = w.make("Top")
    stage, beside = w.make("Stage", parent_id=top), w.make("Beside", parent_id=top)
    w.allow(top, {"role": w.roles["user"], "deny": ["speak"]})
    w.allow(stage, {"role": w.roles["user"], "allow": ["speak"]})
    check_equal(["speak" in w.rights(channel, w.ann) for channel in (top, stage, beside)], [False, True, False], "where Ann may speak")
    check_equal("speak" in w.rights(top, w.gus), True, "a guest, whom it is not about")
    w.allow(top, {"role": w.roles["user"], "deny": ["speak"], "below": False})
    check_equal(["speak" in w.rights(channel, w.ann) for channel in (top, beside)], [False, True], "denied here only")


@world
def who_may_make_and_change_is_said_by_the_lists(w):
    top = w.make("Top")
    check_equal(post(w.server, CHANNELS, {"name": "mine"}, w.ann).status, 403, "a channel at the top")
    check_equal(post(w.server, CHANNELS, {"name": "mine", "parent_id": top}, w.ann).status, 403, "one below")
    for method, path, body in (("PUT", "", {"name": "x"}), ("DELETE", "", None), ("GET", "/acl", None), ("PUT", "/acl", {"entries": []})):
        answer = w.server.request(method, f"{CHANNELS}/{top}{path}", None if body is None else json.dumps(body), {"Content-Type": "application/json"}, w.ann)
        check_equal(answer.status, 403, f"{method} {path}")
    w.allow(top, {"user": w.ids["Ann"], "allow": ["make"]})
    mine = w.make("mine", w.ann, parent_id=top)
    check_equal(put(w.server, f"{CHANNELS}/{mine}", {"name": "x"}, w.ann).status, 403, "what one has made is not one's own")
    w.allow(mine, {"user": w.ids["Ann"], "allow": ["write"]})
    check_equal(put(w.server, f"{CHANNELS}/{mine}", {"name": "renamed"}, w.ann).json["name"], "renamed", "with the right to")
    check_equal(put(w.server, f"{CHANNELS}/{mine}", {"parent_id": None}, w.ann).status, 403, "moved to the top")


@world
def lists_are_replaced_as_a_whole_or_not_at_all(w):
    top = w.make("Top")
    entries = [{"everyone": True, "allow": ["speak", "text"], "deny": ["kick"], "here": True, "below": False}, {"role": w.roles["guest"], "allow": [], "deny": ["speak"], "here": False, "below": True}]
    check_equal(w.allow(top, *entries), entries, "the list")
    check_equal(get(w.server, f"{CHANNELS}/{top}/acl", w.root).json["entries"], entries, "the list as it is read")
    wrong = (
        ([{"everyone": True}] * 15, "0 to 14 items"),
        ([5], "an object"),
        ([{}], "about everyone"),
        ([{"everyone": True, "user": w.ids["Ann"]}], "about everyone"),
        ([{"user": "x"}], "ids"),
        ([{"user": "0190a0a0-0000-7000-8000-00000000000a"}], "does not exist"),
        ([{"everyone": True, "allow": ["fly"]}], "does not exist"),
        ([{"everyone": True, "allow": "speak"}], "lists of names"),
        ([{"everyone": True, "here": 5}], "true or false"),
        ([{"everyone": True, "more": 5}], "not known"),
    )
    for body, why in wrong:
        answer = put(w.server, f"{CHANNELS}/{top}/acl", {"entries": body}, w.root)
        check_equal(answer.status, 422, answer.text)
        check_in(why, answer.json["detail"])
    check_equal(get(w.server, f"{CHANNELS}/{top}/acl", w.root).json["entries"], entries, "the list after that")


@world
def a_join_token_says_what_the_channel_allows(w):
    top = w.make("Top")
    made = w.join(top, w.ann)
    check_equal(made.status, 200, made.text)
    check_equal((made.json["room"], made.json["expires_in"]), (top, 3600), "the room")
    claims = json.loads(base64.urlsafe_b64decode(made.json["token"].split(".")[1] + "=="))
    check_equal((claims["room"], claims["name"], claims.get("publish", True), claims.get("subscribe", True)), (top, "Ann", True, True), "the token")
    w.allow(top, {"role": w.roles["guest"], "deny": ["speak"]}, {"user": w.ids["Bob"], "deny": ["enter"]})
    claims = json.loads(base64.urlsafe_b64decode(w.join(top, w.gus).json["token"].split(".")[1] + "=="))
    check_equal(claims.get("publish", True), False, "a guest's token")
    check_equal(w.join(top, w.bob).status, 403, "who may not enter")
    check_equal(w.join(top, w.vic).status, 403, "who has no calls:join")


@world
def a_channel_may_have_a_password(w):
    closed = w.make("Closed", password="open sesame")
    check_equal(get(w.server, f"{CHANNELS}/{closed}", w.ann).json["has_password"], True, "that it has one")
    check_equal("sesame" in "".join(w.it.ask("SELECT password_hash FROM channels")), False, "the password in the database")
    for members, code in (({}, "password_required"), ({"password": "open"}, "wrong_password")):
        answer = w.join(closed, w.ann, **members)
        check_equal((answer.status, answer.json["code"]), (403, code), answer.text)
    check_equal(w.join(closed, w.ann, password="open sesame").status, 200, "with it")
    check_equal(w.join(closed, w.root).status, 200, "who may change it")
    check_equal(put(w.server, f"{CHANNELS}/{closed}", {"description": "kept"}, w.root).json["has_password"], True, "another change")
    check_equal(put(w.server, f"{CHANNELS}/{closed}", {"password": None}, w.root).json["has_password"], False, "taken away")
    check_equal(w.join(closed, w.ann).status, 200, "without one")


@test
def with_a_token_one_is_let_in_and_without_not():
    with place() as it:
        run("token", "keygen", f"{it.box}/other.pem").exits(0)
        run("user", "add", "root", "role=admin", *it.arguments, input_text=f"{ROOT}\n").exits(0)
        with Server(*it.arguments, f"--rtc.join-keys={it.box}/other.pem.pub") as server:
            root = login(server, "root", ROOT)["access_token"]
            channel = post(server, CHANNELS, {"name": "Top"}, root).json["id"]
            token = post(server, f"{CHANNELS}/{channel}/join", {}, root).json["token"]
            with contextlib.closing(WebSocket(server.connect())) as client:
                check_equal(client.ask("room:join", {"room": channel, "name": "x"})["type"], "error", "without a token")
            with contextlib.closing(WebSocket(server.connect())) as client:
                check_equal(client.ask("room:join", {"room": "elsewhere", "name": "x", "token": token})["type"], "error", "another room")
            with contextlib.closing(WebSocket(server.connect())) as client:
                joined = client.ask("room:join", {"room": channel, "name": "x", "token": token})
                check_equal(joined["type"], "room:joined", joined)


@test
def channels_outlive_a_restart_and_what_another_server_changes_shows():
    with place() as it:
        run("user", "add", "root", "role=admin", *it.arguments, input_text=f"{ROOT}\n").exits(0)
        with Server(*it.arguments) as server:
            root = login(server, "root", ROOT)["access_token"]
            channel = post(server, CHANNELS, {"name": "Top"}, root).json["id"]
        with Server(*it.arguments) as server:
            check_equal(get(server, f"{CHANNELS}/{channel}", root).json["name"], "Top", "after a restart")
            it.ask("UPDATE channels SET name = 'Renamed'")
            until(lambda: get(server, f"{CHANNELS}/{channel}", root).json["name"] == "Renamed", "the change")


cli.main()
