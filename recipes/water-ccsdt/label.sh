#!/bin/sh
# Labels of the study, about 45 minutes of one core. Stop it at any time; the same command goes on.
set -e
out=${1:-runs/water-ccsdt}
best="CCSD(T)/6-31G* CP // MP2/aug-cc-pVDZ"
cheap="PBE0/aug-cc-pVDZ"
innff label "$out/dear.xyz" --level "$best" --out "$out/labels.db" --export "$out/dear-ccsdt.xyz"
innff label "$out/dear.xyz" --level "$cheap" --out "$out/cheap.db" --export "$out/dear-pbe0.xyz"
innff label "$out/cheap.xyz" --level "$cheap" --out "$out/cheap.db" --export "$out/cheap-pbe0.xyz"
innff label "$out/curve.xyz" --level "$best" --out "$out/curve.db" --export "$out/curve-ccsdt.xyz"
