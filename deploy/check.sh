#!/usr/bin/env bash
# Checks everything under deploy/ without a cluster: `make deploy-check`. Under two minutes once the tools are there.
#
# The tools are from PyPI (check/requirements.txt) and live in TOOLS (default: target/deploy-tools), which is made when it is missing: half a
# gigabyte, so this is no part of `.ci/run`. Scripts are looked at by shellcheck and examples by kubectl and cedarpost where those are there.
#
#   TOOLS=DIR         a virtual environment with the tools
#   CEDARPOST=FILE    the binary that examples are tried with; default: target/release/cedarpost or target/debug/cedarpost, else none
set -euo pipefail
cd "$(dirname "$0")/.."

TOOLS=${TOOLS:-target/deploy-tools}
OUT=target/deploy-check
export PYTHONDONTWRITEBYTECODE=1

if ! [ -x "$TOOLS/bin/checkov" ]; then
    echo "== tools: $TOOLS"
    python3 -m venv "$TOOLS"
    "$TOOLS/bin/pip" install --quiet --disable-pip-version-check -r deploy/check/requirements.txt
fi

failed=()
step() {
    local name=$1 start=$SECONDS
    shift
    if "$@"; then
        printf '== %-12s %3d s\n' "$name" $((SECONDS - start))
    else
        printf '== %-12s %3d s FAILED\n' "$name" $((SECONDS - start))
        failed+=("$name")
    fi
}

python() { "$TOOLS/bin/python" "deploy/check/$1.py" "${@:2}"; }

kustomize() {
    if ! command -v kubectl >/dev/null; then
        echo "kustomize: kubectl is not here: the overlays were not built"
        return
    fi
    local overlay
    for overlay in deploy/kustomize/overlays/*/; do
        kubectl kustomize "$overlay" >"$OUT/kustomize-$(basename "$overlay").yaml" || return 1
    done
}

# Their schemas are not Kubernetes' own; npm has them.
foreign() {
    if ! command -v npm >/dev/null; then
        echo "foreign: npm is not here: objects of cert-manager and the Prometheus operator were not validated"
        return
    fi
    local modules=$TOOLS/npm
    if ! [ -d "$modules/node_modules" ]; then
        mkdir -p "$modules"
        npm install --prefix "$modules" --silent --no-audit --no-fund --no-save \
            @kubernetes-models/cert-manager@4.4.4 @kubernetes-models/prometheus-operator@6.0.0
    fi
    "$TOOLS/bin/python" - "$OUT" <<'PYTHON' | node deploy/check/foreign.mjs "$(realpath "$modules")"
import json, pathlib, sys, yaml
objects = [o for path in sorted(pathlib.Path(sys.argv[1]).glob("*.yaml")) for o in yaml.safe_load_all(path.read_text()) if o]
print(json.dumps([o for o in objects if o["apiVersion"].split("/")[0] in ("cert-manager.io", "monitoring.coreos.com")]))
PYTHON
}

shells() {
    if ! command -v shellcheck >/dev/null; then
        echo "shellcheck is not here: scripts were not looked at (apt-get install shellcheck)"
        return
    fi
    find deploy -name '*.sh' -exec shellcheck {} +
}

# Rendered, since checkov needs a helm of its own for charts. Examples are held to a little less: checkov-examples.yaml says what and why.
checkov() {
    local config=deploy/check/checkov.yaml
    mkdir -p "$OUT/examples"
    mv "$OUT"/example-*.yaml "$OUT/examples/"
    "$TOOLS/bin/checkov" --config-file "$config" --file "$OUT"/*.yaml --framework kubernetes &&
        "$TOOLS/bin/checkov" --config-file deploy/check/checkov-examples.yaml --directory "$OUT/examples" --framework kubernetes &&
        "$TOOLS/bin/checkov" --config-file "$config" --file deploy/docker/Dockerfile --framework dockerfile
}

# The bill of materials, by the schema of CycloneDX.
sbom() {
    if ! command -v cargo >/dev/null; then
        echo "sbom: cargo is not here: the bill of materials was not made"
        return
    fi
    deploy/docker/sbom.py --output "$OUT/sbom.cdx.json" || return 1
    python sbom "$OUT/sbom.cdx.json"
}

# Alarms, and what the dashboard asks for, as Prometheus parses them.
promql() {
    if ! command -v promtool >/dev/null; then
        echo "promql: promtool is not here: expressions were not parsed (apt-get install prometheus)"
        return
    fi
    python metrics --rules >"$OUT/dashboard-rules.json" || return 1
    promtool check rules deploy/helm/cedarpost/files/alerts.yaml "$OUT/dashboard-rules.json"
}

rm -rf "$OUT"
mkdir -p "$OUT"
step yamllint "$TOOLS/bin/yamllint" --strict --config-file deploy/check/yamllint.yaml deploy
step kustomize kustomize
step base python kustomize
step manifests python manifests "$OUT"
step foreign foreign
step admission python admission
step metrics python metrics
step promql promql
step examples python examples "$OUT"
step local python local
step webhook python webhook
step sbom sbom
step hadolint "$TOOLS/bin/hadolint" --config deploy/check/hadolint.yaml deploy/docker/Dockerfile
step shellcheck shells
step checkov checkov

if [ ${#failed[@]} -gt 0 ]; then
    echo "== failed: ${failed[*]}" >&2
    exit 1
fi
