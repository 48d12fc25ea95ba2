#!/bin/sh
# p-xylene, the ligand of T4 lysozyme L99A, at a DFT level with dispersion: 300 labels, after a base of
# GFN2-xTB that is made first. Stop it at any time; the same command goes on. Arguments are passed on,
# such as --workers 8.
set -e
innff bespoke "Cc1ccc(C)cc1" --name p-xylene --level PBE0-D3BJ/def2-SVP --labels 300 --target 10 \
    --out runs/p-xylene --resume "$@"
