#!/usr/bin/python3
"""The configuration: what is refused and how it is said, what overrides what, and that it prints as it loads."""

import os

import cli
from cli import as_nobody, check, check_equal, check_in, keygen, run, test, write


def refused(text, *parts):
    """`config check` and `run` refuse a file of `text` with all of `parts`."""
    write("belfry.yaml", text)
    for arguments in (("config", "check"), ("run",), ("doctor",)):
        run(*arguments, "--config=belfry.yaml").exits(2, *parts)


def printed(*arguments, env=None):
    return run("config", "print", *arguments, env=env).exits(0).out


@test
def an_unknown_key_is_refused_with_file_line_and_suggestion():
    refused("media:\n  tcp: true\n  udp_prot: 7100\n", "belfry.yaml:3: unknown key 'udp_prot'", "did you mean 'udp_port'?")
    refused("# ports\n\nmedai:\n  udp_port: 7100\n", "belfry.yaml:3: unknown key 'medai' (did you mean 'media'?)")
    refused("http:\n  udp_port: 7100\n", "belfry.yaml:2: unknown key 'udp_port' in 'http' (did you mean 'media.udp_port'?)")
    refused("udp_port: 7100\n", "belfry.yaml:1: unknown key 'udp_port' (did you mean 'media.udp_port'?)")


@test
def values_are_refused_with_file_and_line_and_all_at_once():
    refused(
        "media:\n  udp_port: 70000\n  workers: -1\nlog:\n  level: loud\n",
        "belfry: belfry.yaml:2: media.udp_port: 70000 is not within 0..65535\n",
        "belfry: belfry.yaml:3: media.workers: '-1' is not a whole number\n",
        "belfry: belfry.yaml:5: log.level: 'loud' is none of debug,info,warn,error\n",
    )
    refused("media:\n  tcp: maybe\n", "belfry.yaml:2: media.tcp: 'maybe' is neither true nor false")
    refused("media:\n  udp_port: 1\n  udp_port: 2\n", "belfry.yaml:3: 'udp_port' is given twice")


@test
def a_file_that_is_no_configuration_is_refused():
    refused("media\n", "belfry.yaml", "'key: value' lines expected")
    refused("media: [1, 2]\n", "belfry.yaml:1", "'media'")
    refused("media:\n\tudp_port: 1\n", "belfry.yaml:1: ")
    refused("media:\n  announced: 192.0.2.1\n", "belfry.yaml:2", "'announced': a list expected")
    refused(b"\xff\xfe\xfd", "belfry.yaml")
    refused(b"\x7fELF\0\0\0", "belfry.yaml: holds a NUL byte")
    refused("#" * 2_000_000, "belfry.yaml: File too large")
    for text in ("", "# nothing\n", "media:\n  # udp_port: 7100\n"):
        run("config", "check", "--config=" + write("belfry.yaml", text)).exits(0, "The configuration is good.")


@test
def a_file_that_cannot_be_read_is_named_with_the_cause():
    run("config", "check", "--config=/nonexistent/belfry.yaml").exits(
        2, "belfry: /nonexistent/belfry.yaml: No such file or directory\n"
    )
    os.mkdir("folder")
    run("config", "check", "--config=folder").exits(2, "belfry: folder: Is a directory\n")
    os.chmod(write("secret.yaml", ""), 0)
    run("config", "check", "--config=secret.yaml", **as_nobody()).exits(2, "belfry: secret.yaml: Permission denied\n")


@test
def an_unknown_variable_is_refused_with_a_suggestion():
    run("run", env={"BELFRY_MEDIA_UDP_PROT": "1"}).exits(
        2, "unknown variable BELFRY_MEDIA_UDP_PROT (did you mean BELFRY_MEDIA_UDP_PORT?)"
    )
    run("run", env={"BELFRY_": ""}).exits(2, "unknown variable BELFRY_\n")
    run("run", env={"BELFRY_LOG_LEVEL": "loud"}).exits(2, "BELFRY_LOG_LEVEL: 'loud' is none of")
    run("run", env={"BELFRY_HTTP_TRUST_PROXY": ""}).exits(2, "BELFRY_HTTP_TRUST_PROXY: ")
    run("run", env={"BELFRY_LOG_LEVEL": "in\nfo"}).exits(2, "BELFRY_LOG_LEVEL: holds a control character")


@test
def flags_out_of_range_are_refused():
    for flag, said in (
        ("--media.udp-port=65536", "65536 is not within 0..65535"),
        ("--media.udp-port=99999999999999999999", "is not within 0..65535"),
        ("--media.udp-port=0x10", "'0x10' is not a whole number"),
        ("--media.udp-port=", "'' is not a whole number"),
        ("--media.workers=257", "257 is not within 0..256"),
        ("--media.cache-mib=0", "0 is not within 1..65536"),
        ("--http.connection-count-max=0", "0 is not within"),
        ("--http.listen=localhost:7008", "'localhost:7008' is not an IP address and port"),
        ("--http.listen=7008", "is not an IP address and port, as 0.0.0.0:7008"),
        ("--http.listen=127.0.0.1:65536", "is not an IP address and port"),
        ("--http.public-url=example.org", "is not of the form https://host"),
        ("--http.origins=https://a/b", "is not of the form https://host"),
        ("--http.tls-cert=/dev/null", "both or neither"),
        ("--media.announced=example.org", "'example.org' is not an IP address"),
        ("--media.announced=0.0.0.0", "cannot be reached by anybody"),
        ("--media.srtp-profiles=NULL", "'NULL' is none of"),
        ("--media.srtp-engine=srtp", "'srtp' is none of auto,ipsec-mb,openssl,libsrtp2"),
        ("--media.udp-port=65535 --media.workers=2", "go past 65535"),
        ("--media.udp-port=7008 --media.workers=1", "port 7008 is one of the media ports"),
        ("--rtc.ice-servers=example.org", "is not stun:host or turn:host"),
        ("--rtc.ice-servers=turn:example.org", "needs rtc.turn_secret"),
        ("--rtc.join-keys=/nonexistent.pem", "rtc.join_keys: /nonexistent.pem: No such file"),
        ("--log.format=xml", "'xml' is none of logfmt,json"),
    ):
        run("run", *flag.split()).exits(2, said)


@test
def the_later_source_overrides_the_earlier():
    write("belfry.yaml", "media:\n  udp_port: 7201\n  workers: 2\n  cache_mib: 20\n")
    file, env, flag = "--config=belfry.yaml", {"BELFRY_MEDIA_UDP_PORT": "7301", "BELFRY_MEDIA_WORKERS": "3"}, "--media.udp-port=7401"
    check_in("udp_port: 7100\n", printed())
    check_in("udp_port: 7201\n", printed(file))
    check_in("udp_port: 7301\n", printed(file, env=env))
    both = printed(flag, file, env=env)
    check_in("udp_port: 7401\n", both)
    check_in("workers: 3\n", both)
    check_in("cache_mib: 20\n", both)
    check_in("udp_port: 7402\n", printed("--media.udp_port=7402"))  # an underscore does as well


@test
def the_variable_port_sets_the_port_alone_and_a_flag_overrides_it():
    write("belfry.yaml", 'http:\n  listen: "[::1]:7200"\n')
    check_in('listen: "127.0.0.1:9000"\n', printed(env={"PORT": "9000"}))
    check_in('listen: "[::1]:9000"\n', printed("--config=belfry.yaml", env={"PORT": "9000"}))
    variables = {"BELFRY_HTTP_LISTEN": "127.0.0.2:7300", "PORT": "9000"}
    check_in('listen: "127.0.0.2:9000"\n', printed("--config=belfry.yaml", env=variables))
    check_in('listen: "127.0.0.3:7400"\n', printed("--http.listen=127.0.0.3:7400", env=variables))
    check_in('listen: "127.0.0.1:7008"\n', printed(env={"PORT": ""}))
    for wrong in ("65536", "-1", "http", "70 08"):
        run("run", env={"PORT": wrong}).exits(2, f"PORT: '{wrong}' is not a port")


@test
def what_is_printed_loads_again_and_is_the_same():
    keys = [keygen("a b")[1], keygen("c'\"#: é")[1]]
    flags = [
        "--http.listen=[::]:7200",
        "--http.public-url=https://example.org",
        "--http.origins=https://a.example,http://b.example:8080",
        "--http.trust-proxy=yes",
        "--media.udp-port=7300",
        "--media.tcp=off",
        "--media.announced=192.0.2.1,2001:db8::1",
        "--media.workers=3",
        "--io=epoll",
        "--media.srtp-profiles=AES_CM_128_HMAC_SHA1_80",
        "--media.srtp-engine=openssl",
        "--rtc.join-keys=" + ",".join(keys),
        "--rtc.ice-servers=stun:example.org:3478",
        "--log.format=json",
        "--log.level=warn",
    ]
    for chosen in ([], flags):
        text = printed(*chosen)
        check_equal(printed("--config=" + write("printed.yaml", text)), text, "what is printed of what was printed")
        run("config", "check", "--config=printed.yaml").exits(0)
    # What was given is there, and nothing of it as it is by default.
    check_equal(len(set(text.splitlines()) - set(printed().splitlines())) >= len(flags), True, text)


@test
def secrets_are_not_printed():
    text = printed("--rtc.turn-secret=hunter2", "--rtc.ice-servers=turn:example.org")
    check("hunter2" not in text, text)
    check_in("# turn_secret: [redacted]", text)


@test
def check_refuses_what_run_would_refuse():
    _, public = keygen("join")
    run("config", "check", "--http.listen=0.0.0.0:7008").exits(2, "rtc.join_keys is empty", "belfry token keygen")
    run("config", "check", "--http.listen=0.0.0.0:7008", f"--rtc.join-keys={public}").exits(0)
    run("config", "check", "--rtc.join-keys=join").exits(2, "join: holds a private key; configure the public one")
    write("garbage.pem", "garbage")
    run("config", "check", "--rtc.join-keys=garbage.pem").exits(2, "garbage.pem: holds no public key in PEM")
    run("config", "check", "--http.tls-cert=garbage.pem", "--http.tls-key=join").exits(2, "garbage.pem: holds no certificate")


cli.main()
