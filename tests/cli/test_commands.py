#!/usr/bin/python3
"""The commands, their help, their exit statuses, and what is said to somebody who mistypes."""

import subprocess

import cli
from cli import check, check_equal, check_in, run, test

COMMANDS = ("run", "config", "doctor", "db", "token", "version")


@test
def without_a_command_it_shows_how_it_is_used_and_fails():
    result = run().exits(2, "usage: belfry COMMAND", "Exit status:")
    check_equal(result.out, "", "standard output")
    for name in COMMANDS:
        check_in(f"\n  {name} ", result.err)


@test
def help_is_no_error():
    wanted = run("help").exits(0, "usage: belfry COMMAND").out
    for flag in ("--help", "-h"):
        check_equal(run(flag).exits(0).out, wanted, f"what {flag} prints")


@test
def every_command_has_a_help_of_its_own_and_does_nothing_else_then():
    for name in COMMANDS:
        wanted = run("help", name).exits(0, f"usage: belfry {name}").out
        check(len(wanted.splitlines()) < 24, f"the help of {name} does not fit on a terminal")
        for arguments in ((name, "--help"), (name, "-h"), ("--help", name), (name, "--media.udp-port=x", "--help")):
            check_equal(run(*arguments).exits(0).out, wanted, f"what {arguments} prints")


@test
def the_version_is_one_line():
    wanted = run("version").exits(0).out
    check(wanted.startswith("belfry ") and wanted.count("\n") == 1, wanted)
    for flag in ("--version", "-V"):
        check_equal(run(flag).exits(0).out, wanted, f"what {flag} prints")


@test
def version_and_token_need_no_good_configuration():
    broken = {"BELFRY_NO_SUCH_THING": "1", "PORT": "x"}
    run("version", env=broken).exits(0)
    run("token", "keygen", "k", env=broken).exits(0)
    run("token", "sign", "k", "room=demo", env=broken).exits(0)


@test
def an_unknown_command_is_refused_with_a_suggestion():
    run("rnu").exits(2, "unknown command 'rnu' (did you mean 'run'?)", "usage:")
    run("confg").exits(2, "(did you mean 'config'?)")
    run("help", "docter").exits(2, "(did you mean 'doctor'?)")
    result = run("frobnicate").exits(2, "unknown command 'frobnicate'\n")
    check("did you mean" not in result.err, result.said)


@test
def an_unknown_flag_is_refused_with_a_suggestion():
    run("run", "--media.udp-prot=7100").exits(2, "unknown flag --media.udp_prot (did you mean --media.udp_port?)")
    run("run", "--http.listne=127.0.0.1:0").exits(2, "(did you mean --http.listen?)")
    run("run", "--zzz=1").exits(2, "belfry: unknown flag --zzz\n")
    run("run", "-x").exits(2, "belfry: unknown flag -x\n")
    run("run", "--").exits(2, "unknown flag --")


@test
def a_flag_without_its_value_is_refused():
    run("run", "--media.udp-port").exits(2, "--media.udp_port: needs a value: --media.udp_port=...")
    run("run", "--media.udp-port", "7100").exits(2, "--media.udp_port: needs a value")
    run("run", "--config").exits(2, "--config: needs a value: --config=FILE")
    run("run", "--config=").exits(2, "--config: needs a value: --config=FILE")
    run("run", "--config", "belfry.yaml").exits(2, "--config: needs a value: --config=FILE")
    run("run", "--io").exits(2, "--media.io: needs a value")
    run("run", "--io=epol").exits(2, "--media.io: 'epol' is none of auto,uring,epoll")


@test
def flags_may_stand_before_the_command():
    run("--log.level=loud", "config", "check").exits(2, "--log.level: 'loud' is none of")
    run("--log.level=debug", "config", "check").exits(0, "The configuration is good.")


@test
def the_last_of_two_equal_flags_counts():
    run("config", "print", "--media.udp-port=7200", "--media.udp-port=7300").exits(0, "udp_port: 7300\n")
    run("config", "print", "--io=uring", "--io=epoll").exits(0, 'io: "epoll"\n')


@test
def words_too_many_are_refused():
    for arguments in (("run", "now"), ("doctor", "please"), ("version", "2"), ("config", "check", "twice")):
        run(*arguments).exits(2, f"{arguments[0]}: what is '{arguments[-1]}'?", f"belfry {arguments[0]} --help")
    run("config").exits(2, "config wants `check` or `print`")
    run("config", "show").exits(2, "config wants `check` or `print`")
    run("version", "--log.level=debug").exits(2, "version takes no flags")
    run("token", "keygen", "k", "--config=x").exits(2, "token takes no flags")


@test
def hundreds_of_arguments_do_no_harm():
    run("config", "print", *["--media.udp-port=7200"] * 500).exits(0, "udp_port: 7200\n")
    run("run", *["x"] * 500).exits(2, "run: what is 'x'?")
    run("config", "check", "--" + "x" * 100000).exits(2, "unknown flag")


@test
def output_that_cannot_be_written_is_a_failure():
    for arguments in (["config", "print"], ["version"], ["help"]):
        with open("/dev/full", "wb") as full:
            process = subprocess.run(
                [cli.BELFRY, *arguments], env=cli.environment(), stdout=full, stderr=subprocess.PIPE, timeout=20
            )
        check_equal(process.returncode, 1, f"the exit status of {arguments}")
        check_in("No space left", process.stderr.decode())


cli.main()
