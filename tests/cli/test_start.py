#!/usr/bin/python3
"""Starting, not starting, and ending."""

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import time

import cli
from cli import Server, WebSocket, as_nobody, check, check_equal, check_in, keygen, run, taken_port, test, until, write


@test
def it_serves_this_machine_without_any_setting_but_ports():
    with Server() as server:
        check_equal(server.host, "127.0.0.1", "the host in the URL")
        check_equal(server.request("GET", "/").status, 200, "the console")
        check_in('event="open development mode"', server.log)


@test
def it_refuses_other_hosts_without_join_keys_and_says_what_to_do():
    for address in ("0.0.0.0:0", "[::]:0"):
        run("run", f"--http.listen={address}", "--media.udp-port=0").exits(
            1,
            f"belfry: cannot start: http.listen is {address}, which other hosts can reach, but rtc.join_keys is empty",
            "`belfry token keygen`",
            "or listen on 127.0.0.1",
        )


@test
def it_serves_other_hosts_with_join_keys():
    _, public = keygen()
    ports = ("--http.listen=0.0.0.0:0", "--media.udp-port=0", "--media.workers=1")
    with Server(f"--rtc.join-keys={public}", ports=ports) as server:
        check_equal(server.host, "127.0.0.1", "the host in the URL, which can be opened")
        check_in(f"address=0.0.0.0:{server.port}", server.log)
        check_equal(server.request("GET", "/health").status, 200, "the health")
        check("open development mode" not in server.log, server.log)


@test
def a_taken_http_port_is_named_with_its_holder_in_one_line():
    with taken_port(socket.SOCK_STREAM, "127.0.0.1") as port:
        result = run("run", f"--http.listen=127.0.0.1:{port}", "--media.udp-port=0").exits(1)
        why = result.err.splitlines()[-1]
        check_in("belfry: cannot start: ", why)
        check_in(f"127.0.0.1:{port}: Address already in use", why)
        check_in(f"pid {os.getpid()})", why)


@test
def a_taken_media_port_is_named_with_its_holder_in_one_line():
    for kind, name in ((socket.SOCK_DGRAM, "UDP"), (socket.SOCK_STREAM, "TCP")):
        with taken_port(kind) as port:
            result = run("run", "--http.listen=127.0.0.1:0", f"--media.udp-port={port}", "--media.workers=1").exits(1)
            why = result.err.splitlines()[-1]
            check_in(f"belfry: cannot start: media port {port} ({name}): Address already in use", why)
            check_in(f"pid {os.getpid()})", why)


@test
def two_servers_do_not_share_ports():
    with Server() as server:
        run("run", f"--http.listen=127.0.0.1:{server.port}", "--media.udp-port=0").exits(
            1, f"taken by belfry, pid {server.process.pid})"
        )


@test
def an_address_of_somebody_else_is_refused():
    _, public = keygen()
    run("run", "--http.listen=203.0.113.254:0", "--media.udp-port=0", f"--rtc.join-keys={public}").exits(
        1, "http.listen: cannot listen on 203.0.113.254:0: Cannot assign requested address"
    )


@test
def in_json_the_reason_is_a_line_like_all_others():
    result = run("run", "--http.listen=0.0.0.0:0", "--log.format=json").exits(1)
    last = [json.loads(line) for line in result.err.splitlines()][-1]
    check_equal((last["level"], last["event"]), ("error", "cannot start"), "the last line")
    check_in("rtc.join_keys is empty", last["why"])


@test
def both_kernel_interfaces_serve():
    for io in ("epoll", "uring"):
        result = run("run", f"--io={io}", "--http.listen=0.0.0.0:0", "--media.udp-port=0")
        if io == "uring" and "event loop (media.io=uring)" in result.err:
            raise cli.Skipped("this kernel refuses io_uring")
        with Server(f"--io={io}") as server:
            check_in(f"io={io}", server.log)
            check_equal(server.request("GET", "/health/ready").status, 200, f"ready on {io}")
            check_equal(cli.join(server, "demo", "Ada"), "room:joined", f"joining on {io}")


@test
def without_io_uring_auto_falls_back_and_says_so_and_uring_does_not_start():
    with Server(preexec_fn=cli.forbid_io_uring) as server:
        check_in('event="no io_uring: running on epoll"', server.log)
        check_in("Operation not permitted", server.log)
        check_equal(server.request("GET", "/health").status, 200, "the health")
        check_in('belfry_io_backend{worker="0",backend="epoll"} 1', server.request("GET", "/metrics").text)
    run("run", *cli.ANY_PORTS, "--io=uring", preexec_fn=cli.forbid_io_uring).exits(
        1, "cannot start: event loop (media.io=uring): Operation not permitted"
    )


def without_aes():
    """Environment in which OpenSSL finds no cipher, and so no SRTP engine can work but libsrtp2."""
    write("openssl.cnf", "openssl_conf = start\n[start]\nalg_section = algorithms\n[algorithms]\ndefault_properties = fips=yes\n")
    return {"OPENSSL_CONF": os.path.abspath("openssl.cnf")}


@test
def the_srtp_engine_in_force_is_in_the_log_and_in_the_metrics():
    for engine in ("openssl", "libsrtp2", "ipsec-mb"):
        if engine == "ipsec-mb" and "engine ipsec-mb is available" not in run("doctor", *cli.ANY_PORTS).out:
            raise cli.Skipped("this machine does not run ipsec-mb")
        with Server(f"--media.srtp-engine={engine}") as server:
            check_in(f"srtp={engine}", server.log)
            check_in(f'belfry_srtp_engine{{worker="0",engine="{engine}"}} 1', server.request("GET", "/metrics").text)


@test
def an_srtp_engine_that_this_machine_does_not_run_is_no_start():
    for engine in ("openssl", "auto"):
        run("run", *cli.ANY_PORTS, f"--media.srtp-engine={engine}", env=without_aes()).exits(
            1, "cannot start: SRTP engine openssl: OpenSSL has no AES in counter mode"
        )


@test
def sixty_four_workers_start():
    options = ("--media.workers=64", "--media.cache-mib=1", "--media.transport-count-max=16")
    with Server(*options, ports=cli.ANY_PORTS[:2]) as server:
        check_equal(server.log.count('event="media worker"'), 64, "workers in the log")
        check_in('worker="63"', server.request("GET", "/metrics").text)


@test
def it_takes_all_the_descriptors_it_may():
    def lower():
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))

    with Server(preexec_fn=lower) as server, contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(server.connect())
        check_equal(server.request("GET", "/health").status, 200, "the answer on the 101st connection")


@test
def closed_standard_streams_do_not_become_sockets():
    with taken_port(socket.SOCK_STREAM, "127.0.0.1") as port:
        pass  # free from here on
    command = [cli.BELFRY, "run", f"--http.listen=127.0.0.1:{port}", "--media.udp-port=0"]
    process = subprocess.Popen(["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command], env=cli.server_environment())
    try:
        until(lambda: _answers(port), "the server's health")
        for fd in range(3):
            check_equal(os.readlink(f"/proc/{process.pid}/fd/{fd}"), "/dev/null", f"descriptor {fd}")
        process.terminate()
        check_equal(process.wait(10), 0, "the exit status")
    finally:
        process.kill()
        process.wait()


def _answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return client.recv(12) == b"HTTP/1.1 200"
    except ConnectionRefusedError:
        return False


@test
def term_and_int_end_it_in_order_and_soon():
    for number in (signal.SIGTERM, signal.SIGINT):
        with Server() as server:
            server.stop(number)
            check_in("event=stopping", server.log)
            check_in("event=stopped", server.lines[-1])


@test
def more_signals_change_nothing():
    with Server() as server:
        for _ in range(5):
            server.process.send_signal(signal.SIGTERM)
            server.process.send_signal(signal.SIGINT)
            time.sleep(0.02)
        check_equal(server.wait(), 0, "the exit status")
        check_equal(server.log.count("event=stopping"), 1, "how often it says that it stops")


@test
def a_signal_while_it_starts_ends_it_in_order():
    for delay in (0, 0.005, 0.02, 0.05):
        with Server(waits=False) as server:
            server.wait_for_line("event=belfry")  # the first line of all
            time.sleep(delay)
            server.stop()


@test
def its_clients_do_not_hold_it_up_and_are_told():
    with Server() as server, contextlib.ExitStack() as stack:
        idle = stack.enter_context(server.connect())
        half = stack.enter_context(server.connect())
        half.sendall(b"POST /whip/demo/Ada HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nv=0")
        client = stack.enter_context(contextlib.closing(WebSocket(server.connect())))
        check_equal(client.ask("room:join", {"room": "demo", "name": "Ada"})["type"], "room:joined", "the answer")
        server.stop()
        kinds = []
        while (frame := client.receive()) is not None:
            kinds.append(frame["type"])
        check_in("server:closing", kinds, "what the client was told")
        check_equal(idle.recv(10), b"", "what an idle connection gets")


@test
def it_serves_an_ordinary_user():
    with Server(**as_nobody()) as server:
        check_equal(server.request("GET", "/health").status, 200, "the health")


cli.main()
