#!/bin/sh
# Makes the labels again, for make.sh to go on from. Stop it at any time; the same command goes on.
set -e
here=$(dirname "$0")
out=${1:-runs/water-ccsdt}
best="CCSD(T)/6-31G* CP // MP2/aug-cc-pVDZ"
[ -f "$out/dear.xyz" ] || python "$here/structures.py" --out "$out"
innff label "$out/dear.xyz" --level "$best" --out "$out/labels.db" --export "$out/dear-ccsdt.xyz"
innff label "$out/curve.xyz" --level "$best" --out "$out/curve.db" --export "$out/curve-ccsdt.xyz"
innff label "$out/dear.xyz" --level PBE0/aug-cc-pVDZ --out "$out/cheap.db" --export "$out/dear-pbe0.xyz"
