#!/usr/bin/python3
"""What is kept: by default in a SQLite file beside the server, over restarts and crashes, and clear words where that cannot be."""

import contextlib
import json
import os
import signal
import sqlite3
import stat
import tempfile

import cli
from cli import Server, WebSocket, check, check_equal, check_in, run, test, until

MIGRATIONS = len(os.listdir(f"{os.path.dirname(os.path.abspath(__file__))}/../../storage/migrations/sqlite"))


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory(prefix="belfry-storage-") as path:
        yield os.path.join(path, "data")


def rows(path, sql):
    with contextlib.closing(sqlite3.connect(f"file:{path}/belfry.db?mode=ro", uri=True, timeout=10)) as db:
        return db.execute(sql).fetchall()


def connections(path):
    return rows(path, "SELECT name, left_at IS NOT NULL FROM webrtc_connections ORDER BY joined_at")


@contextlib.contextmanager
def member(server, name):
    with contextlib.closing(WebSocket(server.connect())) as client:
        check_equal(client.ask("room:join", {"room": "demo", "name": name})["type"], "room:joined", "the answer to join")
        yield client


@test
def a_server_without_settings_keeps_its_calls_in_a_file():
    with folder() as path:
        with Server(f"--storage.folder={path}") as server:
            with member(server, "Ann") as client:
                until(lambda: connections(path) == [("Ann", 0)], "the connection's row")
                client.ask("room:leave", {})
            until(lambda: connections(path) == [("Ann", 1)], "the connection's end")
        check_equal(rows(path, "SELECT count(*) FROM call_sessions WHERE ended_at > started_at"), [(1,)], "the calls that ended")
        check_equal(stat.S_IMODE(os.stat(path).st_mode), 0o700, "the folder's mode")
        check_equal(stat.S_IMODE(os.stat(f"{path}/belfry.db").st_mode), 0o600, "the file's mode")


@test
def who_is_there_when_it_stops_has_left():
    with folder() as path:
        with Server(f"--storage.folder={path}") as server, member(server, "Ann"):
            server.process.send_signal(signal.SIGTERM)
            check_equal(server.wait(), 0, "the exit status")
        check_equal(connections(path), [("Ann", 1)], "the connections")


@test
def what_was_written_outlives_a_crash():
    with folder() as path:
        with Server(f"--storage.folder={path}") as server, member(server, "Ann"):
            until(lambda: connections(path) == [("Ann", 0)], "the connection's row")
            server.process.kill()
            server.process.wait()
        with Server(f"--storage.folder={path}") as server, member(server, "Bob"):
            until(lambda: connections(path) == [("Ann", 0), ("Bob", 0)], "both connections")
        check_equal(rows(path, "PRAGMA integrity_check"), [("ok",)], "the file's integrity")


@test
def while_the_file_is_locked_rows_wait_on_disk_and_readiness_says_so():
    with folder() as path, Server(f"--storage.folder={path}") as server:
        lock = sqlite3.connect(f"{path}/belfry.db", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        with member(server, "Ann"):

            def ready():
                answer = server.request("GET", "/health/ready")
                check_equal(answer.status, 200, "the status of readiness")
                return json.loads(answer.text)

            until(lambda: ready()["status"] == "degraded", "the server is degraded")
            until(lambda: ready()["database"]["spool_records"] == 3, "three rows in the spool")
            check(ready()["database"]["spool_lag_ms"] >= 0, ready())
            lock.execute("ROLLBACK")
            lock.close()
            until(lambda: ready()["status"] == "ready", "the server is ready again")
            check_equal(ready()["database"]["engine"], "sqlite", "the engine")
            check_equal(connections(path), [("Ann", 0)], "the connections")


@test
def a_second_server_on_the_same_folder_is_refused():
    with folder() as path, Server(f"--storage.folder={path}"):
        run("run", *cli.ANY_PORTS, f"--storage.folder={path}").exits(1, "another process uses this spool")


@test
def a_folder_that_cannot_be_used_is_named():
    with folder() as path:
        run("run", *cli.ANY_PORTS, f"--storage.folder={path}/deep/er").exits(1, f"storage.folder {path}/deep/er: No such file")
        run("run", "--storage.folder=").exits(2, "storage.folder: it is empty")
        cli.write(path, "a file")
        run("run", *cli.ANY_PORTS, f"--storage.folder={path}").exits(1, f"{path}/spool: Not a directory")
        os.remove(path)
        os.mkdir(path)
        cli.write(f"{path}/belfry.db", "this is no database, but long enough to look like one " * 40)
        os.chmod(f"{path}/belfry.db", 0o600)
        run("run", *cli.ANY_PORTS, f"--storage.folder={path}").exits(1, f"{path}/belfry.db: file is not a database")
        os.chmod(f"{path}/belfry.db", 0o644)
        run("run", *cli.ANY_PORTS, f"--storage.folder={path}").exits(1, "can be read or written by other users", "chmod 600")


@test
def a_changed_migration_stops_the_start_by_name():
    with folder() as path:
        with Server(f"--storage.folder={path}"):
            pass
        with contextlib.closing(sqlite3.connect(f"{path}/belfry.db")) as db:
            name = db.execute("SELECT name FROM migrations ORDER BY name LIMIT 1").fetchone()[0]
            db.execute("UPDATE migrations SET checksum = 'other' WHERE name = ?", (name,))
            db.commit()
        run("run", *cli.ANY_PORTS, f"--storage.folder={path}").exits(1, f"the migration {name} was changed")


# ---- belfry db ----


def db(path, *words, **options):
    return run("db", *words, f"--storage.folder={path}", **options)


@test
def the_tables_are_made_once_and_their_state_is_told():
    with folder() as path:
        db(path, "status").exits(1, "there is no database", "belfry db migrate")
        check(not os.path.exists(path), "looking made a folder")
        db(path, "migrate").exits(0, f"{MIGRATIONS} migrations applied.")
        db(path, "migrate").exits(0, "The tables are up to date.")
        said = db(path, "status").exits(0, "_accounts", "applied 20", "organizations", "size", "0 rows wait").out
        check("pending" not in said, said)
        db(path, "health").exits(0, "MiB free", "The database is in order.")
        with Server(f"--storage.folder={path}"):
            db(path, "status").exits(0, "in use by a running server")


@test
def a_rollback_asks_and_is_refused_while_a_server_runs():
    with folder() as path:
        db(path, "migrate").exits(0)
        names = [name for (name,) in rows(path, "SELECT name FROM migrations ORDER BY name")]
        db(path, "rollback", names[0]).exits(1, "say --yes")
        check_equal(len(rows(path, "SELECT * FROM migrations")), len(names), "migrations after a rollback that was not meant")
        with Server(f"--storage.folder={path}"):
            db(path, "rollback", names[0], "--yes").exits(1, "a server uses", "stop it first")
        db(path, "rollback", "20000101T000000_none", "--yes").exits(1, "20000101T000000_none was never applied")
        db(path, "rollback", names[0], "--yes").exits(0, f"{len(names) - 1} migration")
        db(path, "status").exits(0, "pending")
        check_equal(rows(path, "SELECT count(*) FROM sqlite_schema WHERE name = 'channels'"), [(0,)], "tables that went")
        db(path, "rollback", "--yes").exits(0, "1 migration taken back.")
        db(path, "migrate").exits(0, f"{len(names)} migrations applied.")


@test
def a_backup_under_load_is_whole_and_runs_as_a_database():
    with folder() as path, tempfile.TemporaryDirectory() as box:
        copy = os.path.join(box, "copy.db")
        with Server(f"--storage.folder={path}") as server:
            clients = [member(server, f"m{i}") for i in range(20)]
            with contextlib.ExitStack() as stack:
                for client in clients[:10]:
                    stack.enter_context(client)
                until(lambda: len(connections(path)) == 10, "ten connections")
                db(path, "backup", copy).exits(0, "written.")
                for client in clients[10:]:
                    stack.enter_context(client)
        db(path, "backup", copy).exits(1, "File exists")
        check_equal(stat.S_IMODE(os.stat(copy).st_mode), 0o600, "the copy's mode")
        check_equal(os.listdir(box), ["copy.db"], "what lies beside the copy")
        os.rename(copy, os.path.join(box, "belfry.db"))
        check_equal(len(connections(box)), 10, "connections in the copy")
        os.chmod(box, 0o700)
        db(box, "health").exits(0)
        with Server(f"--storage.folder={box}") as server, member(server, "Zoe"):
            until(lambda: len(connections(box)) == 11, "one more connection in the copy")


@test
def the_files_run_in_sqlite3_as_they_are():
    source = os.path.join(os.path.dirname(__file__), "../../storage/migrations/sqlite")
    with contextlib.closing(sqlite3.connect(":memory:")) as file:
        for name in sorted(os.listdir(source)):
            with open(f"{source}/{name}") as text:
                file.executescript(text.read())
        check_equal(file.execute("SELECT count(*) FROM sqlite_schema WHERE type = 'view'").fetchone(), (3,), "views")


@test
def damage_is_found():
    with folder() as path:
        db(path, "migrate").exits(0)
        with contextlib.closing(sqlite3.connect(f"{path}/belfry.db")) as writer:
            writer.execute("INSERT INTO user_roles VALUES (x'01', x'02', x'03', NULL, 0)")
            writer.commit()
        db(path, "health").exits(1)
        check_in("row 1 of user_roles refers to nothing", db(path, "health").out, "what health says")


@test
def what_db_does_not_take_is_answered_with_its_usage():
    with folder() as path:
        for words in ((), ("statsu",), ("backup",), ("backup", "a", "b"), ("status", "now"), ("status", "--yes"), ("migrate", "--yes")):
            db(path, *words).exits(2, "usage: belfry db")
        db(path, "status", "--yse").exits(2, "unknown flag --yse")
        run("doctor", "--yes").exits(2, "unknown flag --yes")


cli.main()
