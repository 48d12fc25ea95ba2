#!/bin/sh
# The whole study: structures, labels, trainings, and what they changed; README.md says what that takes.
# Stop it at any time; the same command goes on. INNFF_DATA names the folder of the water data.
set -e
here=$(dirname "$0")
out=${1:-runs/water-ccsdt}
best="CCSD(T)/6-31G* CP // MP2/aug-cc-pVDZ"
cheap="PBE0/aug-cc-pVDZ"
[ -f "$out/dear.xyz" ] || python "$here/structures.py" --out "$out"
innff label "$out/pool.xyz" --level GFN2-xTB --out "$out/pool.db" --export "$out/pool-gfn2.xyz"
innff label "$out/dear.xyz" --level "$best" --out "$out/labels.db" --export "$out/dear-ccsdt.xyz"
innff label "$out/dear.xyz" --level "$cheap" --out "$out/cheap.db" --export "$out/dear-pbe0.xyz"
innff label "$out/curve.xyz" --level "$best" --out "$out/curve.db" --export "$out/curve-ccsdt.xyz"
python "$here/study.py" --out "$out"
python "$here/judge.py" --out "$out" --liquid-ps 20
