"""What tests of accounts share: a place for a server's data, on SQLite or, run by tests/storage/pg/cluster, on PostgreSQL, and requests."""

import contextlib
import json
import os
import sqlite3
import subprocess
import tempfile

from cli import Server, check_equal, run, test, until

CLUSTER = os.environ.get("BELFRY_TEST_POSTGRES")
ANN = {"email": "Ann@Acme.example", "username": "Ann", "password": "correct horse battery", "full_name": "Ann A"}


class Place:
    count = 0

    def __init__(self, box):
        Place.count += 1
        self.box = box
        self.is_postgres = bool(CLUSTER)
        self.arguments = [f"--storage.folder={box}/data"]
        if CLUSTER:
            self.owner = CLUSTER.replace("/postgres?", f"/accounts{Place.count}?")
            self.arguments += [f"--storage.owner_url={self.owner}", f"--storage.url={self.owner.replace('belfry@', 'belfry_server@')}"]

    def ask(self, sql):
        if CLUSTER:
            done = subprocess.run(["psql", "-XAtq", self.owner, "-c", f"SET app.system = 'on'; {sql}"], capture_output=True, text=True, check=True)
            return done.stdout.splitlines()
        with contextlib.closing(sqlite3.connect(f"{self.box}/data/belfry.db", timeout=10)) as file:
            rows = ["|".join(str(value) for value in row) for row in file.execute(sql).fetchall()]
            file.commit()
            return rows


@contextlib.contextmanager
def place():
    with tempfile.TemporaryDirectory(prefix="belfry-accounts-") as box:
        yield Place(box)


def post(server, path, body, token=None):
    answer = server.request("POST", path, json.dumps(body), {"Content-Type": "application/json"}, token)
    answer.json = json.loads(answer.text) if answer.text else None
    return answer


def get(server, path, token=None):
    answer = server.request("GET", path, token=token)
    answer.json = json.loads(answer.text)
    return answer


def register(server, account=None):
    until(lambda: post(server, "/api/auth/register", account or ANN).status in (201, 409), "an account")


def login(server, name="Ann", password=ANN["password"]):
    answer = post(server, "/api/auth/login", {"login": name, "password": password})
    check_equal(answer.status, 200, f"the answer to a login: {answer.text}")
    return answer.json


ROOT = "root's long password"


def with_admin(world):
    """A decorator of tests that get a `world(place, server)`: a server whose admin is root."""

    def decorate(test_of):
        def run_it():
            with place() as it:
                run("user", "add", "root", "role=admin", *it.arguments, input_text=f"{ROOT}\n").exits(0)
                with Server(*it.arguments) as server:
                    test_of(world(it, server))

        run_it.__name__ = test_of.__name__
        return test(run_it)

    return decorate
