"""What compare and soak share: a network of their own, one run of the generator against a running server, facts of the machine."""

import json
import os
import platform
import subprocess
import sys
import time

import servers

JOIN_SECONDS = 150  # what a run may take beyond its window; the generator's own waits end earlier
MEMORY_MAX = 4 << 30  # a server that queues what it cannot send would take the machine with it
LOOK_SECONDS = 0.2
OWN_NET = "BELFRY_BENCH_NET"


def enter_own_network():
    """Go on in a network namespace of our own, which has an address that is not loopback."""
    if os.environ.get(OWN_NET) != "own":
        os.environ[OWN_NET] = "own"
        how = ["unshare", "--net"] + ([] if os.getuid() == 0 else ["--user", "--map-root-user"])
        os.execvp("unshare", [*how, sys.executable, os.path.realpath(sys.argv[0]), *sys.argv[1:]])
    for command in (
        "link set lo up",
        "link add bench0 type veth peer name bench1",
        "link set bench0 addrgenmode none up",
        "link set bench1 addrgenmode none up",
        f"address add {servers.MEDIA_IP}/24 dev bench0",
    ):
        subprocess.run(["ip", *command.split()], check=True)


def add_common(parser):
    """Options of both commands."""
    root = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
    add = parser.add_argument
    add("--engine", help="SRTP engine of belfry")
    add("--belfry-args", default="", help="more settings of belfry, space separated")
    add("--bench-args", default="", help="more options of the generator, space separated")
    add("--build-dir", default=os.path.join(root, "build", "release"))
    add("--out", default=os.path.join(root, "build", "bench"), help="folder of the results")
    add("--server-cpu", type=int, default=0)
    add("--bench-cpu", type=int, default=1)
    add("--unpinned", action="store_true", help="let the kernel place both")
    add("--realtime", action="store_true", help="both run before everything else on their CPUs (root): for a busy machine")


def finish_common(options):
    options.belfry = os.path.join(options.build_dir, "belfry")
    options.bench = os.path.join(options.build_dir, "belfry-bench")
    options.belfry_args = options.belfry_args.split()
    options.bench_args = options.bench_args.split()
    if options.engine:
        options.belfry_args.append(f"--media.srtp-engine={options.engine}")
    if options.unpinned or (os.cpu_count() or 1) < 2:
        options.server_cpu = options.bench_cpu = None


def resident_bytes(pid):
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def wait_for(generator, server, seconds):
    """None when the generator ends by itself, or why it had to be ended."""
    deadline = time.monotonic() + seconds
    while generator.poll() is None:
        if time.monotonic() > deadline:
            return f"the run did not end within {seconds} s"
        if resident_bytes(server.process.pid) > MEMORY_MAX:
            return f"the server grew beyond {MEMORY_MAX >> 20} MiB"
        try:
            generator.wait(LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            pass
    return None


def run_generator(options, server, folder, arguments, seconds):
    """One run. Always an answer: {"report": ..., "failures": [...]}, without a report if there is none."""
    path = os.path.join(folder, "report.json")
    said_path = os.path.join(folder, "said")
    command = [
        options.bench,
        "run",
        *arguments,
        f"--server={server.url}",
        f"--pid={server.process.pid}",
        f"--local={options.media_ip}",
        f"--seconds={seconds}",
        f"--json={path}",
        *options.bench_args,
    ]
    with open(said_path, "wb") as said:
        generator = subprocess.Popen(
            command, stdout=said, stderr=said, preexec_fn=servers.prepare_child(options.bench_cpu, options.realtime)
        )
    try:
        why = wait_for(generator, server, seconds + JOIN_SECONDS)
    finally:
        servers.end(generator)
    if why:
        return {"failures": [why]}
    if not os.path.exists(path):
        with open(said_path, encoding="utf-8", errors="replace") as file:
            return {"failures": [file.read().strip() or f"the generator ended with {generator.returncode}"]}
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    failures = list(report["failures"])
    if generator.returncode not in (0, 1):
        failures.append(f"the generator ended with {generator.returncode}")
    return {"report": report, "failures": failures}


def run_limit(options, arguments):
    """What this machine needs at least for the packets of a scenario, in ns of CPU each; None where that cannot be said."""
    command = [os.path.join(options.build_dir, "belfry-bench-limit"), *arguments, f"--seconds={options.seconds}"]
    if options.server_cpu is not None:
        command += [f"--server-cpu={options.server_cpu}", f"--bench-cpu={options.bench_cpu}"]
    said = subprocess.run(
        command, capture_output=True, text=True, check=False, preexec_fn=servers.prepare_child(None, options.realtime)
    )
    if said.returncode:
        print(f"belfry-bench-limit: {said.stderr.strip()}", file=sys.stderr)
        return None
    return json.loads(said.stdout)["cpu_ns_per_delivered_packet"]


def machine():
    cpu = platform.machine()
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    return {"cpu": cpu, "cores": os.cpu_count(), "kernel": f"{platform.system()} {platform.release()}"}


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
