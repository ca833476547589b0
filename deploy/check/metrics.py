#!/usr/bin/env python3
"""Every metric that a dashboard or an alarm names is one that the program has, with its labels, as its source registers it."""

import json
import pathlib
import re
import sys

import yaml

import chart

ROOT = chart.DEPLOY.parent
SOURCE = ROOT / "src"
PREFIX = "cedarpost_"
# What Prometheus adds to what it scrapes in a cluster, and what belongs to histograms.
ADDED = {"namespace", "pod", "job", "instance", "container", "le"}
SINKS = ("audit_export", "audit_anchor", "audit_witness", "audit_feed")


def registered():
    """Name → its kind, as it is written in the source."""
    names = {}
    for path in SOURCE.rglob("*.rs"):
        if path.stem.endswith("tests"):
            continue
        text = path.read_text()
        for unit, name, rest in re.findall(r'\.register(_with_unit)?\(\s*"([a-z_]+)",(?=(.{0,400}))', text, re.S):
            names[name + ("_seconds" if unit and "Unit::Seconds" in rest else "")] = path
            if re.match(rf"\s*\"[^\"]*\",\s*(Info|build)\b", rest):
                names[f"{name}_info"] = path
        for name, rest in re.findall(r'encode_descriptor\(\s*"([a-z_]+)",([^;]*);', text):
            names[name + ("_seconds" if "Unit::Seconds" in rest else "")] = path
        # Other collectors hold theirs in tables: whole names, or what stands behind the name of a kind of place.
        for name in re.findall(r'\(\s*"(audit_[a-z_]+)",\s*"', text):
            names[name] = path
        for table in re.findall(r"\[Told<\w+>; \d+\] = \[(.*?)\n\];", text, re.S):
            for suffix in re.findall(r'\(\s*"([a-z_]+)",', table):
                names |= {f"{sink}_{suffix}": path for sink in SINKS}
    return names


def labels():
    """All words that the source uses as labels: fields of what derives EncodeLabelSet."""
    found = set()
    for path in SOURCE.rglob("*.rs"):
        for body in re.findall(r"EncodeLabelSet\)?\]?[^{]*?struct \w+\s*\{(.*?)\n\}", path.read_text(), re.S):
            found |= {name.removeprefix("r#") for name in re.findall(r"^\s*(?:pub(?:\([a-z]+\))? )?(r?#?\w+):", body, re.M)}
    return found


def expressions():
    """Where → expression of PromQL."""
    board = json.loads((chart.CHART / "files" / "dashboard.json").read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield f"dashboard: {panel['title']}", target["expr"], target["legendFormat"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield f"dashboard: ${variable['name']}", variable["query"], ""
    for group in yaml.safe_load((chart.CHART / "files" / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield f"alert {rule['alert']}", rule["expr"], " ".join(rule["annotations"].values()).replace("$labels.", "")


def base(name):
    for suffix in ("_total", "_bucket", "_count", "_sum"):
        name = name.removesuffix(suffix)
    return name


def rules():
    """The expressions of the dashboard as rules, for promtool."""
    found = [expression for where, expression, _ in expressions() if where.startswith("dashboard: ") and "$" not in where]
    found = [expression.replace("$__rate_interval", "5m") for expression in found]
    return {"groups": [{"name": "dashboard", "rules": [{"record": f"dashboard:{i}", "expr": e} for i, e in enumerate(found)]}]}


def main():
    if sys.argv[1:] == ["--rules"]:
        print(json.dumps(rules()))
        return 0
    names, words = registered(), labels() | ADDED
    problems, seen = [], set()
    for where, expression, text in expressions():
        used = {name.removeprefix(PREFIX) for name in re.findall(rf"\b{PREFIX}[a-z_]+", expression)}
        if not used:
            problems.append(f"{where}: names no metric")
        seen |= {base(name) for name in used}
        for name in sorted(used):
            if base(name) not in names and name not in names:
                problems.append(f"{where}: there is no metric {PREFIX}{name}")
        asked = set(re.findall(r"(\w+)\s*=~?\s*\"", expression)) | set(re.findall(r"\{\{\s*\.?(\w+)\s*\}\}", text)) - {"value"}
        for grouping in re.findall(r"by \(([^)]*)\)", expression):
            asked |= {word.strip() for word in grouping.split(",")}
        for label in sorted(asked - words):
            problems.append(f"{where}: no metric has the label {label}")
    if len(sys.argv) > 1:
        # What a running process shows says the same.
        shown = {n.removeprefix(PREFIX) for n in re.findall(rf"^# TYPE ({PREFIX}\w+)", pathlib.Path(sys.argv[1]).read_text(), re.M)}
        shown |= {f"{name}_info" for name in shown if name == "build"}
        for name in sorted(shown - names.keys()):
            problems.append(f"the process shows {PREFIX}{name}, which was not found in the source")
        print(f"metrics: a process without exports, certificates and webhooks shows {len(shown)}, {len(seen & shown)} of them in dashboard and alarms")
    for problem in problems:
        print(f"metrics: {problem}", file=sys.stderr)
    print(f"metrics: {len(names)} in the source, {len(seen)} of them in dashboard and alarms: {'all there' if not problems else f'{len(problems)} problems'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
