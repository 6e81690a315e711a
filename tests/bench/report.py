"""What was measured becomes a table, JSON, and a picture."""
import json, math, os, statistics


class Ratio:
    """a ÷ b of each round. target: ("≥", 1.0) or ("≤", 2)."""

    def __init__(self, row, what, target, values, note=""):
        self.row, self.what, self.target, self.values, self.note = row, what, target, [v for v in values if v is not None], note

    def median(self):
        return statistics.median(self.values) if self.values else None

    def met(self):
        if not self.values:
            return "not measured"
        sense, bound = self.target
        return "yes" if (self.median() >= bound if sense == "≥" else self.median() <= bound) else "**no**"


def number(value):
    """Three digits that say something."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return "{:,.0f}".format(value)
    return "%.*f" % (max(0, 2 - int(math.floor(math.log10(abs(value))))), value)


def table(ratios, figures, head):
    lines = [head, "", "| # | what | target | median | min–max | met |", "|---|---|---|---|---|---|"]
    for r in ratios:
        span = "%s–%s" % (number(min(r.values)), number(max(r.values))) if r.values else r.note
        lines.append("| %s | %s | %s %s | %s | %s | %s |" % (r.row, r.what, *map(str, (r.target[0], number(r.target[1]))),
                                                       number(r.median()) if r.values else "–", span, r.met()))
    lines += ["", "| figure | unit | median | min–max |", "|---|---|---|---|"]
    for name, (unit, values) in figures.items():
        lines.append("| %s | %s | %s | %s–%s |" % (name, unit, number(statistics.median(values)), number(min(values)), number(max(values))))
    return "\n".join(lines) + "\n"


def plot(bars, title):
    """Horizontal bars on a logarithmic scale: (name, values, colour); the bar is the median, the line min to max."""
    width, left, height, row = 760, 250, 60 + 30 * len(bars), 30
    low = 10 ** math.floor(math.log10(min(min(v) for _, v, _ in bars)))
    high = 10 ** math.ceil(math.log10(max(max(v) for _, v, _ in bars)))

    def x(value):
        return left + (width - left - 90) * math.log(value / low) / math.log(high / low)

    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="13">' % (width, height),
           '<rect width="100%" height="100%" fill="white"/>', '<text x="10" y="22" font-size="15">%s</text>' % title]
    tick = low
    while tick <= high:
        out.append('<line x1="%.1f" y1="35" x2="%.1f" y2="%d" stroke="#ddd"/><text x="%.1f" y="%d" fill="#777" font-size="11" '
                   'text-anchor="middle">%s</text>' % (x(tick), x(tick), height - 20, x(tick), height - 6, number(tick)))
        tick *= 10
    for i, (name, values, colour) in enumerate(bars):
        y, middle = 40 + row * i, statistics.median(values)
        out.append('<text x="%d" y="%d" text-anchor="end">%s</text><rect x="%d" y="%d" width="%.1f" height="18" fill="%s"/>'
                   % (left - 8, y + 14, name, left, y, max(1, x(middle) - left), colour))
        out.append('<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="black"/><text x="%.1f" y="%d">%s</text>'
                   % (x(min(values)), y + 9, x(max(values)), y + 9, x(max(values)) + 6, y + 14, number(middle)))
    return "\n".join(out + ["</svg>"]) + "\n"


def write(directory, head, ratios, figures, bars):
    text = table(ratios, figures, head)
    os.makedirs(directory, exist_ok=True)
    with open(directory + "/table.md", "w") as file:
        file.write(text)
    with open(directory + "/results.json", "w") as file:
        json.dump({"machine": head, "ratios": [{"row": r.row, "what": r.what, "target": " ".join(map(str, r.target)), "values": r.values,
                                                "met": r.met()} for r in ratios],
                   "figures": {k: {"unit": u, "values": v} for k, (u, v) in figures.items()}}, file, indent=1, ensure_ascii=False)
    if bars:
        with open(directory + "/jobs.svg", "w") as file:
            file.write(plot(bars, "jobs a second (median, min to max)"))
    return text
