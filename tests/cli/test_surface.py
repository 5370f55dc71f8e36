#!/usr/bin/python3
"""What the server does for and against everybody who asks: limits, fields that keep browsers safe, other origins, proxies, TLS."""

import json
import re
import socket
import ssl

import cli
from cli import Server, check, check_equal, check_in, openssl, test

ANN = {"email": "ann@acme.example", "username": "ann", "password": "correct horse battery"}


def post(server, path, body, headers=None, token=None):
    answer = server.request("POST", path, json.dumps(body), {"Content-Type": "application/json"} | (headers or {}), token)
    answer.json = json.loads(answer.text) if answer.text else None
    return answer


@test
def guessing_passwords_ends_soon_and_says_when_to_go_on():
    with Server("--limits.mode=on", "--limits.auth=4") as server:
        cli.until(lambda: post(server, "/api/auth/register", ANN).status != 503, "the database")
        answers = [post(server, "/api/auth/login", {"login": "ann", "password": f"wrong {i}"}) for i in range(6)]
        check_equal(answers[0].status, 401, answers[0].text)
        last = answers[-1]
        check_equal((last.status, last.json["code"]), (429, "rate_limited"), "the last answer")
        check_equal(last.getheader("Content-Type"), "application/problem+json", "its type")
        check(0 < int(last.getheader("Retry-After")) <= 225, last.getheader("Retry-After"))
        check_equal(last.getheader("RateLimit-Policy"), '"auth";q=4;w=900', "the policy")
        # the rest goes on
        check_equal(server.request("GET", "/").status, 200, "the page")
        for _ in range(200):
            check_equal(server.request("GET", "/health/live").status, 200, "the health")
        check_in("belfry_http_limited_total ", server.request("GET", "/metrics").text, "the metrics")


@test
def the_hundred_and_first_request_without_a_token_is_refused():
    with Server("--limits.mode=on") as server:
        statuses = [server.request("GET", "/api/auth/me").status for _ in range(101)]
        check_equal(statuses, [401] * 100 + [429], "the answers")
    with Server(env={"RATE_LIMIT_WINDOW_MS": "60000", "RATE_LIMIT_MAX_REQUESTS": "2", "BELFRY_LIMITS_MODE": "on"}) as server:
        answers = [server.request("GET", "/api/auth/me") for _ in range(3)]
        check_equal([answer.status for answer in answers], [401, 401, 429], "the answers")
        check_equal(answers[0].getheader("RateLimit-Policy"), '"anonymous";q=2;w=60', "the policy")


@test
def the_page_comes_with_what_keeps_it_safe():
    with Server() as server:
        page = server.request("GET", "/")
        names = {name.lower() for name, _ in page.getheaders()}
        safe = names - {"date", "content-length", "content-type", "etag", "vary", "x-request-id"}
        check(len(safe) >= 15, f"{len(safe)}: {sorted(safe)}")
        check("server" not in names and "x-powered-by" not in names, names)
        check("unsafe" not in page.getheader("Content-Security-Policy"), page.getheader("Content-Security-Policy"))
        check("<style" not in page.text and "style=" not in page.text and "<script>" not in page.text, "inline parts in the page")
        check_equal(server.request("GET", "/api/auth/me").getheader("Cache-Control"), "no-store", "caching of the API")


@test
def a_listed_origin_may_ask_and_another_may_not():
    with Server("--http.origins=https://app.example") as server:
        ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
        good = server.request("OPTIONS", "/api/auth/login", headers=ask | {"Origin": "https://app.example"})
        check_equal(good.status, 204, "a preflight")
        check_equal(good.getheader("Access-Control-Allow-Origin"), "https://app.example", "the origin")
        check_in("POST", good.getheader("Access-Control-Allow-Methods"), "the methods")
        for origin in ("https://evil.example", "null", "http://app.example", "https://app.example:8443"):
            bad = server.request("OPTIONS", "/api/auth/login", headers=ask | {"Origin": origin})
            check_equal(bad.getheader("Access-Control-Allow-Origin"), None, origin)
            answer = post(server, "/api/auth/login", {}, {"Origin": origin})
            check_equal(answer.getheader("Access-Control-Allow-Origin"), None, origin)
    with Server(env={"CORS_ORIGIN": "https://app.example"}) as server:
        answer = post(server, "/api/auth/login", {}, {"Origin": "https://app.example"})
        check_equal(answer.getheader("Access-Control-Allow-Origin"), "https://app.example", "by CORS_ORIGIN")


@test
def a_request_is_found_in_the_log_by_its_name():
    with Server("--log.level=debug", "--http.trusted-proxies=127.0.0.1") as server:
        answer = server.request("GET", "/api/auth/me", headers={"X-Request-Id": "from-the-proxy"})
        check_equal(answer.getheader("X-Request-Id"), "from-the-proxy", "the name")
        check_equal(json.loads(answer.text)["request_id"], "from-the-proxy", "in the problem")
        server.wait_for_line("request_id=from-the-proxy")
        for bad in ("a b", "a" * 65, 'a"b'):
            check(server.request("GET", "/health", headers={"X-Request-Id": bad}).getheader("X-Request-Id") != bad, bad)


@test
def in_production_plain_http_on_a_network_is_refused():
    cli.keygen()
    more = ("--rtc.join-keys=join.pub", "--server.profile=production", "--media.udp-port=0", "--media.workers=1")
    cli.run("run", "--http.listen=0.0.0.0:0", *more).exits(2, "would be plain HTTP on a network, in production: set http.tls_cert")
    with Server(ports=("--http.listen=0.0.0.0:0", "--http.trusted-proxies=127.0.0.1", *more)):
        pass
    with Server("--server.profile=production"):
        pass


@test
def ten_mebibytes_and_one_byte_are_too_long():
    with Server() as server, server.connect() as stream:
        stream.sendall(b"POST /api/auth/logout HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10485761\r\n\r\n")
        check(stream.recv(100).startswith(b"HTTP/1.1 413 "), "it did not refuse")
    with Server("--http.body-max-kib=20480") as server, server.connect() as stream:
        stream.sendall(b"POST /api/auth/logout HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10485761\r\n\r\n")
        check(stream.recv(100).startswith(b"HTTP/1.1 100 "), "it refused")


def make_certificate():
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
            "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost")  # fmt: skip
    return "--http.tls-cert=cert.pem", "--http.tls-key=key.pem"


def answer_to(stream, data=b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"):
    """All that comes back; what was reset before it is nothing."""
    answer = b""
    try:
        stream.sendall(data)
        while part := stream.recv(4096):
            answer += part
    except ConnectionError:
        pass
    return answer


V1 = b"PROXY TCP4 192.0.2.77 192.0.2.1 4711 443\r\n"
V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x4e\xc0\x00\x02\x01\x12\x67\x01\xbb"


@test
def a_load_balancer_says_whom_it_speaks_for_ahead_of_tls():
    tls = make_certificate()
    proxied = ("--http.proxy-protocol=true", "--http.trusted-proxies=127.0.0.1", "--log.level=debug")
    for more in ((), tls):
        with Server(*proxied, *more) as server:
            for header, client in ((V1, "192.0.2.77"), (V2, "192.0.2.78")):
                with server.connect() as stream:
                    stream.sendall(header)
                    if more:
                        context = ssl.create_default_context(cafile="cert.pem")
                        with context.wrap_socket(stream, server_hostname="localhost") as secure:
                            answer = answer_to(secure)
                    else:
                        answer = answer_to(stream)
                check(answer.startswith(b"HTTP/1.1 200 "), answer)
                check_equal(b"Strict-Transport-Security" in answer, bool(more), "HSTS")
                server.wait_for_line(f"remote={client}:4711")
            with server.connect() as stream:
                check_equal(answer_to(stream), b"", "without a header")


@test
def from_elsewhere_a_proxy_header_is_refused():
    with Server("--http.proxy-protocol=true", "--http.trusted-proxies=10.0.0.0/8") as server, server.connect() as stream:
        check_equal(answer_to(stream, V1 + b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"), b"", "the answer")
        server.wait_for_line("not one of trusted_proxies")


@test
def plain_http_is_sent_to_https():
    with Server(*make_certificate(), "--http.redirect-listen=127.0.0.1:0") as server:
        server.wait_for_line("http redirecting")
        port = int(re.search(r"http redirecting.*?127\.0\.0\.1:(\d+)", server.log)[1])
        request = "GET /rooms?a=%20b HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n"
        for host in ("localhost", "localhost:80"):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as stream:
                answer = answer_to(stream, request.format(host).encode()).decode()
            check(answer.startswith("HTTP/1.1 308 "), answer)
            check_in(f"Location: https://localhost:{server.port}/rooms?a=%20b\r\n", answer)
            check("Strict-Transport-Security" not in answer, answer)
    cli.run("run", *cli.ANY_PORTS, "--http.redirect-listen=127.0.0.1:0").exits(2, "without http.tls_cert there is no https")


cli.main()
