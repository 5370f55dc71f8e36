"""What every test file here starts from: the program run to its end, or as a server, in a folder of the test's own.

A test is a function under @test. A file ends with `cli.main()`; names of tests on the command line choose among them.
BELFRY_BIN names the program, by default that of the release build.
"""

import base64
import contextlib
import ctypes
import errno
import http.client
import itertools
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BELFRY = os.path.abspath(os.environ.get("BELFRY_BIN", os.path.join(ROOT, "build/release/belfry")))
NOBODY = 65534
RUN_SECONDS = 20
START_SECONDS = 20
# What the program promises; a sanitizer looks for leaks after that.
STOP_SECONDS = 20 if os.environ.get("BELFRY_SANITIZED") else 2
ANY_PORTS = ("--http.listen=127.0.0.1:0", "--media.udp-port=0", "--media.workers=1")

_tests = []


class Skipped(Exception):
    pass


def test(function):
    _tests.append(function)
    return function


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def check_equal(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what}: {actual!r}, expected {expected!r}")


def check_in(part, text, what="the output"):
    if part not in text:
        raise AssertionError(f"{what} lacks {part!r}:\n{text}")


def until(condition, what, seconds=10):
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.01)


_folders = tempfile.TemporaryDirectory(prefix="belfry-cli-")
os.chmod(_folders.name, 0o777)  # tests run it as nobody, too
_folder_numbers = itertools.count()


def environment(**more):
    """That of the caller, but for what configures belfry."""
    other = ("PORT", "NODE_ENV", "CORS_ORIGIN", "DATABASE_URL")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("BELFRY", "DB_")) and k not in other}
    return kept | more


def server_environment(**more):
    """The same, with a folder for the data of one server alone."""
    # Limits are for many clients: here one address makes all the requests. Those who test them turn them on.
    return environment(BELFRY_STORAGE_FOLDER=f"{_folders.name}/{next(_folder_numbers)}", BELFRY_LIMITS_MODE="off") | more


class Result:
    def __init__(self, arguments, process):
        self.status = process.returncode
        self.out = process.stdout.decode()
        self.err = process.stderr.decode(errors="backslashreplace")
        self.said = f"belfry {' '.join(map(repr, arguments))} -> {self.status}\n{self.out}{self.err}"

    def exits(self, status, *parts):
        """Check the exit status, and that standard error (for 0: standard output) holds `parts`."""
        check_equal(self.status, status, f"the exit status of {self.said}")
        for part in parts:
            check_in(part, self.err if status else self.out, self.said)
        return self


def run(*arguments, env=None, input_text=None, **options):
    """Run the program to its end. `env` comes on top of the environment, `input_text` is what it reads."""
    given = {"stdin": subprocess.DEVNULL} if input_text is None else {"input": input_text.encode()}
    process = subprocess.run(
        [BELFRY, *arguments],
        env=(server_environment if arguments[:1] == ("run",) else environment)(**(env or {})),
        **given,
        capture_output=True,
        timeout=RUN_SECONDS,
        **options,
    )
    result = Result(arguments, process)
    check(process.returncode >= 0, f"it died: {result.said}")
    return result


class Server:
    """`belfry run` on ports of its own choice, with a log to look at. Ends with the `with` block."""

    def __init__(self, *options, ports=ANY_PORTS, env=None, waits=True, **popen):
        self.lines = []
        self.url = self.host = self.port = None
        self._listening = threading.Event()
        self.process = subprocess.Popen(
            [BELFRY, "run", *ports, *options],
            env=server_environment(**(env or {})),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            **popen,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if waits and (not self._listening.wait(START_SECONDS) or not self.port):
            self.process.kill()
            raise AssertionError("the server did not start:\n" + self.log)

    def _read(self):
        for line in self.process.stderr:
            line = line.decode(errors="backslashreplace").rstrip("\n")
            self.lines.append(line)
            found = re.search(r'event"?[=:]"?listening\b.*\burl"?[=:]"?(https?://([^"]+):(\d+))', line)
            if found:
                self.url, self.host, self.port = found[1], found[2].strip("[]"), int(found[3])
                self._listening.set()
        self._listening.set()  # it ended: nobody needs to wait any longer

    @property
    def log(self):
        return "\n".join(self.lines)

    def wait_for_line(self, part):
        until(lambda: part in self.log or self.process.poll() is not None, f"{part!r} in the log")
        check_in(part, self.log, "the log")

    def request(self, method, path, body=None, headers=None, token=None):
        """One request on a connection of its own; returns the response, with its body as `text`."""
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connection = http.client.HTTPConnection(self.host, self.port, timeout=10)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            response.text = response.read().decode()
            return response
        finally:
            connection.close()

    def connect(self):
        return socket.create_connection((self.host, self.port), timeout=10)

    def wait(self, seconds=STOP_SECONDS):
        """Its exit status; the log is complete then."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end within {seconds} s:\n{self.log}") from None
        self._reader.join(10)
        return status

    def stop(self, number=signal.SIGTERM):
        """Ask it to end, and see that it does so in order."""
        self.process.send_signal(number)
        check_equal(self.wait(), 0, f"the exit status after {signal.Signals(number).name}")
        check_in("stopped", self.lines[-1], "the last line of the log")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None and self.process.poll() is None:
                self.stop()
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
            self._reader.join(10)
            self.process.stderr.close()


class WebSocket:
    """A client that is just enough: text frames, no fragments."""

    def __init__(self, stream, host="127.0.0.1"):
        self.stream = stream
        self.request_count = 0
        key = base64.b64encode(os.urandom(16)).decode()
        stream.sendall(
            f"GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self._file = stream.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        while self._file.readline() not in (b"\r\n", b""):
            pass

    def send(self, kind, data):
        self.request_count += 1  # an id is good for one request
        payload = json.dumps({"type": kind, "id": str(self.request_count), "ts": 0, "data": data}).encode()
        mask = os.urandom(4)
        if len(payload) < 126:
            head = struct.pack("!BB", 0x81, 0x80 | len(payload))
        else:
            head = struct.pack("!BBH", 0x81, 0x80 | 126, len(payload))
        self.stream.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))

    def receive(self):
        """The next message, or None once the server closes."""
        while True:
            head = self._file.read(2)
            if len(head) < 2:
                return None
            length = head[1] & 0x7F
            if length == 126:
                (length,) = struct.unpack("!H", self._file.read(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", self._file.read(8))
            payload = self._file.read(length)
            if head[0] & 0x0F == 8:
                return None
            if head[0] & 0x0F == 1:
                return json.loads(payload)

    def ask(self, kind, data):
        """Send a request and return its answer."""
        self.send(kind, data)
        while True:
            frame = self.receive()
            check(frame, f"the server closed instead of answering {kind}")
            # What could not even be read is answered by an error that has no id.
            if frame.get("id") == str(self.request_count) or (frame["type"] == "error" and "id" not in frame):
                return frame

    def close(self):
        self._file.close()
        self.stream.close()


def join(server, room, name, token=None):
    """Join by WebSocket; the answer's type, or the error's code."""
    with contextlib.closing(WebSocket(server.connect())) as client:
        check_equal(client.status, 101, "the answer to the upgrade")
        answer = client.ask("room:join", {"room": room, "name": name} | ({"token": token} if token else {}))
        return answer["data"]["code"] if answer["type"] == "error" else answer["type"]


def offer():
    """A publisher's offer as a browser makes it."""
    with open(os.path.join(ROOT, "tests/data/sdp/chromium-156-gathered-offer.sdp"), "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())
    return path


def keygen(path="join"):
    """A key pair made by the program; returns the paths of both halves."""
    run("token", "keygen", path).exits(0)
    return path, f"{path}.pub"


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=RUN_SECONDS)


def as_nobody():
    """Options of subprocess for an ordinary user: root may read and bind everything."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}


def forbid_io_uring():
    """For `preexec_fn`: from here on io_uring_setup fails with EPERM, as under the seccomp profile of many containers."""
    libc = ctypes.CDLL(None, use_errno=True)
    # struct sock_filter {u16 code; u8 jt, jf; u32 k}: load the number; is it io_uring_setup? then the error, else go on.
    rules = (
        struct.pack("HBBI", 0x20, 0, 0, 0)
        + struct.pack("HBBI", 0x15, 0, 1, 425)
        + struct.pack("HBBI", 0x06, 0, 0, 0x00050000 | errno.EPERM)
        + struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000)
    )
    program = ctypes.create_string_buffer(rules, len(rules))
    head = struct.pack("HxxxxxxP", len(rules) // 8, ctypes.addressof(program))
    pr_set_no_new_privs, pr_set_seccomp, seccomp_mode_filter = 38, 22, 2
    for arguments in ((pr_set_no_new_privs, 1, 0, 0, 0), (pr_set_seccomp, seccomp_mode_filter, head, 0, 0)):
        if libc.prctl(*arguments):
            raise OSError(ctypes.get_errno(), "prctl")


@contextlib.contextmanager
def taken_port(kind, address="0.0.0.0"):
    """A port that somebody has."""
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind((address, 0))
        if kind == socket.SOCK_STREAM:
            holder.listen()
        yield holder.getsockname()[1]


def _run_test(function):
    folder = tempfile.mkdtemp(prefix="belfry-cli-")
    os.chmod(folder, 0o755)
    os.chdir(folder)
    try:
        function()
    except Skipped as why:
        return f"skipped ({why})"
    except Exception:
        return traceback.format_exc()
    finally:
        os.chdir("/")
        shutil.rmtree(folder, ignore_errors=True)
    return None


def main():
    if not os.access(BELFRY, os.X_OK):
        sys.exit(f"no program at {BELFRY}: build it, or set BELFRY_BIN")
    wanted = sys.argv[1:]
    failed = ran = 0
    for function in _tests:
        if wanted and function.__name__ not in wanted:
            continue
        ran += 1
        started = time.monotonic()
        said = _run_test(function)
        name = f"{function.__name__.replace('_', ' ')} ({time.monotonic() - started:.1f} s)"
        if said and not said.startswith("skipped"):
            failed += 1
            print(f"FAILED  {name}\n{said}", flush=True)
        else:
            print(f"ok      {name}{': ' + said if said else ''}", flush=True)
    print(f"{ran - failed} of {ran} passed", flush=True)
    sys.exit(1 if failed or not ran else 0)
