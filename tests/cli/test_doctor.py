#!/usr/bin/python3
"""`belfry doctor`: on a good machine, and with each thing wrong that it knows of; every finding says what to do."""

import os
import re
import resource
import socket

import cli
from cli import as_nobody, check, check_equal, check_in, forbid_io_uring, keygen, openssl, run, taken_port, test, write

FREE = ("--http.listen=127.0.0.1:0", "--media.udp-port=0")


def doctor(status, *arguments, **options):
    """Its findings as (mark, subject, text), the advice under a finding being part of its text."""
    result = run("doctor", *FREE, *arguments, **options)
    check_equal(result.status, status, f"the exit status of {result.said}")
    check_equal(result.err, "", "standard error")
    findings = []
    lines = result.out.splitlines()
    for line in lines[:-2]:
        found = re.fullmatch(r"(ok|note|ERROR) +(\S+(?: \S+)*?)  +(\S.*)|(\w[\w ]*?) (\S.*)", line)
        advice = re.fullmatch(r" {22}(\S.*)", line)
        check(found or (advice and findings), f"what is {line!r}?")
        if advice:
            findings[-1][2] += "\n" + advice[1]
        else:
            findings.append([found[1], found[2], found[3]])
    errors = sum(mark == "ERROR" for mark, _, _ in findings)
    said = {0: "No problem found: the server will start.", 1: "1 problem found."}.get(errors, f"{errors} problems found.")
    check_equal(lines[-1], said, "the last line")
    check_equal(status, 1 if errors else 0, "errors and the exit status")
    return findings


def check_finding(findings, mark, subject, *parts):
    """There is a finding of that kind which says all of `parts`."""
    for found in findings:
        if found[:2] == [mark, subject] and all(part in found[2] for part in parts):
            return
    raise AssertionError(f"no {mark} about {subject} with {parts} in {findings}")


def make_certificate(*options):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=localhost", *options)  # fmt: skip
    return "--http.tls-cert=cert.pem", "--http.tls-key=key.pem"


@test
def on_a_good_machine_nothing_is_wrong():
    findings = doctor(0)
    check_finding(findings, "ok", "HTTP", "127.0.0.1:0 is free")
    check_finding(findings, "ok", "media ports", "any that are free")
    check_finding(findings, "note", "join tokens", "open development mode")
    check_finding(findings, "note", "certificate", "plain HTTP", "https://")
    check_finding(findings, "ok", "announced", "127.0.0.1")
    subjects = {subject for _, subject, _ in findings}
    check(subjects >= {"io_uring", "SRTP", "memlock", "open files", "UDP buffers"}, subjects)


@test
def a_folder_for_data_that_cannot_be_written_is_an_error():
    check_finding(doctor(0), "ok", "storage", "SQLite in data", "MiB free")
    findings = doctor(1, "--storage.folder=no/such/folder")
    check_finding(findings, "ERROR", "storage", "storage.folder no/such/folder: no/such: No such file", "may write to")
    os.makedirs("closed", exist_ok=True)
    os.chmod("closed", 0o555)
    if as_nobody() or os.getuid():
        check_finding(doctor(1, "--storage.folder=closed", **as_nobody()), "ERROR", "storage", "Permission denied")


@test
def each_srtp_engine_is_told_and_why_one_is_refused():
    findings = doctor(0)
    check_finding(findings, "ok", "SRTP", "engine libsrtp2 is available")
    check_equal(sum(subject == "SRTP" for _, subject, _ in findings), 3, "engines")
    check_equal(sum(subject == "SRTP" and "and used" in text for _, subject, text in findings), 1, "engines in use")
    findings = doctor(0, "--media.srtp-engine=openssl")
    check_finding(findings, "ok", "SRTP", "engine openssl is available, and used")
    write("openssl.cnf", "openssl_conf = start\n[start]\nalg_section = algorithms\n[algorithms]\ndefault_properties = fips=yes\n")
    broken = {"OPENSSL_CONF": os.path.abspath("openssl.cnf")}
    findings = doctor(0, "--media.srtp-engine=libsrtp2", env=broken)
    check_finding(findings, "note", "SRTP", "engine openssl: OpenSSL has no AES in counter mode")
    findings = doctor(1, "--media.srtp-engine=openssl", env=broken)
    check_finding(findings, "ERROR", "SRTP", "engine openssl: OpenSSL has no AES", "With media.srtp_engine auto")


@test
def a_free_port_is_told_for_each_worker():
    with taken_port(socket.SOCK_STREAM) as port:
        pass  # free from here on, and likely the next one too
    findings = doctor(0, f"--media.udp-port={port}", "--media.workers=1")
    check_finding(findings, "ok", "media port", f"UDP and TCP {port} are free")
    findings = doctor(0, f"--media.udp-port={port}", "--media.workers=1", "--media.tcp=no")
    check_finding(findings, "ok", "media port", f"UDP {port} is free")


@test
def taken_ports_are_named_with_their_holder():
    me = f"pid {os.getpid()}."
    with taken_port(socket.SOCK_STREAM, "127.0.0.1") as port:
        findings = doctor(1, f"--http.listen=127.0.0.1:{port}")
        check_finding(findings, "ERROR", "HTTP", f"TCP 127.0.0.1:{port}: Address already in use", me, "choose another")
    for kind, name in ((socket.SOCK_DGRAM, "UDP "), (socket.SOCK_STREAM, "TCP 0.0.0.0:")):
        with taken_port(kind) as port:
            findings = doctor(1, f"--media.udp-port={port}", "--media.workers=1")
            check_finding(findings, "ERROR", "media port", f"{name}{port}: Address already in use", me)
            check(not any(f"{port} is free" in text or f"{port} are free" in text for _, _, text in findings), findings)


@test
def who_may_not_look_is_told_the_user():
    if not as_nobody():
        raise cli.Skipped("not root")
    with taken_port(socket.SOCK_STREAM, "127.0.0.1") as port:
        findings = doctor(1, f"--http.listen=127.0.0.1:{port}", **as_nobody())
        check_finding(findings, "ERROR", "HTTP", "Taken by a process of user 0.")


@test
def it_knows_the_server_that_runs_already():
    with cli.Server() as server:
        findings = doctor(1, f"--http.listen=127.0.0.1:{server.port}")
        check_finding(findings, "ERROR", "HTTP", f"Taken by belfry, pid {server.process.pid}.", "All is well if that is the server")


@test
def a_low_port_needs_a_right():
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as file:
        if int(file.read()) < 1024:
            raise cli.Skipped("low ports are for everybody here")
    findings = doctor(1, "--http.listen=127.0.0.1:1023", **as_nobody())
    check_finding(findings, "ERROR", "HTTP", "Permission denied", "CAP_NET_BIND_SERVICE")


@test
def an_address_of_somebody_else_is_explained():
    _, public = keygen()
    findings = doctor(1, "--http.listen=203.0.113.254:0", f"--rtc.join-keys={public}")
    check_finding(findings, "ERROR", "HTTP", "Cannot assign requested address", "No interface of this host has that address.")


@test
def join_keys_are_wanted_for_other_hosts_and_read():
    _, public = keygen()
    check_finding(doctor(1, "--http.listen=0.0.0.0:0"), "ERROR", "join tokens", "rtc.join_keys is empty", "belfry token keygen")
    findings = doctor(0, "--http.listen=0.0.0.0:0", f"--rtc.join-keys={public}")
    check_finding(findings, "ok", "join tokens", "1 public key")
    check(not any("127.0.0.1" in text for _, subject, text in findings if subject == "announced"), findings)
    check_finding(doctor(1, "--rtc.join-keys=join"), "ERROR", "join tokens", "join: holds a private key")
    write("garbage.pem", "garbage")
    check_finding(doctor(1, f"--rtc.join-keys={public},garbage.pem"), "ERROR", "join tokens", "garbage.pem: holds no public key")


@test
def a_good_certificate_is_told_with_its_end():
    check_finding(doctor(0, *make_certificate("-days", "90")), "ok", "certificate", "cert.pem: good for")
    check_finding(doctor(0, *make_certificate("-days", "3")), "note", "certificate", "cert.pem: expires in", "days", "Renew it")


@test
def a_bad_certificate_is_explained():
    pair = make_certificate("-days", "90")
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", "other.pem")
    openssl("ec", "-in", "key.pem", "-aes256", "-passout", "pass:x", "-out", "locked.pem")
    write("garbage.pem", "garbage")
    for files, said in (
        (("cert.pem", "other.pem"), "other.pem: is not the key of the certificate"),
        (("cert.pem", "garbage.pem"), "garbage.pem: holds no private key in PEM"),
        (("cert.pem", "locked.pem"), "locked.pem: holds no private key in PEM, or one with a passphrase"),
        (("garbage.pem", "key.pem"), "garbage.pem: holds no certificate in PEM"),
        (("key.pem", "cert.pem"), "key.pem: holds no certificate in PEM"),
    ):
        findings = doctor(1, f"--http.tls-cert={files[0]}", f"--http.tls-key={files[1]}")
        check_finding(findings, "ERROR", "certificate", said)
    openssl("req", "-new", "-key", "key.pem", "-subj", "/CN=localhost", "-out", "request.pem")
    write("index.txt", "")
    write("ca.cnf", "[ca]\ndefault_ca=c\n[c]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n[p]\nCN=optional\n")
    write("serial", "01\n")
    openssl("ca", "-batch", "-config", "ca.cnf", "-selfsign", "-keyfile", "key.pem", "-in", "request.pem", "-out", "cert.pem",
            "-notext", "-startdate", "20200101000000Z", "-enddate", "20200201000000Z")  # fmt: skip
    check_finding(doctor(1, *pair), "ERROR", "certificate", "cert.pem: expired", "days ago", "renew it")


@test
def announced_addresses_are_looked_at():
    _, public = keygen()
    outside = ("--http.listen=0.0.0.0:0", f"--rtc.join-keys={public}")
    check_finding(doctor(0, "--media.announced=127.0.0.1"), "ok", "announced", "127.0.0.1")
    check_finding(doctor(0, *outside, "--media.announced=127.0.0.1"), "note", "announced", "this machine itself", "Clients on other hosts")
    text = [text for mark, subject, text in doctor(0, *outside, "--media.announced=198.51.100.7") if subject == "announced"][0]
    check_in("198.51.100.7 (media.announced)", text)
    check("is not an address of this host\nRight behind NAT" in text or "mistyped?" in text, text)
    check_finding(doctor(0, "--media.interfaces=198.51.100.7"), "note", "announced", "is not an address of this host", "media.announced")
    check_finding(doctor(0, "--media.interfaces=127.0.0.1"), "ok", "announced", "127.0.0.1 (media.interfaces)")


@test
def a_kernel_that_refuses_io_uring_is_explained():
    for io, status, mark in (("auto", 0, "note"), ("uring", 1, "ERROR")):
        findings = doctor(status, f"--io={io}", preexec_fn=forbid_io_uring)
        check_finding(findings, mark, "io_uring", "refused by the kernel: Operation not permitted", "seccomp", "epoll instead")
    check_finding(doctor(0, "--io=epoll", preexec_fn=forbid_io_uring), "ok", "io_uring", "not wanted")


@test
def small_limits_are_explained():
    def lower():
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))

    findings = doctor(0, preexec_fn=lower)
    check_finding(findings, "note", "open files", "limit 300 is less than http.connection_count_max (10000) needs", "LimitNOFILE")
    check_finding(findings, "note", "memlock", "limit is 64 KiB", "LimitMEMLOCK")


cli.main()
