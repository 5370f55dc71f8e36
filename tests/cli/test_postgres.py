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

MIGRATIONS = str(len(os.listdir(f"{os.path.dirname(os.path.abspath(__file__))}/../../storage/migrations/postgres")))


def psql(sql, url=URL):
    done = subprocess.run(["psql", "-XAtq", url, "-c", sql], capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"psql: {done.stderr}")
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
    check_equal(psql("SELECT count(*) FROM migrations"), MIGRATIONS, "migrations")
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


def owned(database):
    """Arguments for a server that works as a role of its own in a database that is not there yet."""
    return (
        f"--storage.owner_url={URL.replace('/postgres?', f'/{database}?')}",
        f"--storage.url={URL.replace('belfry@', 'belfry_server@').replace('/postgres?', f'/{database}?')}",
    )


def as_server(database, sql, org=None):
    url = URL.replace("belfry@", "belfry_server@").replace("/postgres?", f"/{database}?")
    return psql(f"SET app.org = '{org or ''}'; {sql}", url)


@test
def database_and_role_are_made_and_the_role_owns_nothing():
    with Server(*owned("made")) as server, member(server, "Ora"):
        made = URL.replace("/postgres?", "/made?")
        until(lambda: psql("SELECT name FROM webrtc_connections", made) == "Ora", "the connection's row")
        check_in('event="database made" name=made', server.log, "the log")
        check_in('event="role made" name=belfry_server', server.log, "the log")
        check_equal("row-level security does not bind" in server.log, False, "a warning of row-level security")
        check_equal(psql("SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = 'belfry_server'", made), "0", "what the role owns")
    with Server(*owned("made")):
        pass  # once more, on what is there
    with Server(f"--storage.url={URL}") as server:
        until(lambda: "row-level security does not bind this role" in server.log, "a warning for one that is a superuser")


@test
def of_two_servers_that_start_at_once_on_nothing_both_come_up():
    with contextlib.ExitStack() as both:
        servers = [Server(*owned("twice"), env={"BELFRY_STORAGE_FOLDER": f"twice{i}"}) for i in range(2)]
        for server in servers:
            both.enter_context(server)
        for server in servers:
            until(lambda s=server: json.loads(s.request("GET", "/health/ready").text)["status"] == "ready", "it is ready")
    check_equal(psql("SELECT count(*) FROM migrations", URL.replace("/postgres?", "/twice?")), MIGRATIONS, "migrations")


TENANTS = """
SET app.system = 'on';
INSERT INTO organizations (id, slug, name, created_at, updated_at) VALUES (ACME, 'acme', 'Acme', now(), now()), (BOLT, 'bolt', 'Bolt', now(), now());
INSERT INTO users (id, org_id, username, username_key, created_at, updated_at) SELECT o.id, o.id, o.slug, o.slug, now(), now() FROM organizations o;
INSERT INTO roles (id, org_id, name, created_at, updated_at) SELECT o.id, o.id, 'r', now(), now() FROM organizations o;
INSERT INTO user_roles (org_id, user_id, role_id, created_at) SELECT o.id, o.id, o.id, now() FROM organizations o;
INSERT INTO sessions (id, org_id, user_id, refresh_family, refresh_hash, created_at, last_seen_at, expires_at)
    SELECT o.id, o.id, o.id, o.id, sha256(o.slug::bytea), now(), now(), now() FROM organizations o;
INSERT INTO api_keys (id, org_id, user_id, name, public_id, secret_hash, last_four, created_at)
    SELECT o.id, o.id, o.id, 'k', o.slug, sha256(o.slug::bytea), 'last', now() FROM organizations o;
INSERT INTO authenticators (user_id, org_id, secret, created_at) SELECT o.id, o.id, sha256(o.slug::bytea), now() FROM organizations o;
INSERT INTO recovery_codes (id, org_id, user_id, code_hash, created_at) SELECT o.id, o.id, o.id, sha256(o.slug::bytea), now() FROM organizations o;
INSERT INTO settings (id, org_id, key, value, updated_at) SELECT o.id, o.id, 'k', '1', now() FROM organizations o;
INSERT INTO channels (id, org_id, name, name_key, created_at, updated_at) SELECT o.id, o.id, 'c', 'c', now(), now() FROM organizations o;
INSERT INTO channel_acl (id, org_id, channel_id, position, subject_kind) SELECT o.id, o.id, o.id, 0, 'everyone' FROM organizations o;
INSERT INTO call_sessions (id, org_id, room, started_at) SELECT o.id, o.id, 'r', now() FROM organizations o;
INSERT INTO webrtc_connections (id, org_id, call_id, kind, worker, joined_at) SELECT o.id, o.id, o.id, 'socket', 0, now() FROM organizations o;
INSERT INTO seeded_rows (id, kind, created_at) SELECT o.id, 'organization', now() FROM organizations o;
INSERT INTO rate_limits (key, level, updated_at) VALUES ('k', 1, now());
"""
ACME, BOLT = "'0190a0a0-0000-7000-8000-00000000000a'", "'0190a0a0-0000-7000-8000-00000000000b'"


@test
def a_tenant_sees_its_own_rows_and_nobody_without_a_tenant_any():
    with Server(*owned("tenants")):
        pass
    owner = URL.replace("/postgres?", "/tenants?")
    psql(TENANTS.replace("ACME", ACME).replace("BOLT", BOLT), owner)
    tables = psql("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace", owner).splitlines()
    views = psql("SELECT table_name FROM information_schema.views WHERE table_schema = 'public'", owner).splitlines()
    check_equal(len(tables) >= 14, True, "all tables are there")
    check_equal(psql("SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND NOT (relrowsecurity AND relforcerowsecurity)", owner), "0", "tables without forced row-level security")
    for table in tables + views:
        check_equal(int(psql(f"SELECT count(*) FROM {table}", owner)) > 0, True, f"{table} has rows")
        check_equal(as_server("tenants", f"SELECT count(*) FROM {table}"), "0", f"rows of {table} without a tenant")
        if table in ("rate_limits", "migrations", "seeded_rows"):
            check_equal(as_server("tenants", f"SELECT count(*) FROM {table}", ACME[1:-1]), "0", f"rows of {table} for a tenant")
            continue
        org = "id" if table == "organizations" else "org_id"
        check_equal(as_server("tenants", f"SELECT {org}, count(*) FROM {table} GROUP BY 1", ACME[1:-1]), f"{ACME[1:-1]}|1", f"rows of {table} for Acme")
        if table in tables:
            check_equal(as_server("tenants", f"WITH d AS (DELETE FROM {table} WHERE {org} = {BOLT} RETURNING 1) SELECT count(*) FROM d", ACME[1:-1]), "0", f"rows of Bolt in {table} that Acme can delete")
    refused = subprocess.run(
        ["psql", "-XAtq", owned("tenants")[1].split("=", 1)[1], "-c", f"SET app.org = {ACME}; UPDATE channels SET org_id = {BOLT}"],
        capture_output=True,
        text=True,
    )
    check_in("violates row-level security policy", refused.stderr, "giving a row to another tenant")


@test
def without_leave_to_migrate_the_start_says_what_is_pending():
    psql("CREATE DATABASE pending")
    url = URL.replace("/postgres?", "/pending?")
    run("run", *cli.ANY_PORTS, f"--storage.url={url}", "--storage.migrate=false").exits(1, f"{MIGRATIONS} migrations are pending")


@test
def a_role_that_may_not_make_the_database_says_so():
    psql("CREATE ROLE humble LOGIN")
    url = URL.replace("belfry@", "humble@").replace("/postgres?", "/nowhere?")
    run("run", *cli.ANY_PORTS, f"--storage.url={url}").exits(1, "database nowhere: it is missing, and making it: ERROR:  permission denied to create database")


@test
def a_changed_migration_stops_the_start_by_name():
    psql("UPDATE migrations SET checksum = checksum || 'x' WHERE name LIKE '%accounts'")
    run("run", *cli.ANY_PORTS, f"--storage.url={URL}").exits(1, "_accounts was changed")
    psql("UPDATE migrations SET checksum = left(checksum, 64)")


@test
def the_files_run_in_psql_as_they_are():
    psql("CREATE DATABASE byhand")
    url = URL.replace("/postgres?", "/byhand?")
    folder = os.path.join(os.path.dirname(__file__), "../../storage/migrations/postgres")
    for name in sorted(os.listdir(folder)):
        done = subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", f"{folder}/{name}", url], capture_output=True, text=True)
        check_equal((done.returncode, done.stderr.replace("NOTICE", "")[:200]), (0, ""), f"psql -f {name}")
    check_equal(psql("SELECT count(*) FROM pg_views WHERE schemaname = 'public'", url), "3", "views")


@test
def the_doctor_knocks():
    free = ("--http.listen=127.0.0.1:0", "--media.udp-port=0")
    said = run("doctor", *free, f"--storage.url={URL}").out
    check_in("PostgreSQL lets us in", said, "what the doctor says")
    away = run("doctor", *free, f"--storage.url={URL.replace('host=', 'host=/nowhere')}").out
    check_in("No such file or directory", away, "what the doctor says")
    check_in("rows wait in the spool", away, "what the doctor says")


@test
def a_password_is_not_printed():
    said = run("config", "print", "--storage.url=postgres://me:hunter2@nowhere/x").exits(0).out
    check_equal("hunter2" in said, False, "a password in what is printed")
    run("run", "--storage.url=mysql://me:hunter2@host/x").exits(2, "does not begin with postgres://")


cli.main()
