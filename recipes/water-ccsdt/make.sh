#!/bin/sh
# The study from the labels that are here: trainings, and what they changed; README.md says what that takes.
# Stop it at any time; the same command goes on. INNFF_DATA names the folder of the water data.
set -e
here=$(dirname "$0")
out=${1:-runs/water-ccsdt}
[ -f "$out/pool.xyz" ] || python "$here/structures.py" --out "$out"
innff label "$out/pool.xyz" --level GFN2-xTB --out "$out/pool.db" --export "$out/pool-gfn2.xyz"
for name in dear-ccsdt dear-pbe0 curve-ccsdt; do
    [ -f "$out/$name.xyz" ] || cp "$here/labels/$name.xyz" "$out"
done
python "$here/study.py" --out "$out"
python "$here/judge.py" --out "$out" --liquid-ps 20
