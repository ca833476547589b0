#!/usr/bin/env bash
# Ships a log to servers that others have written, and checks it with programs of others: moto and s3rver (S3), Azurite (Azure), a
# directory; aics-witness in both directions. Needs python3 and node; installs what it takes below $WORK. `run.sh [RECORDS]`
set -euo pipefail
cd "$(dirname "$0")/../.."

RECORDS=${1:-5000}
WORK=${WORK:-$(mktemp -d)}
TARGET=${CARGO_TARGET_DIR:-target}
PIDS=()

stop() {
    for pid in "${PIDS[@]:-}"; do
        [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
    done
}
trap stop EXIT

start() { # LOG COMMAND…
    local log=$1
    shift
    "$@" >"$WORK/$log" 2>&1 &
    PIDS+=($!)
}

wait_for() { # PORT
    for _ in $(seq 150); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
        sleep 0.2
    done
    echo "nobody listens on $1" >&2
    return 1
}

[ -x "$WORK/python/bin/python" ] || python3 -m venv "$WORK/python"
"$WORK/python/bin/pip" -q install 'moto[server,s3]==5.2.5' cryptography
# The aics packages ask for Python 3.12 and run on 3.11.
"$WORK/python/bin/pip" -q install --ignore-requires-python --no-deps aics-tlog==0.2.1 aics-witness==0.1.0
[ -d "$WORK/node_modules/azurite" ] || npm install --silent --no-audit --no-fund --prefix "$WORK" azurite@3 s3rver@3

cargo build --bin cedarpost --example ship
SHIP=$TARGET/debug/examples/ship

start moto.log "$WORK/python/bin/moto_server" -H 127.0.0.1 -p 5555
start s3rver.log "$WORK/node_modules/.bin/s3rver" -d "$WORK/s3rver" -a 127.0.0.1 -p 5556 --configure-bucket bucket
start azurite.log "$WORK/node_modules/.bin/azurite-blob" --inMemoryPersistence --disableTelemetry --blobHost 127.0.0.1 --blobPort 10000
for port in 5555 5556 10000; do wait_for "$port"; done
curl -fsS -X PUT http://127.0.0.1:5555/bucket >/dev/null
python3 tests/ship/container.py logs

rm -rf "$WORK/copy"
echo "== a directory"
"$SHIP" "$RECORDS" "file://$WORK/copy"
export AWS_ACCESS_KEY_ID=S3RVER AWS_SECRET_ACCESS_KEY=S3RVER
echo "== moto (S3)"
AWS_ENDPOINT_URL=http://127.0.0.1:5555 "$SHIP" "$RECORDS" "s3://bucket/logs/$$"
echo "== s3rver (S3, ignores conditions on puts)"
AWS_ENDPOINT_URL=http://127.0.0.1:5556 "$SHIP" "$RECORDS" "s3://bucket/logs/$$"
echo "== Azurite (Azure)"
AZURE_STORAGE_USE_EMULATOR=true "$SHIP" "$RECORDS" "az://logs/logs/$$"
echo "== aics-tlog and aics-witness"
"$WORK/python/bin/python" tests/ship/witness.py "$TARGET/debug/cedarpost" "$SHIP" "$WORK/copy"
