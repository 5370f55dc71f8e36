"""What is measured: the cases, the figures of a run, and what becomes of several runs."""

import statistics

# One line of the comparison. `ratio` and `us` are the goals: times fewer CPU time for each packet than the other server, and
# microseconds, for orientation on a machine like the one they were set on. `figure` is what the ratio is of.
class Case:
    def __init__(self, name, label, scenario, arguments, plays_one=True, figure="cpu_us_per_packet", ratio=None, us=None):
        self.name = name
        self.label = label
        self.scenario = scenario
        self.arguments = arguments
        self.plays_one = plays_one
        self.figure = figure
        self.ratio = ratio
        self.us = us

    def command(self):
        return [f"--scenario={self.scenario}", *self.arguments]

    def limit_arguments(self):
        """For belfry-bench-limit; None where it has no such scenario."""
        if self.scenario not in LIMIT_SCENARIOS:
            return None
        return [a for a in self.command() if not a.startswith(("--late=", "--sample="))]


GCM = "AEAD_AES_128_GCM"
CM = "AES_CM_128_HMAC_SHA1_80"
LIMIT_SCENARIOS = ("one-to-many", "conference", "audio-rooms")
SHORT = {GCM: "GCM", "AEAD_AES_256_GCM": "GCM-256", CM: "AES_CM"}


def one_to_many(count, profile, gro, ratio=None, us=None):
    return Case(
        f"one-to-many-{count}-{SHORT[profile].lower()}-gro-{gro}",
        f"one to {count}, {SHORT[profile]}, GRO {gro}",
        "one-to-many",
        [f"--subscribers={count}", "--late=0", f"--profile={profile}", f"--gro={gro}"] + (["--sample=50"] if count > 400 else []),
        ratio=ratio,
        us=us,
    )


def conference(count, speakers, profile, gro, ratio=None, us=None):
    some = f", {speakers} speak" if speakers < count else ""
    return Case(
        f"conference-{count}-{speakers}-{SHORT[profile].lower()}-gro-{gro}",
        f"conference {count}×{count}{some}",
        "conference",
        [f"--participants={count}", f"--speakers={speakers}", f"--profile={profile}", f"--gro={gro}"],
        plays_one=False,
        ratio=ratio,
        us=us,
    )


def audio_rooms(rooms, size, profile, gro, ratio=None, us=None):
    return Case(
        f"audio-rooms-{rooms}x{size}-{SHORT[profile].lower()}-gro-{gro}",
        f"audio rooms {rooms}×{size}",
        "audio-rooms",
        [f"--rooms={rooms}", f"--room-size={size}", f"--profile={profile}", f"--gro={gro}"],
        plays_one=False,
        ratio=ratio,
        us=us,
    )


def impaired(count, profile, gro, ratio=None):
    return Case(
        f"impaired-{count}-{SHORT[profile].lower()}-gro-{gro}",
        f"2 % loss, one to {count}",
        "impaired",
        [f"--subscribers={count}", "--late=0", f"--profile={profile}", f"--gro={gro}"],
        ratio=ratio,
    )


def join_storm(count, profile, parallel, ratio=None, us=None):
    return Case(
        f"join-storm-{count}",
        f"{count} join, {parallel} at once",
        "join-storm",
        [f"--subscribers={count}", f"--profile={profile}", f"--parallel={parallel}"],
        figure="cpu_us_per_join",
        ratio=ratio,
        us=us,
    )


def goal_cases():
    """The whole table of goals."""
    cases = [one_to_many(n, GCM, "on", 12, 0.6) for n in (50, 200, 400)]
    cases += [one_to_many(n, GCM, "off", 8, 1.0) for n in (50, 200, 400)]
    cases += [one_to_many(n, CM, "on", 12, 0.8) for n in (50, 200, 400)]
    cases += [
        one_to_many(1000, GCM, "on"),
        conference(8, 8, GCM, "on", 10, 1.1),
        conference(20, 3, GCM, "on"),
        audio_rooms(30, 4, GCM, "on", 40, 1.2),
        impaired(50, GCM, "on", 9),
        join_storm(400, GCM, 64, 5, 400),
    ]
    return cases


def follow(report, path):
    for part in path.split("."):
        report = report.get(part) if isinstance(report, dict) else None
    return report


# name: path in the generator's report, divisor
PATHS = {
    "cpu_us_per_packet": ("server.cpu_ns_per_delivered_packet", 1000),
    "packets_per_cpu_second": ("server.delivered_packets_per_cpu_second", 1),
    "packets_per_second": ("window.delivered_packets_per_second", 1),
    "server_cpu_percent": ("server.cpu_permille", 10),
    "latency_p50_ms": ("latency_us.p50", 1000),
    "latency_p90_ms": ("latency_us.p90", 1000),
    "latency_p99_ms": ("latency_us.p99", 1000),
    "latency_p999_ms": ("latency_us.p999", 1000),
    "latency_max_ms": ("latency_us.max", 1000),
    "received": ("delivery.received", 1),
    "lost": ("delivery.lost", 1),
    "undelivered": ("delivery.undelivered", 1),
    "undelivered_video": ("delivery.undelivered_video", 1),
    "undelivered_audio": ("delivery.undelivered_audio", 1),
    "repaired": ("delivery.repaired", 1),
    "kib_per_subscriber": ("memory.per_subscriber_bytes", 1024),
    "kib_per_subscription": ("memory.per_subscription_bytes", 1024),
    "kib_per_join": ("joins.server_memory_bytes_per_join", 1024),
    "cpu_us_per_join": ("joins.server_cpu_us_per_join", 1),
    "joins_per_second": ("joins.per_second", 1),
    "join_p50_ms": ("joins.latency_us.p50", 1000),
    "join_p99_ms": ("joins.latency_us.p99", 1000),
    "joins_failed": ("joins.failed", 1),
    "generator_cpu_percent": ("generator.cpu_permille", 10),
    "generator_join_cpu_percent": ("joins.generator_cpu_permille", 10),
}


def figures(report):
    """The figures of one run out of the generator's report."""
    out = {}
    for name, (path, divisor) in PATHS.items():
        value = follow(report, path)
        if value is not None:
            out[name] = value / divisor if divisor > 1 else value
    if out.get("packets_per_second") == 0:
        for name in ("cpu_us_per_packet", "packets_per_cpu_second"):  # nothing came: no figure
            out.pop(name, None)
    window = follow(report, "window.duration_us")
    server = report.get("server")
    if window and server:
        out["switches_per_second"] = round((server["switches_waiting"] + server["switches_forced"]) * 1e6 / window)
    return out


def median(runs):
    """Each figure's median over the runs that have it."""
    names = {name for run in runs for name in run.get("figures", {})}
    return {
        name: statistics.median(run["figures"][name] for run in runs if name in run.get("figures", {}))
        for name in sorted(names)
    }


def ratio(case, medians, server, other):
    """How many times less `server` spends than `other`; None where one of them has no figure."""
    mine, theirs = (medians.get(name, {}).get(case.figure) for name in (server, other))
    return theirs / mine if mine and theirs else None
