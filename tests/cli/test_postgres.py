#!/usr/bin/python3
"""A server on PostgreSQL: run by tests/storage/pg/cluster, which says in BELFRY_TEST_POSTGRES where that is."""

import contextlib
import json
import os
import sqlite3
import subprocess
import tempfile

import cli
from cli import Server, WebSocket, check_equal, check_in, run, test, until

URL = os.environ["BELFRY_TEST_POSTGRES"]


def psql(sql, url=URL):
    done = subprocess.run(["psql", "-XAtq", url, "-c", sql], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@contextlib.contextmanager
def member(server, name):
    with contextlib.closing(WebSocket(server.connect())) as client:
        check_equal(client.ask("room:join", {"room": "demo", "name": name})["type"], "room:joined", "the answer to join")
        yield client


def connections():
    return psql("SELECT string_agg(name || CASE WHEN left_at IS NULL THEN '' ELSE ' left' END, ',' ORDER BY joined_at) FROM webrtc_connections")


@test
def the_tables_are_made_and_calls_are_recorded():
    with Server(f"--storage.url={URL}") as server:
        with member(server, "Ann") as client:
            until(lambda: connections() == "Ann", "the connection's row")
            client.ask("room:leave", {})
        until(lambda: connections() == "Ann left", "the connection's end")
        ready = json.loads(server.request("GET", "/health/ready").text)
        check_equal((ready["status"], ready["database"]["engine"], ready["database"]["state"]), ("ready", "postgres", "up"), "readiness")
    check_equal(psql("SELECT count(*) FROM migrations"), "2", "migrations")
    with Server(f"--storage.url={URL}"):
        pass  # once more, on tables that are there


@test
def unnamed_statements_do_as_well():
    with Server(f"--storage.url={URL}", "--storage.prepare=unnamed") as server, member(server, "Uma"):
        until(lambda: connections().endswith("Uma"), "the connection's row")


@test
def while_nobody_answers_rows_wait_on_disk():
    away = URL.replace("host=", "host=/nowhere")
    with Server(f"--storage.url={away}", env={"BELFRY_STORAGE_FOLDER": "away"}) as server, member(server, "Bob"):
        until(lambda: json.loads(server.request("GET", "/health/ready").text)["database"]["spool_records"] == 3, "three rows in the spool")
        check_equal(json.loads(server.request("GET", "/health/ready").text)["status"], "degraded", "the status")
        told = [line for line in server.lines if 'event="the database is away"' in line]
        check_equal(len(told), 1, "lines that say so")
        check_in("No such file or directory", told[0], "the cause")
    with Server(f"--storage.url={URL}", env={"BELFRY_STORAGE_FOLDER": "away"}):
        until(lambda: connections().endswith("Bob left"), "the rows of the spool")


@test
def tables_are_made_when_the_database_comes_later_than_the_server():
    psql("CREATE DATABASE late ALLOW_CONNECTIONS false")
    late = URL.replace("/postgres?", "/late?")
    with Server(f"--storage.url={late}") as server, member(server, "Lea"):
        until(lambda: json.loads(server.request("GET", "/health/ready").text)["database"]["spool_records"] == 3, "three rows in the spool")
        psql("ALTER DATABASE late ALLOW_CONNECTIONS true")
        until(lambda: json.loads(server.request("GET", "/health/ready").text)["status"] == "ready", "the server is ready")
        check_in("tables brought up to date", server.log, "the log")
        check_equal(psql("SELECT name FROM webrtc_connections", late), "Lea", "the rows of the spool")


@test
def both_engines_have_the_same_tables_and_columns():
    """The migrations are written twice, in two dialects: this is what keeps them together."""
    wanted = psql(
        "SELECT c.table_name || '.' || c.column_name || CASE c.is_nullable WHEN 'NO' THEN ' not null' ELSE '' END"
        " FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)"
        " WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'"
    )
    views = psql("SELECT table_name FROM information_schema.views WHERE table_schema = 'public'")
    with tempfile.TemporaryDirectory() as box:
        folder = os.path.join(box, "data")
        run("db", "migrate", f"--storage.folder={folder}").exits(0)
        with contextlib.closing(sqlite3.connect(f"{folder}/belfry.db")) as db:
            columns = db.execute(
                "SELECT t.name, c.name, c.\"notnull\" OR c.pk FROM pragma_table_list t, pragma_table_info(t.name) c"
                " WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite_%'"
            ).fetchall()
            found = [f"{table}.{column}{' not null' if is_set else ''}" for table, column, is_set in columns]
            own_views = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'view'")]
    check_equal(sorted(found), sorted(wanted.splitlines()), "the columns of SQLite, against PostgreSQL's")
    check_equal(sorted(own_views), sorted(views.splitlines()), "the views")


@test
def a_changed_migration_stops_the_start_by_name():
    psql("UPDATE migrations SET checksum = checksum || 'x' WHERE name LIKE '%accounts'")
    run("run", *cli.ANY_PORTS, f"--storage.url={URL}").exits(1, "_accounts was changed")
    psql("UPDATE migrations SET checksum = left(checksum, 64)")


@test
def a_password_is_not_printed():
    said = run("config", "print", "--storage.url=postgres://me:hunter2@nowhere/x").exits(0).out
    check_equal("hunter2" in said, False, "a password in what is printed")
    run("run", "--storage.url=mysql://me:hunter2@host/x").exits(2, "does not begin with postgres://")


cli.main()
