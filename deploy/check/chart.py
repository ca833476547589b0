"""Renders the chart as `helm template` does, offline, for each set of values beside this file."""

import pathlib

import helm_python
import yaml

HERE = pathlib.Path(__file__).resolve().parent
DEPLOY = HERE.parent
CHART = DEPLOY / "helm" / "cedarpost"
NAMESPACE = "cedarpost"


def value_sets():
    return {path.stem: yaml.safe_load(path.read_text()) for path in sorted((HERE / "values").glob("*.yaml"))}


def text(values, namespace=NAMESPACE):
    with helm_python.Chart.load(CHART) as chart:
        rendered = chart.render(values=values, name="cedarpost", namespace=namespace)
    return {name: body for name, body in sorted(rendered.items()) if body.strip() and name.endswith(".yaml")}


def documents(values, namespace=NAMESPACE):
    """All objects of the chart with these values."""
    return [
        document
        for body in text(values, namespace).values()
        for document in yaml.safe_load_all(body)
        if document
    ]


def one(documents, kind, name):
    found = [d for d in documents if d["kind"] == kind and d["metadata"]["name"] == name]
    if len(found) != 1:
        raise AssertionError(f"there are {len(found)} of {kind} {name}")
    return found[0]
