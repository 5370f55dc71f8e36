#!/usr/bin/python3
"""HTTPS: pages and WebSockets with a certificate of one's own, and what comes of bad files and of clients without TLS."""

import contextlib
import http.client
import os
import signal
import ssl
import subprocess

import cli
from cli import Server, WebSocket, as_nobody, check, check_equal, check_in, openssl, run, test, write


def make_certificate(name="cert.pem", key="key.pem"):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
            "-keyout", key, "-out", name, "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")  # fmt: skip


@contextlib.contextmanager
def tls_server(*options, **more):
    make_certificate()
    with Server("--http.tls-cert=cert.pem", "--http.tls-key=key.pem", *options, **more) as server:
        check(server.url.startswith("https://127.0.0.1:"), server.url)
        yield server


def secure(server, **context_options):
    """A connection over TLS that has checked the certificate."""
    context = ssl.create_default_context(cafile="cert.pem")
    for name, value in context_options.items():
        setattr(context, name, value)
    return context.wrap_socket(server.connect(), server_hostname="localhost")


def curl(*arguments):
    return subprocess.run(["curl", "-sS", "--max-time", "10", *arguments], capture_output=True, text=True, timeout=20)


@test
def curl_gets_the_page_and_checks_the_certificate():
    with tls_server() as server:
        page = curl("--cacert", "cert.pem", "-w", "%{http_code}", f"{server.url}/")
        check_equal(page.returncode, 0, f"curl's exit status ({page.stderr})")
        check(page.stdout.endswith("200") and "<html" in page.stdout, page.stdout)
        check(curl(f"{server.url}/").returncode == 60, "curl took a certificate it does not know")


@test
def a_websocket_works_over_tls():
    for io in ("epoll", "auto"):
        with tls_server(f"--io={io}") as server, contextlib.closing(WebSocket(secure(server))) as client:
            check_equal(client.status, 101, "the answer to the upgrade")
            check_equal(client.ask("room:join", {"room": "demo", "name": "Ada"})["type"], "room:joined", "the answer")


@test
def old_versions_and_other_protocols_are_refused():
    with tls_server() as server:
        for version, wanted in (("TLSv1_2", "TLSv1.2"), ("TLSv1_3", "TLSv1.3")):
            version = ssl.TLSVersion[version]
            with secure(server, minimum_version=version, maximum_version=version) as stream:
                check_equal(stream.version(), wanted, "the version")
        context = ssl.create_default_context(cafile="cert.pem")
        context.set_alpn_protocols(["h2"])
        try:
            context.wrap_socket(server.connect(), server_hostname="localhost").close()
            raise AssertionError("it took a client that speaks HTTP/2 only")
        except ssl.SSLError:
            pass
        old = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20,
        )  # fmt: skip
        check("BEGIN CERTIFICATE" not in old.stdout, "it speaks TLS 1.1")


@test
def without_tls_a_client_is_let_go_at_once_and_the_server_goes_on():
    with tls_server() as server:
        for request in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\0" * 1000, b"\x16\x03\x01\xff\xff" + b"x" * 70000):
            with server.connect() as stream:
                with contextlib.suppress(ConnectionError):
                    stream.sendall(request)
                answer = b""
                with contextlib.suppress(ConnectionResetError):
                    while data := stream.recv(4096):
                        answer += data
                check(not answer or answer[0] == 0x15, f"something else than an alert: {answer!r}")
        check(curl(f"http://127.0.0.1:{server.port}/").returncode in (1, 52, 56), "curl got an answer without TLS")
        check_equal(curl("--cacert", "cert.pem", f"{server.url}/health/live").returncode, 0, "curl's exit status")


@test
def tls_to_the_plain_port_ends():
    with Server() as server:
        context = ssl.create_default_context()
        try:
            context.wrap_socket(server.connect(), server_hostname="localhost").close()
            raise AssertionError("a handshake with a server without TLS")
        except (ssl.SSLError, ConnectionError):
            pass
        check_equal(server.request("GET", "/health").status, 200, "the health")


@test
def a_stranded_handshake_does_not_hold_up_the_end():
    with tls_server() as server:
        with server.connect() as nothing_said, server.connect() as half, secure(server) as idle:
            half.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
            server.stop()
            del nothing_said, idle


@test
def bad_files_are_refused_by_name():
    make_certificate()
    make_certificate("other.pem", "other-key.pem")
    openssl("ec", "-in", "key.pem", "-aes256", "-passout", "pass:x", "-out", "locked.pem")
    write("garbage.pem", "garbage")
    write("empty.pem", "")
    os.mkdir("folder")
    for cert, key, said in (
        ("cert.pem", "other-key.pem", "other-key.pem: is not the key of the certificate"),
        ("cert.pem", "garbage.pem", "garbage.pem: holds no private key in PEM"),
        ("cert.pem", "empty.pem", "empty.pem: holds no private key in PEM"),
        ("cert.pem", "cert.pem", "cert.pem: holds no private key in PEM"),
        ("cert.pem", "locked.pem", "locked.pem: holds no private key in PEM, or one with a passphrase"),
        ("cert.pem", "folder", "folder: holds no private key"),
        ("garbage.pem", "key.pem", "garbage.pem: holds no certificate in PEM"),
        ("empty.pem", "key.pem", "empty.pem: holds no certificate in PEM"),
        ("key.pem", "key.pem", "key.pem: holds no certificate in PEM"),
    ):
        result = run("run", *cli.ANY_PORTS, f"--http.tls-cert={cert}", f"--http.tls-key={key}").exits(1)
        check_in(f"belfry: cannot start: {said}", result.err.splitlines()[-1])
    run("run", "--http.tls-cert=none.pem", "--http.tls-key=key.pem").exits(2, "http.tls_cert: none.pem: No such file")
    run("run", "--http.tls-cert=cert.pem").exits(2, "http.tls_cert and http.tls_key: both or neither")
    os.chmod("key.pem", 0)
    run("run", "--http.tls-cert=cert.pem", "--http.tls-key=key.pem", **as_nobody()).exits(
        2, "http.tls_key: key.pem: Permission denied"
    )


@test
def a_request_and_its_answer_pass_whole():
    with tls_server() as server:
        connection = http.client.HTTPSConnection(
            "localhost", server.port, timeout=10, context=ssl.create_default_context(cafile="cert.pem")
        )
        for _ in range(3):  # on one connection
            connection.request("GET", "/belfry.js")
            response = connection.getresponse()
            body = response.read()
            check_equal((response.status, len(body)), (200, int(response.headers["Content-Length"])), "the SDK")
        connection.close()


@test
def a_new_certificate_is_taken_on_sighup_and_connections_go_on():
    with tls_server() as server:
        first = open("cert.pem", "rb").read()
        kept = http.client.HTTPSConnection("localhost", server.port, timeout=10, context=ssl.create_default_context(cafile="cert.pem"))
        kept.request("GET", "/health")
        check_equal(kept.getresponse().read()[:1], b"{", "an answer before it")
        write("cert.pem", "no certificate")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_line("the certificate stays as it was")
        check_equal(ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", server.port))), ssl.PEM_cert_to_DER_cert(first.decode()), "the certificate then")
        make_certificate()
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_line("certificate read")
        with secure(server) as stream:  # which trusts the new one alone
            check(stream.getpeercert(), "no certificate")
        kept.request("GET", "/health")
        check_equal(kept.getresponse().status, 200, "the connection of before")
        kept.close()
    with Server() as server:
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_line("nothing to reload")


cli.main()
