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


cli.main()
