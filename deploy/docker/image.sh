#!/usr/bin/env bash
# Builds the image (Dockerfile beside this file): `make image`.
#
#   TAG=localhost/cedarpost:dev   the image's name
#   ENGINE=buildah                buildah, podman or docker; default: the first that is there (and, for docker, runs)
#   ENGINE_ARGS=                  what else the engine is told, such as "--storage-driver overlay --root DIR"
#   BUILD_ARGS=                   what else its build is told, such as "--isolation chroot"
#   ARCHES=                       architectures, by the names of images; default: this machine's. Several make an index
#   BIN_amd64= BIN_arm64=         binaries that were built elsewhere; default: built here
#   CA_FILE=/etc/ssl/certs/ca-certificates.crt
#   OUT=target/image              where everything is staged
set -euo pipefail
cd "$(dirname "$0")/../.."

TAG=${TAG:-localhost/cedarpost:dev}
OUT=${OUT:-target/image}
CA_FILE=${CA_FILE:-/etc/ssl/certs/ca-certificates.crt}
read -r -a ENGINE_ARGS <<<"${ENGINE_ARGS:-}"
read -r -a BUILD_ARGS <<<"${BUILD_ARGS:-}"
HERE=$(uname -m)
case $HERE in x86_64) HERE=amd64 ;; aarch64) HERE=arm64 ;; esac
read -r -a ARCHES <<<"${ARCHES:-$HERE}"

fail() {
    echo "image: $*" >&2
    exit 1
}

engine() {
    local name
    for name in buildah podman docker; do
        command -v "$name" >/dev/null || continue
        if [ "$name" = docker ] && ! docker info >/dev/null 2>&1; then continue; fi
        echo "$name"
        return
    done
    fail "neither buildah nor podman nor a running docker is here"
}

# Builds a static binary and prints where it is. musl when its target and compiler are here, glibc otherwise: both run alone, musl is
# smaller and needs no libraries for names and users.
build() {
    local arch=$1 cpu target flags=${RUSTFLAGS:-}
    case $arch in
    amd64) cpu=x86_64 ;;
    arm64) cpu=aarch64 ;;
    *) fail "no binary for $arch: name one in BIN_$arch" ;;
    esac
    target=$cpu-unknown-linux-musl
    if [ "$arch" = "$HERE" ] && rustc --print target-libdir --target "$target" 2>/dev/null | xargs test -d && command -v musl-gcc >/dev/null; then
        export "CC_${target//-/_}=musl-gcc"
    elif [ "$arch" = "$HERE" ]; then
        echo "image: musl is not here (rustup target add $target; apt-get install musl-tools): glibc is linked in instead" >&2
        target=$cpu-unknown-linux-gnu
        flags="$flags -C target-feature=+crt-static"
    else
        fail "$arch is not this machine's: build it there, or with a cross compiler, and name it in BIN_$arch"
    fi
    # Without names of functions: a smaller image, and backtraces without them.
    CARGO_TARGET_DIR=$OUT/build CARGO_PROFILE_RELEASE_STRIP=symbols RUSTFLAGS=$flags \
        cargo build --locked --release --bin cedarpost --target "$target" >&2
    echo "$OUT/build/$target/release/cedarpost"
}

# Whoever has an interpreter needs libraries that are not in the image.
static() {
    if LC_ALL=C readelf -lW "$1" | grep -q INTERP; then fail "$1 is not static: it would not start in an empty image"; fi
}

ENGINE=${ENGINE:-$(engine)}
STAGE=$OUT/context
rm -rf "$STAGE"
mkdir -p "$STAGE/root/var/lib" "$STAGE/state"
[ -s "$CA_FILE" ] || fail "there are no certificates in $CA_FILE (apt-get install ca-certificates, or set CA_FILE)"
cp "$CA_FILE" "$STAGE/ca-certificates.crt"
cp LICENSE "$STAGE/"
PLATFORMS=()
for arch in "${ARCHES[@]}"; do
    given=BIN_$arch
    binary=${!given:-$(build "$arch")}
    static "$binary"
    mkdir -p "$STAGE/$arch"
    cp "$binary" "$STAGE/$arch/cedarpost"
    PLATFORMS+=("linux/$arch")
done

VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
REVISION=${REVISION:-$(git rev-parse HEAD 2>/dev/null || echo unknown)}
EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
CREATED=$(date -u -d "@$EPOCH" +%Y-%m-%dT%H:%M:%SZ)
deploy/docker/sbom.py --output "$STAGE/sbom.cdx.json"
BUILD_ARGS+=(--build-arg "VERSION=$VERSION" --build-arg "REVISION=$REVISION" --build-arg "CREATED=$CREATED" -f deploy/docker/Dockerfile)

platforms=$(IFS=,; echo "${PLATFORMS[*]}")
case $ENGINE in
buildah | podman)
    command=build
    if [ "${#ARCHES[@]}" -gt 1 ]; then
        "$ENGINE" "${ENGINE_ARGS[@]}" manifest rm "$TAG" >/dev/null 2>&1 || true
        BUILD_ARGS+=(--manifest "$TAG")
    else
        BUILD_ARGS+=(--tag "$TAG")
    fi
    # The time of the commit for all files: the same sources and tools give the same layers.
    BUILD_ARGS+=(--timestamp "$EPOCH" --layers=false)
    "$ENGINE" "${ENGINE_ARGS[@]}" "$command" --platform "$platforms" "${BUILD_ARGS[@]}" "$STAGE"
    ;;
docker)
    SOURCE_DATE_EPOCH=$EPOCH docker "${ENGINE_ARGS[@]}" buildx build --platform "$platforms" --tag "$TAG" --load "${BUILD_ARGS[@]}" "$STAGE"
    ;;
*) fail "unknown engine $ENGINE" ;;
esac

echo "image: $TAG ($ENGINE)"
for arch in "${ARCHES[@]}"; do
    printf 'image: %s: binary %s bytes, with gzip %s\n' "$arch" "$(stat -c %s "$STAGE/$arch/cedarpost")" "$(gzip -6 -c "$STAGE/$arch/cedarpost" | wc -c)"
done
