#!/usr/bin/env bash
# Installs everything into a cluster of yours, calls a tool through it, tries to get around it, and cleans up. Needs kubectl 1.33 or newer with the
# rights of an administrator, openssl, and helm or nothing more; nodes that can pull IMAGE and docker.io/library/python:3.13-slim.
#
#   KUBECONFIG=FILE IMAGE=registry.example/cedarpost:0.1.0 deploy/e2e/run.sh
#
#   SYSTEM=cedarpost           the namespace of the webhook: must not exist
#   NAMESPACE=cedarpost-e2e    the namespace of the example: must not exist
#   INSTALL=helm               helm or kustomize; default: helm if it is here
#   KEEP=                      anything: leave everything in the cluster
#   TIMEOUT=180s               for each thing to become ready
#
# With kind: kind load docker-image IMAGE, and the same for the image of Python.
set -euo pipefail
cd "$(dirname "$0")/../.."

: "${KUBECONFIG:?which cluster? This script changes it: name its file}"
: "${IMAGE:?which image? make image, and push or load it}"
SYSTEM=${SYSTEM:-cedarpost}
NAMESPACE=${NAMESPACE:-cedarpost-e2e}
TIMEOUT=${TIMEOUT:-180s}
INSTALL=${INSTALL:-$(command -v helm >/dev/null && echo helm || echo kustomize)}
WORK=target/e2e
export KUBECONFIG

say() { printf '== %s\n' "$*"; }
fail() {
    printf 'e2e: %s\n' "$*" >&2
    exit 1
}

# Something that must be refused, by whom, and with which words.
refused() {
    local words=$1 said
    shift
    if said=$("$@" 2>&1); then
        fail "this was not refused: $*"
    fi
    grep -qF -- "$words" <<<"$said" || fail "this was refused otherwise than by \"$words\": $*: $said"
    say "refused: $words"
}

# Sets up when there is nothing of ours, so that nothing of others is ever taken away.
fresh() {
    local kind
    for namespace in "$SYSTEM" "$NAMESPACE"; do
        if kubectl get namespace "$namespace" >/dev/null 2>&1; then fail "namespace $namespace exists: name others in SYSTEM and NAMESPACE"; fi
    done
    for kind in mutatingwebhookconfiguration/cedarpost validatingadmissionpolicy/cedarpost-sidecar clusterrole/cedarpost-operator; do
        if kubectl get "$kind" >/dev/null 2>&1; then fail "$kind exists: cedarpost is installed already"; fi
    done
}

remove() {
    local code=$? kind
    if [ "$code" -ne 0 ]; then
        kubectl -n "$SYSTEM" get pods -o wide || true
        kubectl -n "$SYSTEM" logs deployment/cedarpost-webhook --tail=30 || true
        kubectl -n "$NAMESPACE" get pods,events -o wide || true
        for name in notes journal assistant; do
            kubectl -n "$NAMESPACE" logs "deployment/$name" -c cedarpost --tail=30 || true
        done
    fi
    if [ -n "${KEEP:-}" ]; then
        say "everything is still there: namespaces $SYSTEM and $NAMESPACE"
        exit "$code"
    fi
    say "cleaning up"
    # What refuses pods first: namespaces that end need nothing of it.
    kubectl delete --ignore-not-found mutatingwebhookconfiguration/cedarpost || true
    for kind in validatingadmissionpolicybinding validatingadmissionpolicy; do
        kubectl delete --ignore-not-found "$kind/cedarpost-sidecar" "$kind/cedarpost-label" "$kind/cedarpost-access" || true
    done
    kubectl delete --ignore-not-found clusterrole/cedarpost-operator clusterrole/cedarpost-webhook clusterrolebinding/cedarpost-webhook || true
    kubectl delete --ignore-not-found --wait=true --timeout="$TIMEOUT" namespace/"$NAMESPACE" namespace/"$SYSTEM" || true
    exit "$code"
}

install_system() {
    local bundle
    kubectl create namespace "$SYSTEM"
    kubectl label namespace "$SYSTEM" pod-security.kubernetes.io/enforce=restricted
    bundle=$(deploy/certificates.sh --namespace "$SYSTEM")
    case $INSTALL in
    helm)
        local repository tag=() name=${IMAGE##*/}
        if [[ $IMAGE == *@* ]]; then
            repository=${IMAGE%@*}
            tag=(--set-string "image.digest=${IMAGE#*@}")
        elif [[ $name == *:* ]]; then
            repository=${IMAGE%:*}
            tag=(--set-string "image.tag=${name##*:}")
        else
            fail "IMAGE has neither a tag nor a digest"
        fi
        helm upgrade --install cedarpost deploy/helm/cedarpost --namespace "$SYSTEM" --set-string "image.repository=$repository" "${tag[@]}" \
            --set certificates.mode=secret --set-string "certificates.secret.caBundle=$bundle" --wait --timeout "$TIMEOUT"
        ;;
    kustomize)
        [ "$SYSTEM" = cedarpost ] || fail "kustomize installs into the namespace cedarpost"
        # The overlay, but as strict as the chart, and with this image and this certificate.
        rm -rf "$WORK/kustomize"
        mkdir -p "$WORK/kustomize"
        cp -r deploy/kustomize/base deploy/kustomize/overlays "$WORK/kustomize/"
        local overlay=$WORK/kustomize/overlays/own-certificate
        sed -i "s|caBundle: .*|caBundle: $bundle|" "$overlay/ca-bundle.yaml"
        sed -i 's|value: \[Warn, Audit\]|value: [Deny]|' "$overlay/kustomization.yaml"
        if [[ $IMAGE == *@* ]]; then
            sed -i "s|newName: .*|newName: ${IMAGE%@*}|; s|newTag: .*|digest: ${IMAGE#*@}|" "$overlay/kustomization.yaml"
        else
            sed -i "s|newName: .*|newName: ${IMAGE%:*}|; s|newTag: .*|newTag: \"${IMAGE##*:}\"|" "$overlay/kustomization.yaml"
        fi
        kubectl apply --server-side -k "$overlay"
        ;;
    *) fail "INSTALL is helm or kustomize" ;;
    esac
    kubectl -n "$SYSTEM" rollout status deployment/cedarpost-webhook --timeout="$TIMEOUT"
}

# A copy of the example in our namespace, with the keys and the name of this cluster.
install_example() {
    local issuer name
    rm -rf "$WORK/shop"
    cp -r deploy/examples/shop "$WORK/shop"
    find "$WORK/shop" -type f -exec sed -i -E "s/(namespace: |name: |serviceaccount:|notes\.|journal\.)shop\b/\1$NAMESPACE/g" {} +
    kubectl get --raw /openid/v1/jwks >"$WORK/shop/jwks.json"
    issuer=$(kubectl get --raw /.well-known/openid-configuration | sed -n 's/.*"issuer": *"\([^"]*\)".*/\1/p')
    [ -n "$issuer" ] || fail "the cluster does not tell its issuer"
    sed -i "s|^issuer = .*|issuer = \"$issuer\"|" "$WORK/shop/cedarpost.toml"
    kubectl apply -k "$WORK/shop"
    for name in notes journal assistant; do
        kubectl -n "$NAMESPACE" rollout status "deployment/$name" --timeout="$TIMEOUT"
    done
}

# The agent's program, in its container: what it says, and whether that is what was expected.
assistant() {
    kubectl -n "$NAMESPACE" exec deployment/assistant -c agent -- "$@"
}

calls() {
    local pod
    say "an allowed call, a denied one, and one to a server on standard input and output"
    assistant python3 /programs/assistant.py --expect allow list_notes
    assistant python3 /programs/assistant.py --expect deny delete_notes
    assistant env NOTES_URL=http://127.0.0.1:15001/journal python3 /programs/assistant.py --expect allow list_notes
    say "an agent that goes around its own sidecar has no token"
    refused "HTTP Error 401" assistant env NOTES_URL=http://notes:9000/mcp python3 /programs/assistant.py --expect allow list_notes
    say "the log of the server's sidecar holds together"
    pod=$(kubectl -n "$NAMESPACE" get pods -l app.kubernetes.io/name=notes -o name | head -n 1)
    kubectl -n "$NAMESPACE" exec "$pod" -c cedarpost -- /cedarpost audit verify --quiet --audit-dir /var/lib/cedarpost/audit
}

# A pod that Pod Security has nothing against, with this in its metadata and in its spec, and with these words for kubectl.
pod() {
    kubectl -n "$NAMESPACE" create "${@:3}" -f - <<EOF
{"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "attempt-", $1}, "spec": {$2, "restartPolicy": "Never",
 "securityContext": {"runAsNonRoot": true, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
 "containers": [{"name": "c", "image": "docker.io/library/python:3.13-slim", "command": ["sleep", "60"],
  "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}}
EOF
}

# What selects by the label finds every pod that has a sidecar, and workloads go on selecting as they did.
labels() {
    local name selected
    say "every pod of the example has the label, and no selector does"
    for name in notes journal assistant; do
        selected=$(kubectl -n "$NAMESPACE" get pods -l "app.kubernetes.io/name=$name,cedarpost.dev/injected=true" -o name)
        [ -n "$selected" ] || fail "$name has no pod with the label cedarpost.dev/injected"
    done
    if kubectl -n "$NAMESPACE" get deployments -o jsonpath='{.items[*].spec.selector}' | grep -q injected; then
        fail "a Deployment selects by the label"
    fi
    selected=$(kubectl -n "$NAMESPACE" get pods -l app.kubernetes.io/name=notes -o name | head -n 1)
    refused "is missing, or was changed" kubectl -n "$NAMESPACE" label "$selected" cedarpost.dev/injected-
    refused "is for pods whose first init container" kubectl -n default run cedarpost-e2e --image=docker.io/library/python:3.13-slim \
        --labels cedarpost.dev/injected=true --dry-run=server
}

# An event with this reason and these words, about something in our namespace.
told() {
    local reason=$1 words=$2
    for _ in $(seq 30); do
        if kubectl -n "$NAMESPACE" get events --field-selector "reason=$reason" -o jsonpath='{.items[*].message}' | grep -qF -- "$words"; then
            say "told: $reason: $words"
            return
        fi
        sleep 1
    done
    fail "no event $reason says \"$words\""
}

# Whoever looks for a pod that is missing, or has no sidecar, reads why.
events() {
    local before after
    say "pods that are skipped or refused"
    before=$(kubectl -n "$NAMESPACE" get events --field-selector reason=InjectionRefused -o name | wc -l)
    refused "is not one of" pod '"annotations": {"cedarpost.dev/mode": "tried"}' '"hostNetwork": false' --dry-run=server
    refused "is not one of" pod '"annotations": {"cedarpost.dev/mode": "magic"}' '"hostNetwork": false'
    told InjectionRefused "cedarpost.dev/mode"
    after=$(kubectl -n "$NAMESPACE" get events --field-selector reason=InjectionRefused -o name | wc -l)
    [ "$after" -eq $((before + 1)) ] || fail "$((after - before)) events instead of one: a request that only tries leaves none"
    # It is let through by the webhook, and refused by what comes after it.
    if pod '"labels": {}' '"os": {"name": "windows"}' >/dev/null 2>&1; then fail "a Windows pod was not refused"; fi
    told InjectionSkipped "it is a Windows pod"
}

# Each of these would be a way around.
attacks() {
    local pod
    pod=$(kubectl -n "$NAMESPACE" get pods -l app.kubernetes.io/name=notes -o name | head -n 1)
    say "pods without a sidecar, and other ways around it"
    refused "has no place in this namespace" pod '"labels": {"cedarpost.dev/inject": "false"}' '"hostNetwork": false'
    refused "in the network of its node" pod '"annotations": {"cedarpost.dev/mode": "agent"}' '"hostNetwork": true'
    refused "is not known" pod '"annotations": {"cedarpost.dev/mod": "agent"}' '"hostNetwork": false'
    refused "is not one of those that are allowed" kubectl -n "$NAMESPACE" set image "$pod" cedarpost=docker.io/library/python:3.13-slim
    refused "an ephemeral container targets" kubectl -n "$NAMESPACE" debug "$pod" --image=docker.io/library/python:3.13-slim \
        --profile=restricted --target=cedarpost -- sleep 1
    say "a pod while the webhook is away"
    kubectl -n "$SYSTEM" scale deployment/cedarpost-webhook --replicas=0
    kubectl -n "$SYSTEM" wait --for=delete pod -l app.kubernetes.io/component=webhook --timeout="$TIMEOUT"
    refused "inject.cedarpost.dev" pod '"annotations": {"cedarpost.dev/mode": "agent"}' '"hostNetwork": false'
    kubectl -n "$SYSTEM" scale deployment/cedarpost-webhook --replicas=2
    kubectl -n "$SYSTEM" rollout status deployment/cedarpost-webhook --timeout="$TIMEOUT"
}

fresh
mkdir -p "$WORK"
trap remove EXIT
say "installing $IMAGE with $INSTALL"
install_system
say "the example, in namespace $NAMESPACE"
install_example
calls
labels
events
attacks
say "all of it is as it must be"
