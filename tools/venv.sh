#!/usr/bin/env bash
# Make or update a virtual environment:  tools/venv.sh FOLDER GIGABYTES PIP_INSTALL_ARGUMENTS...
# GIGABYTES is what the whole environment takes on the disk. May be repeated: it adds what is missing.
set -euo pipefail

folder=$1 gigabytes=$2
shift 2

fail() {
    printf 'error: %s\n' "$@" >&2
    exit 1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail "no Python 3.11 to 3.14 found (python3 is $(python3 --version 2>/dev/null || echo missing))." \
        "On Debian or Ubuntu: sudo apt install python3 python3-venv; or name one: make PYTHON=/path/to/python"
}

if ! "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "$python has no venv module. On Debian or Ubuntu: sudo apt install python3-venv"
    free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1048576) }')
    [ "$free" -ge "$gigabytes" ] ||
        fail "$folder needs about $gigabytes GB, and this disk has $free GB left."
    echo "== making $folder with $("$python" --version): about $gigabytes GB, a few minutes, once"
    "$python" -m venv --clear "$folder"
fi

echo "== installing into $folder: $*"
SECONDS=0
# Short words for an update: only what changes is of interest.
quiet=$([ ! -e "$folder/.installed" ] || echo --quiet)
"$folder/bin/python" -m pip install --disable-pip-version-check ${quiet:+"$quiet"} "$@"
echo "== $folder is ready: $SECONDS s, $(du -sh "$folder" | cut -f1) on the disk"
