"""Servers under test: start one in a folder of its own on given addresses, tell how the generator talks to it, end it by its pid.

Another server is a class with the same five members (name, adapter, binary, start, url) and a line in KINDS.
"""

import ctypes
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

START_SECONDS = 15
STOP_SECONDS = 10

# The address of a veth device: Janus' ICE library does not use loopback interfaces. To one's own address everything goes through the
# kernel's loopback all the same.
MEDIA_IP = "10.77.0.1"


class StartError(Exception):
    pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def prepare_child(cpu, is_realtime):
    """What a measured process does before exec: its own core, all descriptors it may have, and to end with us."""

    def run():
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})
        if is_realtime:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    return run


def end(process, seconds=STOP_SECONDS):
    """End one process that we started; by force when it does not listen."""
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Server:
    """One start of a server. `folder` is its own and empty."""

    name = None
    adapter = "whip"

    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.process = None
        self.url = None

    def adapter_for(self, case):
        return self.adapter

    def launch(self, command, cpu):
        self.log_path = os.path.join(self.folder, "log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": os.environ["PATH"]},  # settings of the caller's environment do not count
                cwd=self.folder,
                preexec_fn=prepare_child(cpu, self.options.realtime),
            )

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_for(self, look):
        """Until `look()` gives something."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            found = look()
            if found:
                return found
            time.sleep(0.05)
        raise StartError(f"{self.name} does not start:\n{self.log()[-2000:]}")

    def stop(self):
        end(self.process)


class Belfry(Server):
    """WHIP and WHEP where a connection plays one publisher, else the WebSocket."""

    name = "belfry"

    def adapter_for(self, case):
        return "whip" if case.plays_one else "belfry"

    def version(self):
        return subprocess.run(
            [self.options.belfry, "version"], capture_output=True, text=True, check=True
        ).stdout.strip()

    def start(self, cpu):
        self.launch(
            [
                self.options.belfry,
                "run",
                "--http.listen=127.0.0.1:0",
                "--media.udp-port=0",
                "--media.workers=1",
                f"--media.interfaces={self.options.media_ip}",
                "--media.room-participant-count-max=100000",
                "--media.transport-count-max=65536",
                *self.options.belfry_args,
            ],
            cpu,
        )

        def look():
            match = re.search(r"event=listening .*url=(\S+)", self.log())
            return match and match.group(1)

        self.url = self.wait_for(look)

    def settings(self):
        return {"workers": 1, "arguments": self.options.belfry_args}


class BelfryWebSocket(Belfry):
    """Always the WebSocket."""

    name = "belfry-ws"

    def adapter_for(self, case):
        return "belfry"


JANUS_CONFIG = """general: {{
	configs_folder = "{folder}"
	plugins_folder = "{modules}/plugins"
	transports_folder = "{modules}/transports"
	events_folder = "{folder}/none"
	loggers_folder = "{folder}/none"
	debug_level = 2
	debug_colors = false
	session_timeout = 0
	event_loops = {loops}
}}
media: {{
	ipv6 = false
}}
nat: {{
	ice_lite = {ice_lite}
	ice_enforce_list = "{ip}"
	ignore_mdns = true
}}
plugins: {{ disable = "{plugins}" }}
transports: {{ disable = "{transports}" }}
"""

JANUS_HTTP_CONFIG = """general: {{
	json = "compact"
	base_path = "/janus"
	http = true
	port = {port}
	ip = "127.0.0.1"
	https = false
	mhd_connection_limit = 20000
}}
admin: {{ admin_http = false }}
"""


class Janus(Server):
    """The videoroom plugin and the HTTP transport, nothing else."""

    name = "janus"
    adapter = "janus"
    loops = 1
    is_lite = True

    def version(self):
        text = subprocess.run([self.options.janus, "-V"], capture_output=True, text=True).stdout
        match = re.search(r"Janus version: \d+ \(([^)]+)\)", text)
        return match.group(1) if match else "unknown"

    def modules(self):
        for folder in ("/usr/lib/x86_64-linux-gnu/janus", "/usr/lib/aarch64-linux-gnu/janus", "/usr/lib/janus"):
            if os.path.isdir(folder):
                return folder
        raise StartError("no folder with Janus' plugins")

    def others(self, kind, wanted):
        folder = os.path.join(self.modules(), kind)
        return ",".join(sorted(n for n in os.listdir(folder) if n.endswith(".so") and n != wanted))

    def write_config(self, port):
        files = {
            "janus.jcfg": JANUS_CONFIG.format(
                folder=self.folder,
                modules=self.modules(),
                loops=self.loops,
                ice_lite="true" if self.is_lite else "false",
                ip=self.options.media_ip,
                plugins=self.others("plugins", "libjanus_videoroom.so"),
                transports=self.others("transports", "libjanus_http.so"),
            ),
            "janus.transport.http.jcfg": JANUS_HTTP_CONFIG.format(port=port),
            "janus.plugin.videoroom.jcfg": "general: { }\n",
        }
        for name, text in files.items():
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(text)

    def start(self, cpu):
        port = free_port()
        self.write_config(port)
        self.launch([self.options.janus, "-C", os.path.join(self.folder, "janus.jcfg"), "-F", self.folder], cpu)
        self.url = f"http://127.0.0.1:{port}"

        def look():
            try:
                return urllib.request.urlopen(self.url + "/janus/info", timeout=1).status == 200
            except (urllib.error.URLError, OSError):
                return False

        self.wait_for(look)

    def settings(self):
        return {"event_loops": self.loops, "ice_lite": self.is_lite, "debug_level": 2}


class JanusTwoLoops(Janus):
    name = "janus-2"
    loops = 2


class JanusThreads(Janus):
    """A thread for each client, as it comes."""

    name = "janus-threads"
    loops = 0


class JanusFullIce(Janus):
    """As it comes: it checks its clients, too."""

    name = "janus-full"
    is_lite = False


ALL = (Belfry, BelfryWebSocket, Janus, JanusTwoLoops, JanusThreads, JanusFullIce)
KINDS = {kind.name: kind for kind in ALL}


def missing(names, options):
    """Which of the servers cannot be run here, and why; empty: none."""
    problems = []
    for name in names:
        if name not in KINDS:
            problems.append(f"no server is called '{name}': there are {', '.join(KINDS)}")
        elif name.startswith("janus") and not shutil.which(options.janus):
            problems.append("no janus: apt-get install janus, or --janus=PATH")
        elif name.startswith("belfry") and not os.access(options.belfry, os.X_OK):
            problems.append(f"no {options.belfry}: build it first")
    return problems
