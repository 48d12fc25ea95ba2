#!/bin/sh
# Trains p-xylene.innff again from the labels in this folder: ten minutes of one core.
set -e
cd "$(dirname "$0")"
out=../../runs/p-xylene
innff train base.toml --out $out/base
innff train dft.toml --from $out/base/p-xylene-base.innff --out $out/dft
python test.py $out/dft/p-xylene.innff
