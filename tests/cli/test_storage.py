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


cli.main()
