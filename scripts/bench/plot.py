"""The comparison as one SVG: a row for each case; CPU, ratio and latency side by side."""

import math
from xml.sax.saxutils import escape

ROW_GAP = 14
BAR = 13
LEFT = 210
PANEL = 260
GAP = 60
TOP = 78
COLORS = ("#1b6ca8", "#d1822b", "#5a8f3c", "#8a5a9e")
TEXT = "#222"
FAINT = "#ddd"


class Drawing:
    def __init__(self, width, height):
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
            f'<rect width="{width}" height="{height}" fill="#fff"/>',
        ]

    def rect(self, x, y, width, height, color):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height}" fill="{color}"/>')

    def line(self, x1, y1, x2, y2, color, width=1):
        self.parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}" stroke-width="{width}"/>'
        )

    def circle(self, x, y, radius, color):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{color}"/>')

    def text(self, x, y, text, anchor="start", color=TEXT, size=12, weight="normal"):
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}" font-size="{size}" '
            f'font-weight="{weight}">{escape(text)}</text>'
        )

    def done(self):
        return "\n".join([*self.parts, "</svg>", ""])


class LogAxis:
    """Values on a logarithmic axis, with a line at each power of ten."""

    def __init__(self, values, x, width):
        values = [value for value in values if value and value > 0]
        self.low = math.floor(math.log10(min(values))) if values else 0
        self.high = math.ceil(math.log10(max(values)) + 0.02) if values else 1
        self.high = max(self.high, self.low + 1)
        self.x = x
        self.width = width

    def at(self, value):
        share = (math.log10(max(value, 10**self.low)) - self.low) / (self.high - self.low)
        return self.x + share * self.width

    def draw(self, drawing, top, bottom):
        for power in range(self.low, self.high + 1):
            x = self.at(10**power)
            drawing.line(x, top, x, bottom, FAINT)
            drawing.text(x, top - 5, f"{10.0**power:g}", "middle", "#777", 10)


def short(value):
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def draw_legend(drawing, servers):
    x = LEFT
    for idx, server in enumerate(servers):
        drawing.rect(x, 16, 12, 12, COLORS[idx % len(COLORS)])
        drawing.text(x + 17, 26, server)
        x += 30 + 8 * len(server)


def cpu_value(medians, figure):
    """Microseconds for a packet, milliseconds for a join."""
    value = medians.get(figure)
    return value / 1000 if value and figure == "cpu_us_per_join" else value


def missing_percent(medians):
    missing = medians.get("undelivered", 0)
    return 100 * missing / (missing + medians.get("received", 0)) if missing else 0


def draw_cpu(drawing, axis, y, medians, servers, figure):
    for idx, server in enumerate(servers):
        value = cpu_value(medians.get(server, {}), figure)
        percent = missing_percent(medians.get(server, {}))
        at = y + idx * BAR
        x = axis.x
        if value:
            drawing.rect(x, at, axis.at(value) - x, BAR - 2, COLORS[idx % len(COLORS)])
            x = axis.at(value)
        drawing.text(x + 4, at + BAR - 4, short(value) if value else "no figure", size=10)
        if percent >= 0.1:
            drawing.text(x + 34 + (0 if value else 24), at + BAR - 4, f"{short(percent)} % missing", size=10, color="#a00")


def draw_limit(drawing, axis, y, limit, height):
    if limit:
        drawing.line(axis.at(limit), y - 3, axis.at(limit), y + height + 1, "#000", 2)


def draw_latency(drawing, axis, y, medians, servers):
    for idx, server in enumerate(servers):
        values = [medians.get(server, {}).get(f"latency_{p}_ms") for p in ("p50", "p90", "p99")]
        if None in values:
            continue
        color = COLORS[idx % len(COLORS)]
        at = y + idx * BAR + BAR / 2 - 1
        drawing.line(axis.at(values[0]), at, axis.at(values[2]), at, color, 3)
        drawing.circle(axis.at(values[0]), at, 4, color)
        drawing.line(axis.at(values[1]), at - 5, axis.at(values[1]), at + 5, color, 2)
        drawing.text(axis.at(values[2]) + 5, at + 4, f"{short(values[0])} / {short(values[2])}", size=10)


def draw_ratio(drawing, axis, y, entry, height):
    ratio, goal = entry["ratio"], entry["goal_ratio"]
    if ratio:
        color = "#777" if not goal else "#3a8a3a" if ratio >= goal else "#b33"
        drawing.rect(axis.x, y, axis.at(ratio) - axis.x, height - 2, color)
        drawing.text(axis.at(max(ratio, goal or 0)) + 5, y + height / 2 + 4, f"{short(ratio)}×", size=11)
    if goal:
        drawing.line(axis.at(goal), y - 3, axis.at(goal), y + height + 1, "#000", 2)


def svg(comparison):
    """`comparison` is what compare writes as JSON."""
    servers = comparison["servers"]
    entries = comparison["cases"]
    row = BAR * len(servers) + ROW_GAP
    bottom = TOP + row * len(entries)
    drawing = Drawing(LEFT + 3 * (PANEL + GAP) + 20, bottom + 40)
    medians = [entry["medians"] for entry in entries]
    panel = [LEFT + i * (PANEL + GAP) for i in range(3)]

    cpu = [cpu_value(m.get(s, {}), e["figure"]) for e, m in zip(entries, medians) for s in servers]
    ratios = [e[key] for e in entries for key in ("ratio", "goal_ratio")]
    latency = [m.get(s, {}).get(f"latency_{p}_ms") for m in medians for s in servers for p in ("p50", "p99")]
    axes = [LogAxis(cpu, panel[0], PANEL - 60), LogAxis([1, *ratios], panel[1], PANEL - 40), LogAxis(latency, panel[2], PANEL - 60)]
    titles = (
        "CPU: µs a packet (bar: limit), ms a join",
        f"{servers[0]}: times less than {servers[1]} (bar: goal)" if len(servers) > 1 else "",
        "latency ms: p50 • p90 | p99",
    )
    draw_legend(drawing, servers)
    for x, title, axis in zip(panel, titles, axes):
        drawing.text(x, TOP - 26, title, weight="bold")
        axis.draw(drawing, TOP - 6, bottom)
    for idx, (entry, values) in enumerate(zip(entries, medians)):
        y = TOP + idx * row + ROW_GAP / 2
        drawing.text(LEFT - 10, y + BAR * len(servers) / 2 + 3, entry["label"], "end")
        draw_cpu(drawing, axes[0], y, values, servers, entry["figure"])
        draw_limit(drawing, axes[0], y, entry["limit_us"], BAR * len(servers))
        draw_ratio(drawing, axes[1], y, entry, BAR * len(servers))
        draw_latency(drawing, axes[2], y, values, servers)
        drawing.line(20, TOP + (idx + 1) * row, LEFT + 3 * PANEL + 2 * GAP, TOP + (idx + 1) * row, "#f0f0f0")
    machine = comparison["machine"]
    drawing.text(20, bottom + 25, f"{machine['cpu']}, {machine['kernel']}; {comparison['when']}; medians of {comparison['rounds']}", size=10, color="#777")
    return drawing.done()
