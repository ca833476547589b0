#!/usr/bin/env bash
# Asks the admission code of Kubernetes itself what becomes of pods: its dispatcher of webhooks, its evaluator of admission policies. On
# Debian; 0.4 GB and ten minutes the first time, seconds afterwards, so this is no part of check.sh.
#
#   TOOLS=DIR         the virtual environment of check.sh; what is fetched and built is in there
#   SUITE=sid         the suite of Debian whose Kubernetes this is
#   CEDARPOST=FILE    the program whose webhook is asked; default: target/release/cedarpost or target/debug/cedarpost
set -euo pipefail
cd "$(dirname "$0")/../.."

TOOLS=$(realpath "${TOOLS:-target/deploy-tools}")
SUITE=${SUITE:-sid}
HOME_OF_GO=$TOOLS/kubernetes
export PYTHONDONTWRITEBYTECODE=1

[ -x "$TOOLS/bin/python" ] || { echo "kubernetes: run deploy/check.sh first: its tools are not in $TOOLS" >&2; exit 1; }
if ! [ -f "$HOME_OF_GO/version" ]; then
    # shellcheck disable=SC2016  # apt's word, not the shell's
    site=$(apt-get indextargets --format '$(SITE)' | head -n 1)
    version=$(deploy/check/kubernetes/libraries.py "$site" "$SUITE" "$HOME_OF_GO")
    echo "$version" >"$HOME_OF_GO/version"
fi
source=$HOME_OF_GO/usr/share/gocode/src/cedarpost.dev/admission
mkdir -p "$source"
cp deploy/check/kubernetes/main.go "$source/"
go=$(echo "$HOME_OF_GO"/usr/lib/go-*)
GOROOT=$go GOPATH=$HOME_OF_GO/usr/share/gocode GOCACHE=$HOME_OF_GO/cache GO111MODULE=off GOTOOLCHAIN=local CGO_ENABLED=0 \
    "$go/bin/go" build -trimpath -o "$HOME_OF_GO/admission" cedarpost.dev/admission
echo "kubernetes: the admission code is that of k8s.io/apiserver $(cat "$HOME_OF_GO/version")"
"$TOOLS/bin/python" deploy/check/kubernetes.py "$HOME_OF_GO/admission"
