#!/usr/bin/env python3
"""Evaluates the admission policies of the chart over good and bad pods, with two implementations of CEL that others wrote.

The cases are data: cases/*.yaml. Each begins with a pod, changes it by JSON patches, and says what must come of it. Every sentence with which
a policy refuses has to be heard in at least one case, so that a rule that never fires is noticed.
"""

import copy
import sys

import celpy
import yaml
from cel_expr_python import cel

import chart

POLICIES = ("sidecar", "label", "access")
NAMES = ("object", "oldObject", "request", "params", "variables", "authorizer")


class Authorizer:
    """`authorizer.group(…).….check(…).allowed()`: yes for whoever the case says may operate."""

    chain = {"group": "group", "resource": "resource", "namespace": "namespace", "name": "name", "check": "verb"}
    wanted = {"group": "cedarpost.dev", "resource": "sidecars", "verb": "operate"}

    @classmethod
    def allowed(cls, asked):
        asked = {str(key): value for key, value in dict(asked).items()}
        return bool(asked.get("may_operate")) and all(str(asked.get(key)) == value for key, value in cls.wanted.items())


class Google:
    """CEL in C++, by those who specify it."""

    name = "cel-expr-python"

    def __init__(self):
        dyn, string, asked = cel.Type.DYN, cel.Type.STRING, cel.Type.MAP

        def step(key):
            # `value` belongs to the engine, and so does what was collected so far.
            return lambda asked, value: {**asked, key: value}

        functions = [
            cel.FunctionDecl(
                name,
                [cel.Overload(id=f"authorizer_{name}", return_type=asked, parameters=[asked, string], is_member=True, impl=step(key))],
            )
            for name, key in Authorizer.chain.items()
        ]
        functions.append(
            cel.FunctionDecl(
                "allowed",
                [cel.Overload(id="authorizer_allowed", return_type=cel.Type.BOOL, parameters=[asked], is_member=True, impl=Authorizer.allowed)],
            )
        )
        self.env = cel.NewEnv(variables={name: dyn for name in NAMES} | {"authorizer": asked}, functions=functions)
        self.programs = {}

    def evaluate(self, expression, data):
        program = self.programs.get(expression)
        if program is None:
            program = self.programs[expression] = self.env.compile(expression)
        value = program.eval(data=data)
        plain = value.plain_value()
        if value.type() == cel.Type.ERROR:
            raise ValueError(plain)
        return plain


class Python:
    """CEL in Python."""

    name = "cel-python"

    def __init__(self):
        self.env = celpy.Environment()
        self.programs = {}

    def evaluate(self, expression, data):
        program = self.programs.get(expression)
        if program is None:
            ast = self.env.compile(expression)
            program = self.programs[expression] = self.env.program(ast, functions=self.functions())
        value = program.evaluate({name: celpy.json_to_cel(value) for name, value in data.items()})
        if isinstance(value, celpy.CELEvalError):
            raise value
        return plain(value)

    @staticmethod
    def functions():
        def step(key):
            def add(asked, value):
                more = celpy.celtypes.MapType(asked)
                more[celpy.celtypes.StringType(key)] = value
                return more

            return add

        functions = {name: step(key) for name, key in Authorizer.chain.items()}
        functions["allowed"] = lambda asked: celpy.celtypes.BoolType(Authorizer.allowed(asked))
        return functions


def plain(value):
    types = celpy.celtypes
    if isinstance(value, types.BoolType):
        return bool(value)
    if isinstance(value, (types.ListType, list)):
        return [plain(item) for item in value]
    if isinstance(value, (types.MapType, dict)):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, types.StringType):
        return str(value)
    if isinstance(value, types.IntType):
        return int(value)
    return value


def verdict(engine, policy, data):
    """The sentences with which a policy refuses a request; an expression that fails refuses, too (`failurePolicy: Fail`)."""
    spec = policy["spec"]
    assert spec["failurePolicy"] == "Fail", "a policy that cannot be evaluated has to refuse"
    data = {**data, "variables": {}}
    for variable in spec.get("variables", []):
        try:
            data["variables"][variable["name"]] = engine.evaluate(variable["expression"], data)
        except Exception:  # noqa: BLE001  lazily evaluated there: it matters only to those who ask for it
            pass
    said = []
    for validation in spec["validations"]:
        try:
            if engine.evaluate(validation["expression"], data) is not True:
                said.append(validation["message"])
        except Exception as error:  # noqa: BLE001
            said.append(f"cannot be evaluated: {error}: {validation['expression']}")
    return said


def patched(document, operations):
    """A small part of RFC 6902: add, replace and remove."""
    document = copy.deepcopy(document)
    for operation in operations or []:
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        at = document
        for part in parents:
            at = at[int(part)] if isinstance(at, list) else at[part]
        if isinstance(at, list):
            index = len(at) if last == "-" else int(last)
            if operation["op"] == "add":
                at.insert(index, operation["value"])
            elif operation["op"] == "replace":
                at[index] = operation["value"]
            else:
                del at[index]
        elif operation["op"] == "remove":
            del at[last]
        else:
            at[last] = operation["value"]
    return document


def labelled(selector, *objects):
    """Whether one of the objects, as it is or as it was, has the labels that are asked for; here only whether they exist."""
    keys = [expression["key"] for expression in selector.get("matchExpressions", []) if expression["operator"] == "Exists"]
    assert len(keys) == len(selector.get("matchExpressions", [])) and "matchLabels" not in selector, "this is not known here"
    return any(all(key in one["metadata"].get("labels", {}) for key in keys) for one in objects if one)


def matches(policy, request, outside, *objects):
    """Whether a policy is about a request at all. `outside`: the namespace does not take part."""
    constraints = policy["spec"]["matchConstraints"]
    if outside and constraints.get("namespaceSelector"):
        return False
    if "objectSelector" in constraints and not labelled(constraints["objectSelector"], *objects):
        return False
    resource = request["resource"]["resource"] + (f"/{request['subResource']}" if request.get("subResource") else "")
    rules = policy["spec"]["matchConstraints"]["resourceRules"]
    return any(request["operation"] in rule["operations"] and resource in rule["resources"] for rule in rules)


def request_of(case, pod):
    resource = case.get("resource", "pods").split("/")
    request = {
        "operation": case.get("operation", "CREATE"),
        "resource": {"group": "", "version": "v1", "resource": resource[0]},
        "namespace": "shop",
        "name": pod["metadata"]["name"],
    }
    # Absent when it is empty.
    return {**request, "subResource": resource[1]} if len(resource) > 1 else request


def check(engine, policies, params, suite, heard):
    pods = {name: patched(suite["pods"][pod["from"]], pod["patch"]) if "from" in pod else pod for name, pod in suite["pods"].items()}
    wrong, names = [], [case["name"] for case in suite["cases"]]
    assert len(names) == len(set(names)), "two cases have the same name"
    for case in suite["cases"]:
        base = pods[case["pod"]]
        request = request_of(case, base)
        old = None if request["operation"] in ("CREATE", "CONNECT") else patched(base, case.get("before"))
        new = case["options"] if "options" in case else patched(old or base, case.get("patch"))
        asked = {"may_operate": case.get("may_operate", False)}
        data = {"object": new, "oldObject": old, "request": request, "params": params, "authorizer": asked}
        said = []
        for policy in policies:
            if matches(policy, request, case.get("outside", False), *([old, new] if "options" not in case else [])):
                said += verdict(engine, policy, data)
        heard.update(said)
        wanted = case.get("denied", [])
        wanted = [wanted] if isinstance(wanted, str) else wanted
        missing = [want for want in wanted if not any(want in sentence for sentence in said)]
        surplus = [sentence for sentence in said if not any(want in sentence for want in wanted)]
        if missing or surplus:
            wrong.append(f"{engine.name}: {case['name']}: not said: {missing}; said besides: {surplus}")
    return wrong


def main():
    documents = chart.documents(chart.value_sets()["production"])
    policies = [chart.one(documents, "ValidatingAdmissionPolicy", f"cedarpost-{name}") for name in POLICIES]
    params = chart.one(documents, "ConfigMap", "cedarpost-images")
    suites = [yaml.safe_load(path.read_text()) for path in sorted((chart.HERE / "cases").glob("*.yaml"))]
    wrong, count = [], sum(len(suite["cases"]) for suite in suites)
    for engine in (Google(), Python()):
        heard = set()
        for suite in suites:
            wrong += check(engine, policies, params, suite, heard)
        sentences = {validation["message"] for policy in policies for validation in policy["spec"]["validations"]}
        wrong += [f"{engine.name}: no case hears: {sentence}" for sentence in sorted(sentences - heard)]
    for line in wrong:
        print(f"admission: {line}", file=sys.stderr)
    print(f"admission: {count} cases, each with 2 implementations of CEL: {'all as they must be' if not wrong else f'{len(wrong)} wrong'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
