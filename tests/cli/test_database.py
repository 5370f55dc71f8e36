#!/usr/bin/python3
"""`belfry db` on SQLite, or, run by tests/storage/pg/cluster, on PostgreSQL: seeds, backups, and what destroys."""

import contextlib
import json
import os
import sqlite3
import stat
import subprocess
import tempfile
import threading

import cli
from cli import Server, WebSocket, check, check_equal, check_in, run, test, until

CLUSTER = os.environ.get("BELFRY_TEST_POSTGRES")


class Database:
    """One that is not there yet."""

    count = 0

    def __init__(self, box):
        Database.count += 1
        self.box = box
        self.arguments = [f"--storage.folder={box}/data"]
        if CLUSTER:
            self.owner = CLUSTER.replace("/postgres?", f"/db{Database.count}?")
            self.arguments += [f"--storage.owner_url={self.owner}", f"--storage.url={self.owner.replace('belfry@', 'belfry_server@')}"]

    def db(self, *words, **options):
        return run("db", *words, *self.arguments, **options)

    def ask(self, sql):
        """Rows of texts."""
        if CLUSTER:
            done = subprocess.run(["psql", "-XAtq", self.owner, "-c", f"SET app.system = 'on'; {sql}"], capture_output=True, text=True)
            if done.returncode:
                raise AssertionError(f"psql: {done.stderr}")
            return [tuple(line.split("|")) for line in done.stdout.splitlines()]
        with contextlib.closing(sqlite3.connect(f"{self.box}/data/belfry.db", timeout=10)) as file:
            rows = [tuple(str(value) for value in row) for row in file.execute(sql).fetchall()]
            file.commit()
            return rows

    def count_of(self, table):
        return int(self.ask(f"SELECT count(*) FROM {table}")[0][0])

    def path(self, name):
        return os.path.join(self.box, name)

    def id(self, digit):
        """A literal of a UUID."""
        text = digit * 32
        return f"'{text}'" if CLUSTER else f"x'{text}'"

    def dump(self):
        """All that seeds write, but for what is another each time: hashes with a salt."""
        tables = ("organizations", "users", "roles", "user_roles", "channels", "channel_acl")
        return {table: sorted(self.ask(f"SELECT * FROM {table}")) for table in tables}


@contextlib.contextmanager
def database():
    with tempfile.TemporaryDirectory(prefix="belfry-db-") as box:
        yield Database(box)


# ---- seeds ----


@test
def from_nothing_init_makes_all_there_is():
    with database() as it:
        it.db("status").exits(1)
        check_in("applied.", it.db("init").exits(0, "The database is in order.").out, "what init says")
        check_equal("pending" in it.db("status").exits(0).out, False, "pending migrations")
        it.db("init").exits(0, "The tables are up to date.")
        it.db("migrate", "--status").exits(0, "organizations")


@test
def the_demonstration_set_is_one_organization_four_users_four_roles_five_channels():
    with database() as it:
        it.db("seed", "--demo").exits(0, "Added: organizations 1, users 4, roles 4, channels 5.")
        check_equal([row[0] for row in it.ask("SELECT username FROM users ORDER BY username")], ["alice", "bob", "charlie", "demo"], "the users")
        check(all(row[0].startswith("$argon2id$v=19$m=19456,t=2,p=1$") for row in it.ask("SELECT password_hash FROM users")), "hashes of passwords")
        check_equal(it.count_of("channel_acl"), 9, "entries of ACLs")
        it.db("seed", "--demo").exits(0, "Added: organizations 0", "There already, and left as they are: organizations 1.")
        check_equal(it.count_of("users"), 4, "users after seeding again")


@test
def a_server_for_a_demonstration_starts_on_loopback_only():
    with database() as it:
        run("run", *cli.ANY_PORTS, *it.arguments, "--demo", "--http.listen=0.0.0.0:0").exits(1, "passwords everybody knows")
        for _ in range(2):  # the second finds it there
            with Server(*it.arguments, "--demo") as server:
                check_in("demonstration set", server.log, "the log")
        check_equal((it.count_of("users"), it.count_of("channels")), (4, 5), "users and channels")


@test
def test_data_is_the_same_for_the_same_number():
    with database() as one, database() as two:
        one.db("seed", "--test", "1010").exits(0, "organizations 2, users 1010, roles 6, channels 20.")
        two.db("seed", "--test", "1010").exits(0)
        check_equal(one.dump() == two.dump(), True, "the rows of two databases")
        check_equal(one.ask("SELECT full_name FROM users WHERE username = 'user000017'"), [("Bela Berg",)], "a user")
        for wrong in ("0", "many", "1000001", ""):
            one.db("seed", "--test", wrong).exits(1, "is no number of users")


ACME = {
    "organizations": [
        {
            "slug": "acme",
            "name": "Acme",
            "roles": [{"name": "boss", "permissions": 3}],
            "users": [{"username": "Ann", "email": "Ann@Acme.example", "password": "correct horse", "roles": ["boss"]}],
            "channels": [{"name": "Töp"}, {"name": "Below", "parent": "Töp", "acl": [{"role": "boss", "allow": 4}, {"user": "Ann", "deny": 8}]}],
        }
    ]
}


def changed(change):
    file = json.loads(json.dumps(ACME))
    change(file["organizations"][0])
    return json.dumps(file)


@test
def a_file_of_ones_own_is_written():
    with database() as it:
        cli.write(it.path("acme.json"), json.dumps(ACME))
        it.db("seed", it.path("acme.json")).exits(0, "Added: organizations 1, users 1, roles 1, channels 2.")
        check_equal(it.ask("SELECT username, username_key, email, email_key FROM users"), [("Ann", "ann", "Ann@Acme.example", "ann@acme.example")], "the user")
        check_equal(it.ask("SELECT r.name, r.permissions FROM user_roles u JOIN roles r ON r.id = u.role_id"), [("boss", "3")], "the user's role")
        check_equal(it.ask("SELECT c.name, p.name FROM channels c JOIN channels p ON p.id = c.parent_id"), [("Below", "Töp")], "the channel below")
        check_equal(it.ask("SELECT subject_kind, allow, deny FROM channel_acl ORDER BY position"), [("role", "4", "0"), ("user", "0", "8")], "the ACL")


@test
def a_bad_file_is_refused_by_its_place_and_nothing_of_it_is_written():
    cases = [
        ('{"organizations": [\n  {"slug": }\n]}', "line 2"),
        ('{"organisations": []}', "organisations: is not known there"),
        ("[]", "is no object"),
        (changed(lambda o: o.pop("slug")), "organizations[0].slug: is missing"),
        (changed(lambda o: o.update(slug="Acme Inc")), "organizations[0].slug: has characters that are not allowed there"),
        (changed(lambda o: o["users"][0].update(email="nobody")), "organizations[0].users[0].email: is not of the form name@domain"),
        (changed(lambda o: o["users"][0].update(username="a b")), "organizations[0].users[0].username: has characters"),
        (changed(lambda o: o["users"][0].update(password="short")), "organizations[0].users[0].password: is shorter than 8 characters"),
        (changed(lambda o: o["users"][0].update(password_hash="$argon2id$v=19$")), "organizations[0].users[0].password_hash: there is a password already"),
        (changed(lambda o: o["users"][0].update(password_hash="plain")), "organizations[0].users[0].password_hash: is no hash of Argon2id or bcrypt"),
        (changed(lambda o: o["users"][0].update(roles=["king"])), "organizations[0].users[0].roles[0]: there is no role 'king'"),
        (changed(lambda o: o["users"][0].update(age=5)), "organizations[0].users[0].age: is not known there"),
        (changed(lambda o: o["roles"].append({"name": "boss"})), "organizations[0].roles[1].name: is there twice"),
        (changed(lambda o: o["channels"][0].update(parent="Below")), "organizations[0].channels[0].parent: there is no channel 'Below' above it"),
        (changed(lambda o: o["channels"][0].update(position="first")), "organizations[0].channels[0].position: is no whole number"),
        (changed(lambda o: o["channels"][0].update(participant_count_max=0)), "organizations[0].channels[0].participant_count_max: is less than 1"),
        (changed(lambda o: o["channels"][1]["acl"][0].update(everyone=True)), "organizations[0].channels[1].acl[0]: must name one of user, role and everyone"),
        (changed(lambda o: o["channels"][1]["acl"][1].update(user="Bob")), "organizations[0].channels[1].acl[1].user: there is no user 'Bob'"),
        (changed(lambda o: o["channels"][0].update(name="x" * 101)), "organizations[0].channels[0].name: is too long"),
        (changed(lambda o: o["channels"][0].update(name="a\tb")), "organizations[0].channels[0].name: has control characters"),
    ]
    with database() as it:
        it.db("init").exits(0)
        for text, wrong in cases:
            cli.write(it.path("bad.json"), text)
            it.db("seed", it.path("bad.json")).exits(1, "bad.json: ", wrong)
        it.db("seed", it.path("none.json")).exits(1, "none.json: No such file")
        check_equal(it.count_of("organizations"), 1, "organizations")
        # the same name twice is seen by the database: not half of it stays
        cli.write(it.path("bad.json"), changed(lambda o: o["users"].append({"username": "ANN"})))
        it.db("seed", it.path("bad.json")).exits(1, "users_org_id_username_key_key")
        check_equal((it.count_of("organizations"), it.count_of("users"), it.count_of("seeded_rows")), (1, 0, 0), "rows of half an organization")


@test
def clearing_removes_what_was_seeded_and_nothing_else():
    with database() as it:
        it.db("seed", "--demo").exits(0)
        it.db("seed", "--test", "5").exits(0)
        it.ask(f"INSERT INTO users (id, org_id, username, username_key, created_at, updated_at) SELECT {it.id('1')}, id, 'own', 'own', created_at, created_at FROM organizations WHERE slug = 'demo'")
        it.ask(f"INSERT INTO channels (id, org_id, parent_id, name, name_key, created_at, updated_at) SELECT {it.id('2')}, org_id, id, 'own', 'own', created_at, created_at FROM channels WHERE name = 'General'")
        it.db("seed", "--clear").exits(1, "say --yes")
        it.db("seed", "--clear", "--yes").exits(0, "What was seeded is removed.", "3 rows stay: they hold what was not seeded.")
        check_equal(sorted(it.ask("SELECT name FROM channels")), [("General",), ("Lobby",), ("own",)], "channels that stay")
        check_equal(it.ask("SELECT username FROM users"), [("own",)], "users that stay")
        check_equal(sorted(it.ask("SELECT slug FROM organizations")), [("default",), ("demo",)], "organizations that stay")
        it.db("seed", "--clear", "--yes").exits(0, "3 rows stay")


@test
def reset_empties_all_and_seeds_again():
    with database() as it:
        it.db("seed", "--test", "3").exits(0)
        cli.write(it.path("acme.json"), json.dumps(ACME))
        it.db("reset", it.path("acme.json")).exits(1, "say --yes")
        check_equal(it.count_of("users"), 3, "users after a reset that was not meant")
        it.db("reset", it.path("acme.json"), "--yes").exits(0, "All tables are empty.", "users 1")
        check_equal(it.ask("SELECT username FROM users"), [("Ann",)], "the users")


# ---- backups ----


@test
def a_backup_under_load_is_of_one_moment_and_restores_to_it():
    with database() as it:
        it.db("seed", "--demo").exits(0)
        with Server(*it.arguments) as server:
            stop = threading.Event()

            def load():
                while not stop.is_set():
                    with contextlib.closing(WebSocket(server.connect())) as client:
                        client.ask("room:join", {"room": "r", "name": "n"})

            thread = threading.Thread(target=load)
            thread.start()
            until(lambda: it.count_of("webrtc_connections") >= 5, "some connections")
            it.db("backup", it.path("copy")).exits(0, "written.")
            at_backup = it.count_of("webrtc_connections")
            until(lambda: it.count_of("webrtc_connections") >= at_backup + 5, "more connections")
            it.db("restore", it.path("copy"), "--yes").exits(1, "a server uses", "stop it first")
            stop.set()
            thread.join()
        check_equal(stat.S_IMODE(os.stat(it.path("copy")).st_mode), 0o600, "the backup's mode")
        it.db("backup", it.path("copy")).exits(1, "File exists")
        said = it.db("verify", it.path("copy")).exits(0, "The backup is good.").out
        in_copy = int(next(line.split()[1] for line in said.splitlines() if "webrtc_connections" in line))
        check(5 <= in_copy <= at_backup, f"{in_copy} connections in the copy, {at_backup} after it")
        it.ask("DELETE FROM users")
        it.db("restore", it.path("copy")).exits(1, "say --yes")
        it.db("restore", it.path("copy"), "--yes").exits(0, "restored.")
        check_equal((it.count_of("users"), it.count_of("webrtc_connections")), (4, in_copy), "users and connections restored")
        orphans = "SELECT count(*) FROM webrtc_connections w LEFT JOIN call_sessions c ON c.id = w.call_id WHERE c.id IS NULL"
        check_equal(it.ask(orphans), [("0",)], "connections without their call")
        with Server(*it.arguments) as server, contextlib.closing(WebSocket(server.connect())) as client:
            client.ask("room:join", {"room": "r", "name": "after"})
            until(lambda: it.count_of("webrtc_connections") == in_copy + 1, "a row after the restore")


@test
def a_sealed_backup_opens_with_its_key_only():
    with database() as it:
        it.db("seed", "--demo").exits(0)
        for name in ("key", "other"):
            cli.write(it.path(name), os.urandom(32).hex() + "\n")
            os.chmod(it.path(name), 0o600)
        key, other = (f"--backup.key_file={it.path(name)}" for name in ("key", "other"))
        it.db("backup", it.path("copy"), key).exits(0)
        with open(it.path("copy"), "rb") as file:
            sealed = file.read()
        check_equal(b"alice" in sealed or b"CREATE TABLE" in sealed, False, "something that can be read")
        check_equal([name for name in os.listdir(it.box) if "plain" in name], [], "copies that were left behind")
        it.db("verify", it.path("copy")).exits(1, "backup.key_file must name")
        it.db("verify", it.path("copy"), other).exits(1, "damaged, or sealed with another key")
        it.db("verify", it.path("copy"), key).exits(0, "The backup is good.")
        with open(it.path("cut"), "wb") as file:
            file.write(sealed[:-20])
        it.db("restore", it.path("cut"), key, "--yes").exits(1, "damaged, or sealed with another key")
        check_equal(it.count_of("users"), 4, "users after a restore that failed")
        it.ask("DELETE FROM users")
        it.db("restore", it.path("copy"), key, "--yes").exits(0)
        check_equal(it.count_of("users"), 4, "users restored")
        os.chmod(it.path("key"), 0o644)
        it.db("backup", it.path("copy2"), key).exits(1, "can be read by other users")
        check_equal([name for name in os.listdir(f"{it.box}/data") if "plain" in name], [], "copies that were left behind")


@test
def what_is_no_backup_is_refused_and_changes_nothing():
    with database() as it:
        it.db("seed", "--demo").exits(0)
        cli.write(it.path("text"), "this is no backup at all, but long enough to look like something " * 40)
        it.db("restore", it.path("text"), "--yes").exits(1)
        it.db("restore", it.path("none"), "--yes").exits(1, "No such file")
        it.db("backup", it.path("copy")).exits(0)
        with open(it.path("copy"), "r+b") as file:
            file.truncate(os.path.getsize(it.path("copy")) // 2)
        it.db("verify", it.path("copy")).exits(1)
        it.db("restore", it.path("copy"), "--yes").exits(1)
        check_equal(it.count_of("users"), 4, "users after restores that failed")


@test
def production_destroys_nothing():
    with database() as it:
        it.db("seed", "--demo").exits(0)
        it.db("backup", it.path("copy")).exits(0)
        for words in (("rollback",), ("reset",), ("restore", it.path("copy")), ("seed", "--clear")):
            it.db(*words, "--yes", env={"NODE_ENV": "production"}).exits(1, "server.profile is production")
        check_equal(it.count_of("users"), 4, "users")


@test
def scheduled_backups_are_verified_and_the_oldest_go():
    with database() as it:
        it.db("init").exits(0)
        it.db("backup", "--scheduled").exits(1, "backup.folder is not set")
        folder = it.path("backups")
        os.mkdir(folder, 0o700)
        for day in range(1, 5):
            cli.write(f"{folder}/belfry-2026010{day}T000000Z.db", "old")
        cli.write(f"{folder}/mine.db", "somebody else's")
        it.db("backup", "--scheduled", f"--backup.folder={folder}", "--backup.keep=3").exits(0, "written and restored to try it.")
        names = sorted(os.listdir(folder))
        check_equal(len(names), 4, f"files: {names}")
        check_equal(names[:2], ["belfry-20260103T000000Z.db", "belfry-20260104T000000Z.db"], "the old ones that stay")
        check_equal(names[3], "mine.db", "what is none of ours")


@test
def a_server_makes_them_by_itself_and_a_restart_changes_nothing():
    with database() as it:
        folder = it.path("backups")
        schedule = (*it.arguments, f"--backup.folder={folder}", "--backup.every-hours=1")
        with Server(*schedule) as server:
            until(lambda: 'event="backup made"' in server.log, "a backup is made", seconds=30)
            check_in("written and restored to try it.", server.log, "the log")
            check_in('belfry_backups_total{result="good"} 1', server.request("GET", "/metrics").text, "the metrics")
        (first,) = os.listdir(folder)
        with Server(*schedule) as server, contextlib.closing(WebSocket(server.connect())) as client:
            client.ask("room:join", {"room": "r", "name": "n"})
            until(lambda: it.count_of("webrtc_connections") == 1, "a row")
        check_equal(os.listdir(folder), [first], "the backups after a restart")
        an_hour_ago = os.path.getmtime(f"{folder}/{first}") - 3601
        os.utime(f"{folder}/{first}", (an_hour_ago, an_hour_ago))
        with Server(*schedule) as server:
            until(lambda: 'event="backup made"' in server.log, "the next backup is made", seconds=30)
        check_equal(len(os.listdir(folder)), 2, "the backups")
        cli.write(it.path("file"), "")
        with Server(*schedule[:-2], f"--backup.folder={it.path('file')}") as server:
            until(lambda: 'event="backup failed"' in server.log, "one that fails is told", seconds=30)
            check_in("Not a directory", server.log, "the log")


# ---- migrations ----


@test
def down_and_up_again_leads_to_the_same_tables():
    def schema(it):
        if CLUSTER:
            done = subprocess.run(["pg_dump", "--schema-only", it.owner], capture_output=True, text=True, check=True)
            return [line for line in done.stdout.splitlines() if not line.startswith(("--", "\\", "GRANT", "REVOKE"))]
        return sorted(it.ask("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL"))

    with database() as it:
        it.db("init").exits(0)
        before, names = schema(it), [row[0] for row in it.ask("SELECT name FROM migrations ORDER BY name")]
        for target in reversed(names[:-1]):
            it.db("migrate", "--rollback", target, "--yes").exits(0, "1 migration taken back.")
        it.db("migrate", "--migrate").exits(0, f"{len(names) - 1} migration")
        check_equal(schema(it), before, "the schema")


@test
def a_new_migration_is_made_in_the_source_tree():
    with database() as it:
        it.db("migrate", "--create", "more_tables", cwd=it.box).exits(1, "belfry's source tree")
        for engine in ("sqlite", "postgres"):
            os.makedirs(it.path(f"storage/migrations/{engine}"))
        for wrong in ("More", "a b", "../x", "é"):
            it.db("migrate", "--create", wrong, cwd=it.box).exits(2, "is no name for a migration")
        said = it.db("migrate", "--create", "more_tables", cwd=it.box).exits(0).out.split()
        check_equal(len(said), 2, f"files: {said}")
        with open(it.path(said[0])) as file:
            text = file.read()
        check_in("-- +up", text, "the file")
        check_in("\n/* +down\n", text, "the file")


cli.main()
