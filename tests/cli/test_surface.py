#!/usr/bin/python3
"""What the server does for and against everybody who asks: limits, fields that keep browsers safe, other origins, proxies, TLS."""

import json

import cli
from cli import Server, check, check_equal, check_in, test

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


cli.main()
