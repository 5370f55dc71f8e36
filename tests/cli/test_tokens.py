#!/usr/bin/python3
"""`belfry token`, and what the server makes of tokens, good and bad, by WHIP and by WebSocket."""

import base64
import hmac
import json
import os
import stat
import subprocess
import time

import cli
from cli import Server, as_nobody, check, check_equal, join, keygen, offer, run, test, write


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def claims_of(token):
    return json.loads(decode(token.split(".")[1]))


def sign(key, *words):
    return run("token", "sign", key, *words).exits(0).out.strip()


def forge(key, header, claims):
    """A token with any header and claims; `key` None: without a signature."""
    text = ".".join(encode(json.dumps(part).encode()) for part in (header, claims))
    if key is None:
        return text + "."
    der = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", key], input=text.encode(), capture_output=True, check=True, timeout=20
    ).stdout
    # SEQUENCE of two INTEGERs, each of which may have a leading zero or be short.
    r_len = der[3]
    r, s = der[4 : 4 + r_len], der[6 + r_len :]
    return f"{text}.{encode(b''.join(n.lstrip(bytes(1)).rjust(32, bytes(1)) for n in (r, s)))}"


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@test
def keygen_makes_a_pair_of_which_the_private_half_is_private():
    old = os.umask(0)
    try:
        result = run("token", "keygen", "join").exits(0, "private key: join\n", "public key:  join.pub", "rtc.join_keys")
    finally:
        os.umask(old)
    check_equal(mode("join"), 0o600, "the mode of the private key")
    check_equal(mode("join.pub"), 0o644, "the mode of the public key")
    with open("join") as private, open("join.pub") as public:
        secret = private.read()
        check(secret.startswith("-----BEGIN PRIVATE KEY-----"), "it is no private key")
        check(public.read().startswith("-----BEGIN PUBLIC KEY-----"), "it is no public key")
    check(secret.splitlines()[1] not in result.said, "the key was printed")
    cli.openssl("ec", "-in", "join", "-check", "-noout")


@test
def keygen_never_writes_over_a_file():
    keygen()
    kept = [open(name).read() for name in ("join", "join.pub")]
    run("token", "keygen", "join").exits(1, "File exists")
    check_equal([open(name).read() for name in ("join", "join.pub")], kept, "the files")
    os.unlink("join")
    run("token", "keygen", "join").exits(1, "join.pub: File exists")
    check(not os.path.exists("join"), "a private key was left behind")
    os.rename("join.pub", "join")
    run("token", "keygen", "join").exits(1, "join: File exists")
    check(not os.path.exists("join.pub"), "a public key was left behind")
    os.symlink("elsewhere", "link")
    run("token", "keygen", "link").exits(1, "link: File exists")
    check(not os.path.exists("elsewhere"), "it wrote through a link")


@test
def keygen_says_where_it_cannot_write():
    run("token", "keygen", "/nonexistent/join").exits(1, "/nonexistent/join: No such file or directory")
    os.mkdir("closed", 0o555)
    run("token", "keygen", "closed/join", **as_nobody()).exits(1, "closed/join: Permission denied")
    run("token", "keygen", "x" * 5000).exits(1, "too long")
    run("token", "keygen", "x" * 254).exits(1, "File name too long")
    for arguments in ((), ("",), ("a", "b")):
        run("token", "keygen", *arguments).exits(2, "usage: belfry token keygen FILE")


@test
def sign_makes_what_was_asked_for():
    keygen()
    now = time.time()
    claims = claims_of(sign("join", "room=demo"))
    check_equal({k: claims[k] for k in ("room", "publish", "subscribe", "data")},
                {"room": "demo", "publish": True, "subscribe": True, "data": True}, "the claims")  # fmt: skip
    check("name" not in claims and "org" not in claims, claims)
    check(abs(claims["exp"] - now - 3600) < 10 and abs(claims["iat"] - now) < 10, claims)
    token = sign("join", "room=*", "name=Ada Ä", "org=acme", "publish=no", "subscribe=yes", "data=false", "ttl=60")
    claims = claims_of(token)
    check_equal([claims[k] for k in ("room", "name", "org", "publish", "subscribe", "data")],
                ["*", "Ada Ä", "acme", False, True, False], "the claims")  # fmt: skip
    check(abs(claims["exp"] - now - 60) < 10, claims)
    check_equal(json.loads(decode(token.split(".")[0])), {"alg": "ES256", "typ": "JWT"}, "the header")


@test
def sign_refuses_what_would_not_work():
    keygen()
    for words, said in (
        ((), "wants room=NAME, or room=* for any"),
        (("name=Ada",), "wants room=NAME"),
        (("room=",), "room= wants 1 to 64 characters"),
        (("room=a/b",), "room= wants 1 to 64 characters of A-Z a-z 0-9 . _ -, or * for any room"),
        (("room=" + "x" * 65,), "room= wants"),
        (("room=a", "name="), "name= wants 1 to 64 characters of UTF-8"),
        (("room=a", "name=x\nlevel=error"), "name= wants"),
        (("room=a", "name=\x1b[31m"), "name= wants"),
        (("room=a", b"name=\xff\xfe"), "name= wants"),
        (("room=a", "org="), "org= wants 1 to 64 characters of A-Z a-z 0-9 . _ -"),
        (("room=a", "org=*"), "org= wants 1 to 64 characters of A-Z a-z 0-9 . _ -"),
        (("room=a", "publish=ture"), "publish= wants yes or no"),
        (("room=a", "publish="), "publish= wants yes or no"),
        (("room=a", "ttl=0"), "ttl= wants seconds, 1 to 315360000"),
        (("room=a", "ttl=-5"), "ttl= wants seconds"),
        (("room=a", "ttl=1h"), "ttl= wants seconds"),
        (("room=a", "ttl=9223372036854775807"), "ttl= wants seconds"),
        (("room=a", "publsh=no"), "unknown 'publsh=no' (did you mean publish=?)"),
        (("roon=a",), "unknown 'roon=a' (did you mean room=?)"),
        (("room",), "unknown 'room'"),
        (("demo",), "unknown 'demo'"),
    ):
        run("token", "sign", "join", *words).exits(2, "belfry: token sign", said)
    run("token", "sing", "join", "room=a").exits(2, "usage: belfry token keygen FILE")
    run("token", "sign").exits(2, "usage: belfry token keygen FILE")


@test
def sign_says_what_is_wrong_with_the_key():
    keygen()
    write("garbage.pem", "garbage")
    cli.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp384r1", "-out", "p384.pem")
    cli.openssl("ec", "-in", "join", "-aes256", "-passout", "pass:x", "-out", "locked.pem")
    for key, said in (
        ("/nonexistent.pem", "/nonexistent.pem: No such file or directory"),
        ("join.pub", "join.pub: holds no private key"),
        ("garbage.pem", "garbage.pem: holds no private key"),
        ("p384.pem", "p384.pem: is not a key on the curve P-256"),
        ("locked.pem", "locked.pem: holds no private key"),
        (".", ".: cannot be read"),
    ):
        run("token", "sign", key, "room=a").exits(1, f"belfry: {said}")
    run("token", "sign", "join", "room=a", **as_nobody()).exits(1, "join: Permission denied")


@test
def the_server_takes_good_tokens_and_refuses_bad_ones():
    key, public = keygen("ours")
    stranger, _ = keygen("theirs")
    header, now = {"alg": "ES256", "typ": "JWT"}, int(time.time())
    good = {"room": "demo", "exp": now + 60}
    head, claims, signature = sign(key, "room=demo").split(".")
    other_claims = encode(json.dumps({"room": "demo", "exp": now + 9999}).encode())
    with open(public, "rb") as file:
        secret = file.read()
    mixed_up = f"{encode(json.dumps({'alg': 'HS256'}).encode())}.{claims}"
    mixed_up += "." + encode(hmac.digest(secret, mixed_up.encode(), "sha256"))
    cases = (
        ("a good token", sign(key, "room=demo"), 201, "room:joined"),
        ("one for any room", sign(key, "room=*"), 201, "room:joined"),
        ("one made elsewhere", forge(key, header, good), 201, "room:joined"),
        ("none", None, 401, "unauthorized"),
        ("garbage", "garbage", 401, "unauthorized"),
        ("dots", "..", 401, "unauthorized"),
        ("a very long one", "x" * 5000, 401, "bad_request"),
        ("an expired one", forge(key, header, good | {"exp": now - 60}), 401, "unauthorized"),
        ("one that never expires", forge(key, header, {"room": "demo"}), 401, "unauthorized"),
        ("one from the future", forge(key, header, good | {"nbf": now + 600}), 401, "unauthorized"),
        ("one of another key", sign(stranger, "room=demo"), 401, "unauthorized"),
        ("one of alg none", forge(None, {"alg": "none"}, good), 401, "unauthorized"),
        ("alg none with a good signature", forge(key, {"alg": "none"}, good), 401, "unauthorized"),
        ("the public key as HMAC secret", mixed_up, 401, "unauthorized"),
        ("a signature cut off", f"{head}.{claims}.", 401, "unauthorized"),
        ("a signature of other claims", f"{head}.{other_claims}.{signature}", 401, "unauthorized"),
        ("one for another room", sign(key, "room=other"), 403, "forbidden"),
    )
    with Server(f"--rtc.join-keys={public}") as server:
        for number, (what, token, status, code) in enumerate(cases):
            answer = server.request("POST", f"/whip/demo/Ada{number}", offer(), {"Content-Type": "application/sdp"}, token)
            check_equal(answer.status, status, f"the status of WHIP with {what} ({answer.text[:200]})")
            if status >= 400:
                check_equal(answer.headers.get_content_type(), "application/problem+json", f"the answer to {what}")
            if status == 401:
                check(answer.headers["WWW-Authenticate"].startswith("Bearer"), f"no WWW-Authenticate for {what}")
            check_equal(join(server, "demo", "Bob", token), code, f"the answer of the WebSocket to {what}")
        listener = sign(key, "room=demo", "publish=no")
        answer = server.request("POST", "/whip/demo/Eve", offer(), {"Content-Type": "application/sdp"}, listener)
        check_equal(answer.status, 403, "the status of WHIP without the right to publish")
        check_equal(join(server, "demo", "Eve", listener), "room:joined", "joining without the right to publish")


@test
def budgets_of_rooms_and_organizations_refuse_joins():
    key, public = keygen()
    sdp = {"Content-Type": "application/sdp"}
    for key_name in ("room-packets-max", "room-kbps-max", "org-packets-max", "org-kbps-max"):
        flag = f"--media.{key_name}=100"
        with Server(f"--rtc.join-keys={public}", "--media.workers=1", flag) as server:
            token = sign(key, "room=*", "org=acme")
            check_equal(server.request("POST", "/whip/demo/Ada", offer(), sdp, token).status, 201, f"WHIP with {flag}")
            check_equal(join(server, "demo", "Bob", token), "busy", f"a join of the same room with {flag}")
            check_equal(join(server, "lobby", "Bob", token), "room:joined", f"a join of an empty room with {flag}")
            # the same name, but nobody is there
            check_equal(join(server, "demo", "Bob", sign(key, "room=demo")), "room:joined", f"another's room with {flag}")


cli.main()
