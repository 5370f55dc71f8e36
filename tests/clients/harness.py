"""What every test file here starts from: a server for each test, deadlines instead of sleeps, and a report.

A test is a coroutine under @test that is given a running Server. A file ends with `harness.main()`.
"""

import asyncio
import http.client
import inspect
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

TEST_SECONDS = 120
WAIT_SECONDS = 20  # most things take well under one second; the machine may be busy
START_SECONDS = 15
STOP_SECONDS = 10
POLL_SECONDS = 0.02

_tests = []


def test(*options):
    """Mark a test; `options` are more flags for its server."""

    def mark(function):
        _tests.append((function, options))
        return function

    return mark


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def check_equal(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what}: {actual!r}, expected {expected!r}")


async def until(condition, what, seconds=WAIT_SECONDS):
    """Wait until `condition()` is true (it may be a coroutine function) and return what it gave."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        await asyncio.sleep(POLL_SECONDS)


# A setting, and what the line of each media thread calls it.
VARIANT = {
    "BELFRY_MEDIA_IO": "io",
    "BELFRY_MEDIA_SRTP_ENGINE": "srtp",
    "BELFRY_MEDIA_GSO": "gso",
    "BELFRY_MEDIA_WORKERS": None,
}


class Server:
    """One belfry process, on ports of its own choice."""

    def __init__(self, *options):
        self.options = options
        self.folder = tempfile.TemporaryDirectory(prefix="belfry-data-")
        self.lines = []
        self.host = "127.0.0.1"
        self.port = 0
        self._process = None
        self._reader = None

    def start(self):
        """Start, on the same HTTP port as before if there was one, in the variant of tests/variants.cmake that the environment names."""
        env = {
            name: value
            for name, value in os.environ.items()
            if (not name.startswith("BELFRY") or name in VARIANT or name == "BELFRY_MEDIA_SPREAD") and name != "PORT"
        }
        command = [
            os.environ["BELFRY_BIN"],
            "run",
            f"--http.listen={self.host}:{self.port}",
            "--media.udp-port=0",
            f"--storage.folder={self.folder.name}",
            "--log.level=debug",
            *self.options,
        ]
        self._process = subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
        )
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        if not self._listening.wait(START_SECONDS) or not self.is_running():
            raise AssertionError("the server did not start listening")
        self._check_variant()

    def _check_variant(self):
        """A variant that is not in force would prove nothing."""
        workers = self.logged('event="media worker" ')
        check(workers, "no line of a media worker")
        for name, field in VARIANT.items():
            value = os.environ.get(name)
            if value and field and not all(f" {field}={value}" in line for line in workers):
                raise AssertionError(f"not {name}={value}: {workers}")
        count = int(os.environ.get("BELFRY_MEDIA_WORKERS") or len(workers))
        if len(workers) != count and not any(o.startswith("--media.workers=") for o in self.options):
            raise AssertionError(f"{len(workers)} media workers, not {count}")

    def _read(self, process):
        for line in process.stderr:
            self.lines.append(line.rstrip("\n"))
            found = re.search(r"event=listening .*?address=[\d.]+:(\d+)", line)
            if found:
                self.port = int(found.group(1))
                self._listening.set()
        self._listening.set()  # it ended: nobody needs to wait any longer

    def is_running(self):
        return self._process is not None and self._process.poll() is None

    def logged(self, *words):
        """The lines that hold all of `words`."""
        return [line for line in self.lines if all(word in line for word in words)]

    def metrics(self):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=5)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def counts(self):
        """Its metrics that are not 0."""
        try:
            text = self.metrics()
        except OSError as error:
            return [f"no metrics: {error}"]
        return [line for line in text.splitlines() if not line.startswith("#") and not line.endswith(" 0")]

    async def runs_as_variant(self):
        """The same of what only shows when two are in a room: what the kernel made of trains, and that the room is on several threads."""
        gso = {"auto": {"1"}, "off": {"0"}}.get(os.environ.get("BELFRY_MEDIA_GSO"), {"0", "1"})
        is_spread = os.environ.get("BELFRY_MEDIA_SPREAD") == "round-robin"

        def is_in_force():
            text = self.metrics()
            trains = re.findall(r'^belfry_udp_gso{worker="\d+"} (\d+)$', text, re.M)
            people = re.findall(r'^belfry_media_participants{worker="\d+"} (\d+)$', text, re.M)
            check(trains and len(trains) == len(people), "no metrics of media workers")
            used = len(people) - people.count("0")
            return set(trains) <= gso and (not is_spread or len(people) == 1 or used > 1)

        await until(lambda: asyncio.to_thread(is_in_force), "the variant is in force")

    def stop(self):
        """Ask it to end, and see that it does so in order."""
        if self._process is None:
            return
        crashed = not self.is_running()
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server did not end within {STOP_SECONDS} s of SIGTERM")
        self._forget()
        check(not crashed, f"the server ended by itself with status {status}")
        check_equal(status, 0, "the server's exit status after SIGTERM")

    def kill(self):
        """End it without a goodbye, as a crash would."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._forget()

    def _forget(self):
        self._reader.join(STOP_SECONDS)
        self._process.stderr.close()
        self._process = None


async def _run(function, options):
    server = Server(*options)
    failure = None
    try:
        server.start()
        await asyncio.wait_for(function(server), TEST_SECONDS)
    except BaseException:
        failure = traceback.format_exc()
        server.lines += await asyncio.to_thread(server.counts)
    try:
        await asyncio.to_thread(server.stop)
    except AssertionError as error:
        failure = (failure or "") + f"{error}\n"
    finally:
        server.kill()
    return failure, server.lines


def main():
    """Run the tests of the calling file, or those named on the command line; exit with 1 if one failed."""
    wanted = sys.argv[1:]
    failed = 0
    ran = 0
    for function, options in _tests:
        if wanted and function.__name__ not in wanted:
            continue
        ran += 1
        name = function.__name__.replace("_", " ")
        started = time.monotonic()
        failure, lines = asyncio.run(_run(function, options))
        seconds = time.monotonic() - started
        if not failure:
            print(f"ok      {name} ({seconds:.1f} s)", flush=True)
            continue
        failed += 1
        print(f"FAILED  {name} ({seconds:.1f} s)\n{failure}", flush=True)
        print("---- the server's log ----", *lines, "---- end of log ----", sep="\n", flush=True)
    print(f"{ran - failed} of {ran} passed", flush=True)
    # Not sys.exit: threads of a failed test's clients may still hang in their libraries.
    os._exit(1 if failed or not ran else 0)
