#!/usr/bin/env bash
# Makes an authority and a certificate for the webhook where there is no cert-manager, puts them into the cluster as a Secret, and prints the
# authority's certificate as `caBundle` wants it. Needs openssl and kubectl.
#
#   deploy/certificates.sh [--namespace cedarpost] [--service cedarpost-webhook] [--secret cedarpost-webhook-tls] [--days 365] [--output DIR]
#
# With --output the files go there and nothing is asked of a cluster. Whoever has the authority's key can stand in for the webhook: it is
# thrown away, so the next certificate, well before this one ends, comes with another authority, and `caBundle` has to be set again.
set -euo pipefail

namespace=cedarpost
service=cedarpost-webhook
secret=cedarpost-webhook-tls
days=365
output=
while [ $# -gt 0 ]; do
    case $1 in
    --namespace | --service | --secret | --days | --output)
        [ $# -ge 2 ] || { echo "certificates: $1 wants a value" >&2; exit 2; }
        printf -v "${1#--}" %s "$2"
        shift 2
        ;;
    *) echo "certificates: unknown argument $1" >&2; exit 2 ;;
    esac
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 077
name=$service.$namespace.svc

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$days" -subj "/CN=$service authority" \
    -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign" \
    -keyout "$work/ca.key" -out "$work/ca.crt" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" -keyout "$work/tls.key" -out "$work/tls.csr" 2>/dev/null
cat >"$work/extensions" <<EOF
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectAltName=DNS:$name,DNS:$name.cluster.local
EOF
openssl x509 -req -in "$work/tls.csr" -CA "$work/ca.crt" -CAkey "$work/ca.key" -CAcreateserial -days "$days" \
    -extfile "$work/extensions" -out "$work/tls.crt" 2>/dev/null
openssl verify -CAfile "$work/ca.crt" "$work/tls.crt" >/dev/null

if [ -n "$output" ]; then
    mkdir -p "$output"
    cp "$work/ca.crt" "$work/tls.crt" "$work/tls.key" "$output/"
else
    kubectl -n "$namespace" create secret tls "$secret" --cert="$work/tls.crt" --key="$work/tls.key" --dry-run=client -o yaml |
        kubectl apply -f - >&2
fi
base64 -w0 <"$work/ca.crt"
echo
