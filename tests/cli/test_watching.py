#!/usr/bin/python3
"""What an operator sees: health, metrics and the log; and that strangers cannot write into it, nor secrets get there."""

import contextlib
import json
import re
import signal
import socket
import subprocess
import time

import cli
from cli import Server, WebSocket, check, check_equal, check_in, keygen, offer, run, test

SDP = {"Content-Type": "application/sdp"}


# ---- health ----


@test
def health_is_json_that_is_not_cached():
    version = run("version").exits(0).out.split()[1]
    with Server() as server:
        for path, status in (("/health", "ok"), ("/health/live", "live"), ("/health/ready", "ready")):
            answer = server.request("GET", path)
            check_equal(answer.status, 200, f"the status of {path}")
            check_equal(answer.headers["Cache-Control"], "no-store", f"how {path} is cached")
            body = json.loads(answer.text)
            check_equal((body["status"], body["version"]), (status, version), path)
            check(0 <= body["uptime_s"] < 60, body)
        check_equal(server.request("HEAD", "/health/ready").status, 200, "the status of HEAD")
        check_equal(server.request("POST", "/health/ready").status, 405, "the status of POST")
        check_equal(server.request("GET", "/health/nothing").status, 404, "the status of what there is not")


@test
def while_it_ends_it_is_not_ready():
    with Server() as server, server.connect() as stream:
        # Begun before the end, finished after: the only way in, as no new connection is accepted then.
        stream.sendall(b"GET /health/ready HTTP/1.1\r\nHost: x\r\n")
        time.sleep(0.1)
        server.process.send_signal(signal.SIGTERM)
        server.wait_for_line("stopping")
        stream.sendall(b"\r\n")
        answer = b""
        while data := stream.recv(4096):
            answer += data
        check_in(b"HTTP/1.1 503 ", answer, "the answer")
        check_in(b'"status":"draining"', answer.replace(b" ", b""), "the answer")
        try:
            server.connect().close()
            raise AssertionError("a connection was accepted while ending")
        except ConnectionRefusedError:
            pass
        check_equal(server.wait(), 0, "the exit status")


# ---- metrics ----

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)?\}})? (\S+)( -?\d+)?")
NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]Inf|NaN")


class Metrics:
    """A strict reader of the Prometheus text format 0.0.4."""

    def __init__(self, text):
        self.kinds, self.samples, helped, ended = {}, {}, set(), set()
        check(text.endswith("\n"), "the last line does not end")
        check("\r" not in text, "a carriage return")
        family = None
        for line in text.splitlines():
            if line.startswith("# HELP "):
                family, words = line[7:].split(" ", 1)
                check(re.fullmatch(NAME, family) and words, line)
                check(family not in helped, f"HELP twice: {line}")
                check(family not in ended, f"the family is not in one piece: {line}")
                helped.add(family)
            elif line.startswith("# TYPE "):
                name, kind = line[7:].split(" ")
                check_equal(name, family, "the name in TYPE after HELP")
                check(name not in self.kinds, f"TYPE twice: {line}")
                check(kind in ("counter", "gauge", "histogram"), line)
                self.kinds[name] = kind
            else:
                found = SAMPLE.fullmatch(line)
                check(found and NUMBER.fullmatch(found[3]), f"no valid sample: {line!r}")
                name, labels, value = found[1], found[2] or "", float(found[3])
                base = re.sub(r"_(bucket|sum|count)$", "", name) if self.kinds.get(family) == "histogram" else name
                check_equal(base, family, f"the family of {line!r}")
                check((name, labels) not in self.samples, f"twice: {line!r}")
                self.samples[name, labels] = value
                ended.add(family)
        check_equal(set(self.kinds), helped, "names with TYPE and names with HELP")
        check_equal(set(self.kinds), ended, "names with TYPE and names with samples")
        for name, kind in self.kinds.items():
            check(kind != "counter" or name.endswith("_total"), f"the counter {name} is not called _total")
            if kind == "histogram":
                self._check_histogram(name)
        for (name, labels), value in self.samples.items():
            if self.kinds.get(name) == "counter":
                check(value >= 0, f"{name}{{{labels}}} is {value}")

    def _check_histogram(self, name):
        series = {}
        for (sample, labels), value in self.samples.items():
            if sample == f"{name}_bucket":
                found = re.fullmatch(r'(.*?),?le="([^"]*)"', labels)
                check(found, f"a bucket without le: {labels}")
                series.setdefault(found[1], []).append((float(found[2]), value))
        check(series, f"the histogram {name} has no buckets")
        for labels, buckets in series.items():
            check_equal(buckets, sorted(buckets), f"the buckets of {name}, by le and by count")
            check_equal(buckets[-1], (float("inf"), self.samples[f"{name}_count", labels]), f"the last bucket of {name}")
            check((f"{name}_sum", labels) in self.samples, f"{name} has no sum")

    def total(self, name):
        values = [value for (sample, _), value in self.samples.items() if sample == name]
        check(values, f"there is no {name}")
        return sum(values)


def metrics_of(server):
    answer = server.request("GET", "/metrics")
    check_equal(answer.status, 200, "the status")
    check_equal(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8", "the media type")
    return Metrics(answer.text)


@test
def the_reader_of_metrics_finds_mistakes():
    good = '# HELP a_total A.\n# TYPE a_total counter\na_total{b="c"} 1\n'
    Metrics(good)
    for wrong in (
        good[:-1],
        good + good,
        good.replace("a_total{", "b_total{"),
        good.replace('"c"', '"c\\"'),
        good.replace(" 1\n", " one\n"),
        good.replace(" 1\n", " -1\n"),
        good.replace("_total", ""),
        good + 'a_total{b="c"} 2\n',
        good.replace("# HELP a_total A.\n", ""),
        good + "# HELP b B.\n# TYPE b gauge\n",
    ):
        try:
            Metrics(wrong)
        except AssertionError:
            continue
        raise AssertionError(f"took {wrong!r}")


@test
def metrics_are_valid_and_count():
    with Server("--media.workers=2", ports=cli.ANY_PORTS[:2]) as server:
        before = metrics_of(server)
        check_equal(before.total("belfry_http_connections"), 1, "connections")
        with contextlib.closing(WebSocket(server.connect())) as client:
            client.ask("room:join", {"room": "demo", "name": "Ada"})
            answer = server.request("POST", "/whip/demo/camera", offer(), SDP)
            check_equal(answer.status, 201, f"the status of WHIP ({answer.text})")
            check_equal(server.request("GET", "/nothing").status, 404, "the status of what there is not")
            after = metrics_of(server)
        check_equal(set(before.kinds), set(after.kinds), "the names")
        by_class = {labels: value for (name, labels), value in after.samples.items() if name == "belfry_http_requests_total"}
        check(by_class['class="2xx"'] >= 2 and by_class['class="4xx"'] == 1, by_class)


# ---- the log ----


def assert_logfmt(line):
    """Take a logfmt line apart."""
    field = r'([a-zA-Z_][a-zA-Z0-9_]*)=([^\s"=\\]+|"(?:[^"\\\x00-\x1f\x7f]|\\.)*")'
    check(re.fullmatch(rf"{field}(?: {field})*", line), f"no logfmt: {line!r}")
    return dict(re.findall(field, line))


def assert_json(line):
    """Take a JSON line apart; no name may stand in it twice."""

    def unique(pairs):
        check_equal(len({name for name, _ in pairs}), len(pairs), f"names in {line!r}")
        return dict(pairs)

    check(not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202e]", line), f"a control character in {line!r}")
    return json.loads(line, object_pairs_hook=unique)


READERS = {"logfmt": assert_logfmt, "json": assert_json}
EVIL = "x\nlevel=error event=forged \r\n{\"event\":\"forged\"}\x1b[31mred\x1b[0m\x00\u2028\u202e\x9b31m\\\"} event=forged"


# What HTTP lets through, for paths that end up in the log.
SLY = 'x" event=forged level=error \\" }{ \u202e\u2028\x9b31m\ufeff='


def percent(text):
    return "".join(f"%{byte:02X}" for byte in text.encode())


def misbehave(server):
    """Put line breaks, quotes and escape codes wherever a stranger can write something."""
    for path in (f"/{percent(SLY)}", f"/whip/demo/{percent(SLY)}", f"/{percent(EVIL)}", f"/whip/demo/{percent(EVIL)}", f"/whip/{percent(EVIL)}/Ada", f"/whep/demo/{percent('ä')}?{percent(EVIL)}"):
        server.request("POST", path, offer(), SDP)
        server.request("GET", path)
    for headers in ({"Origin": "http://x\" event=forged"}, {"User-Agent": "\x1b[31m event=forged"}, {"X-Forwarded-For": "1.2.3.4 event=forged"}, {"Content-Type": "x\x1b[31m"}):
        server.request("POST", "/whip/demo/Ada", b"v=0\r\ns=\nevent=forged\n", headers)
    server.request("GET", "/health", token=EVIL.encode("ascii", "ignore").decode().translate({c: None for c in (0, 10, 13)}))
    for raw in (
        b"GET /\x1b[31m HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x1b[31m\nevent=forged\n\n",
        b"GET / HTTP/1.1\nevent=forged\n\n",
        b"FORGED\x0blevel=error / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"FORGED / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\tevent=forged\r\n\r\n",
    ):
        with server.connect() as stream, contextlib.suppress(ConnectionResetError):
            stream.sendall(raw)
            stream.shutdown(socket.SHUT_WR)
            while stream.recv(4096):
                pass
    with contextlib.closing(WebSocket(server.connect())) as client:
        clean = EVIL.replace("\0", "")  # a NUL makes the whole message unreadable
        for data in ({"room": "demo", "name": EVIL}, {"room": "demo", "name": clean}, {"room": clean, "name": "Ada"}, {"room": EVIL, "name": "Ada"}, {"room": "demo", "name": "Ada", "token": EVIL}):
            client.ask("room:join", data)
        client.ask(EVIL, {})
        client.ask(clean, {})
        client.ask("connection:resume", {"token": clean, "last_seq": 0})
        client.ask("webrtc_offer", {"pc": "publish", "sdp": clean, "tracks": []})


@test
def nobody_writes_into_the_log():
    for form, read in READERS.items():
        with Server("--log.level=debug", f"--log.format={form}") as server:
            misbehave(server)
            check_equal(server.request("GET", "/health/live").status, 200, "the health")
            server.stop()
            for line in server.lines:
                fields = read(line)
                check(list(fields)[:3] == ["time", "level", "event"], line)
                check_in(fields["level"], ("debug", "info", "warn", "error"), f"the levels of {line!r}")
                check("forged" not in str(fields["event"]), line)
                check("forged" not in line or fields["event"] in ("http request", '"http request"'), line)
            check(len(server.lines) > 10, "nothing was logged at all")


@test
def no_secrets_get_into_the_log():
    key, public = keygen()
    token = run("token", "sign", key, "room=demo").exits(0).out.strip()
    secret = "hunter2-turn-secret"
    ice = ("--rtc.ice-servers=turn:turn.example.org:3478", f"--rtc.turn-secret={secret}")
    for form, read in READERS.items():
        with Server("--log.level=debug", f"--log.format={form}", f"--rtc.join-keys={public}", *ice) as server:
            answer = server.request("POST", "/whip/demo/camera", offer(), SDP, token)
            check_equal(answer.status, 201, f"the status of WHIP ({answer.text})")
            path = re.sub(r"^https?://[^/]+", "", answer.headers["Location"])
            fragment = {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": answer.headers["ETag"]}
            lines = "".join(f"{line}\r\n" for line in re.findall(r"^a=ice-(?:ufrag|pwd):.*(?=\r)", offer().decode(), re.M)[:2])
            server.request("PATCH", path, lines + "a=end-of-candidates\r\n", fragment, token)
            check_equal(server.request("DELETE", path, token=token).status, 200, "the status of DELETE")
            for method in ("DELETE", "OPTIONS"):
                server.request(method, path, token=token + "x")
            with contextlib.closing(WebSocket(server.connect())) as client:
                hello = client.receive()
                check_equal(hello["type"], "connection_established", "the first message")
                check_equal(client.ask("room:join", {"room": "demo", "name": "Ada", "token": token})["type"], "room:joined", "joining")
                client.ask("connection:resume", {"token": "wrong-resume-token", "last_seq": 0})
            server.stop()
            secrets = {
                "join token": token,
                "signature of the join token": token.split(".")[2],
                "TURN secret": secret,
                "resume token": hello["data"]["resume_token"],
                "resume token that was tried": "wrong-resume-token",
                "WHIP resource": path.rsplit("/", 1)[1],
                **{f"TURN credential {n}": s["credential"] for n, s in enumerate(hello["data"]["ice_servers"])},
            }
            for whose, sdp in (("client", offer().decode()), ("server", answer.text)):
                for kind in ("ufrag", "pwd"):
                    for number, value in enumerate(set(re.findall(rf"^a=ice-{kind}:(\S+)", sdp, re.M))):
                        secrets[f"{whose}'s {kind} {number}"] = value
            check(len(secrets) >= 11, secrets)
            for line in server.lines:
                fields = read(line)
                for what, value in secrets.items():
                    # Four letters of a ufrag may stand in any word: as a value of their own they may not.
                    found = value in line if len(value) > 8 else value in fields.values()
                    check(not found, f"the {what} is in the log: {line}")
            check_in("participant joined", server.log)


@test
def the_level_leaves_out_what_is_less_and_nothing_goes_to_standard_output():
    with Server("--log.level=warn", waits=False, stdout=subprocess.PIPE) as server:
        server.wait_for_line("open development mode")
        server.process.terminate()
        check_equal(server.wait(), 0, "the exit status")
        check_equal({assert_logfmt(line)["level"] for line in server.lines}, {"warn"}, "the levels in the log")
        check_equal(server.process.stdout.read(), b"", "standard output")
        server.process.stdout.close()


cli.main()
