#!/usr/bin/env python3
"""The base for kustomize is the chart, rendered: `kustomize.py --write` makes it anew, and without that it says whether it is old.

Where the chart asks for values the base leaves room: overlays name the image, and how the webhook gets its certificate.
"""

import pathlib
import re
import sys

import chart

BASE = chart.DEPLOY / "kustomize" / "base"
VALUES = {"image": {"repository": "cedarpost"}, "certificates": {"mode": "secret", "secret": {"caBundle": "LS0t"}}}


def files():
    made = {}
    for path, text in chart.text(VALUES).items():
        text = re.sub(r"^ *(helm\.sh/chart|caBundle): .*\n", "", text, flags=re.M)
        text = text.replace("app.kubernetes.io/managed-by: Helm", "app.kubernetes.io/managed-by: kustomize")
        text = re.sub(r"[ \t]+$", "", text, flags=re.M)
        text = re.sub(r"\n{2,}", "\n", text.strip())
        # Settings are in a ConfigMap with a name of its own: whoever changes them restarts the webhook.
        text = re.sub(r"^ *(# Settings are read at the start.*|checksum/config: .*)\n", "", text, flags=re.M)
        made[pathlib.PurePath(path).name] = "---\n" + text.removeprefix("---\n") + "\n"
    names = "".join(f"  - {name}\n" for name in sorted(made))
    made["kustomization.yaml"] = (
        "---\n# Made of the chart by deploy/check/kustomize.py: change it there.\n"
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n" + names
    )
    return made


def main():
    made = files()
    if "--write" in sys.argv[1:]:
        BASE.mkdir(parents=True, exist_ok=True)
        for old in BASE.glob("*.yaml"):
            old.unlink()
        for name, text in made.items():
            (BASE / name).write_text(text)
        return 0
    there = {path.name: path.read_text() for path in BASE.glob("*.yaml")}
    if there != made:
        different = sorted(name for name in there.keys() | made.keys() if there.get(name) != made.get(name))
        print(f"kustomize: the base is not the chart as it is now: {', '.join(different)}: deploy/check/kustomize.py --write", file=sys.stderr)
        return 1
    print(f"kustomize: the base is the chart: {len(made)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
