#!/bin/sh
# The whole study: structures, labels (about 25 minutes of one core), trainings (15), and what they changed (5).
# Stop it at any time; the same command goes on. INNFF_DATA names the folder of the water data.
set -e
here=$(dirname "$0")
out=${1:-runs/water-ccsdt}
best="CCSD(T)/6-31G* CP // MP2/aug-cc-pVDZ"
cheap="PBE0/aug-cc-pVDZ"
[ -f "$out/dear.xyz" ] || python "$here/structures.py" --out "$out"
innff label "$out/dear.xyz" --level "$best" --out "$out/labels.db" --export "$out/dear-ccsdt.xyz"
innff label "$out/curve.xyz" --level "$best" --out "$out/curve.db" --export "$out/curve-ccsdt.xyz"
innff label "$out/dear.xyz" --level "$cheap" --out "$out/cheap.db" --export "$out/dear-pbe0.xyz"
innff label "$out/cheap.xyz" --level "$cheap" --out "$out/cheap.db" --export "$out/cheap-pbe0.xyz"
python "$here/study.py" --out "$out"
python "$here/judge.py" --out "$out" --liquid-ps 20
