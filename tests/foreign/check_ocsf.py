#!/usr/bin/env python3
"""Holds events against the schema of OCSF itself (PyPI: ocsf-json-schema, jsonschema, referencing).

check_ocsf.py FILE …      each line, or the whole of a .json file, is an event; ends with 1 when one does not fit
check_ocsf.py --table     prints what `src/audit/export/ocsf/tests.rs` knows of the schema
"""

import json
import sys

import jsonschema
import referencing
import referencing.jsonschema
from ocsf_json_schema import OcsfJsonSchema
from ocsf_json_schema.loader import get_ocsf_schema

VERSION = "1.8.0"
SCHEMA = get_ocsf_schema(VERSION)
MAKER = OcsfJsonSchema(SCHEMA)
CLASSES = [0, 1008, 3004, 6002, 6003]
OBJECTS = ["actor", "api", "application", "authorization", "group", "managed_entity", "message_context", "metadata",
           "network_endpoint", "policy", "product", "request", "resource_details", "response", "service", "session", "trace",
           "user"]


def registry():
    def retrieve(uri):
        return referencing.Resource.from_contents(MAKER.get_schema_from_uri(uri), referencing.jsonschema.DRAFT202012)

    return referencing.Registry(retrieve=retrieve)


def problems(event, known=registry()):
    name = MAKER.lookup_class_name_from_uid(event["class_uid"])
    schema = MAKER.get_class_schema(name, event["metadata"].get("profiles", []))
    validator = jsonschema.Draft202012Validator(schema, registry=known)
    for error in validator.iter_errors(event):
        yield "/".join(map(str, error.absolute_path)) + ": " + error.message[:200]
    for attribute, definition in SCHEMA["classes"][name]["attributes"].items():
        # The caption beside a number is the one that the schema gives it.
        sibling, value = definition.get("sibling"), event.get(attribute)
        if sibling in event and value != 99 and attribute not in ("activity_id", "type_uid"):
            caption = definition["enum"][str(value)]["caption"]
            if caption != event[sibling]:
                yield f"{sibling}: {event[sibling]!r} stands for {caption!r}"


def events(path):
    with open(path, encoding="utf-8") as file:
        if path.endswith(".json"):
            yield json.load(file)
        else:
            yield from map(json.loads, file)


def described(definition):
    kind = definition["object_type"] if definition["type"] == "object_t" else definition["type"].removesuffix("_t")
    base = SCHEMA["dictionary"]["types"]["attributes"].get(definition["type"], {}).get("type")
    kind = (base or kind).removesuffix("_t") if definition["type"] != "object_t" else "{" + kind + "}"
    words = [kind + ("[]" if definition.get("is_array") else "")]
    if definition["requirement"] == "required":
        words.append("required")
    words += ["@" + profile for profile in definition.get("profiles") or []]
    # The numbers of types of events follow from class and activity.
    if definition["type"] == "integer_t":
        words += sorted(definition.get("enum", {}), key=int)
    return " ".join(words)


def table():
    by_uid = {definition["uid"]: definition for definition in SCHEMA["classes"].values() if "/" not in definition["name"]}
    parts = {f"class {uid}": by_uid[uid] for uid in CLASSES} | {name: SCHEMA["objects"][name] for name in OBJECTS}
    lines = []
    for name, part in parts.items():
        attributes = {key: described(value) for key, value in sorted(part["attributes"].items())}
        one_of = (part.get("constraints") or {}).get("at_least_one")
        if one_of:
            attributes["one of"] = " ".join(sorted(one_of))
        body = ",\n".join(f"    {json.dumps(key)}: {json.dumps(value)}" for key, value in attributes.items())
        lines.append(f"  {json.dumps(name)}: {{\n{body}\n  }}")
    print("{\n" + ",\n".join(lines) + "\n}")


def main(arguments):
    if arguments == ["--table"]:
        return table()
    count = failed = 0
    for path in arguments:
        for number, event in enumerate(events(path), 1):
            found = list(problems(event))
            count, failed = count + 1, failed + bool(found)
            for problem in found:
                print(f"{path}:{number}: {problem}")
    print(f"OCSF {SCHEMA['version']}: {count} events, {failed} do not fit")
    return 1 if failed or not count else 0


sys.exit(main(sys.argv[1:]))
