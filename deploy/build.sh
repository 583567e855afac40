#!/usr/bin/env bash
# Builds the wheel and installs it into an environment of its own: what deploy/Dockerfile does, and CI in an empty folder.
#
#   deploy/build.sh SOURCE TARGET    SOURCE: the checkout; TARGET: the environment to make, where it is going to be used
#
# PYTHON names the Python that is going to run it, by default the one on the path. Nothing is compiled from C.
set -euo pipefail
source=$(cd "$1" && pwd)
target=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PIP_QUIET=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
pip() { python3 -m pip "$@"; }

PIP_CONSTRAINT="$source/constraints.txt" pip wheel --no-deps --wheel-dir "$work" "$source"
"${PYTHON:-python3}" -m venv --without-pip "$target"
wheel=$(ls "$work"/nomos_mcp-*.whl)
pip --python "$target/bin/python" install --only-binary :all: --no-compile --constraint "$source/constraints.txt" \
  "$wheel[otel,postgresql]"
pip --python "$target/bin/python" check
# It can write none later. Not by the files' times, which copying may change.
"$target/bin/python" -m compileall -q --invalidation-mode unchecked-hash "$target/lib"
"$target/bin/nomos-mcp" --version
