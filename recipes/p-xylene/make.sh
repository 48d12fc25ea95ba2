#!/bin/sh
# p-xylene, the ligand of T4 lysozyme L99A, at a DFT level with dispersion: 300 labels.
# Stop it at any time; the same command goes on. Arguments go to the second step, such as --workers 8.
set -e
level="PBE0-D3BJ/def2-SVP"
cheap=runs/p-xylene-gfn2

innff bespoke "Cc1ccc(C)cc1" --name p-xylene-gfn2 --level GFN2-xTB --out "$cheap" --resume
innff bespoke "Cc1ccc(C)cc1" --name p-xylene --level "$level" --labels 300 --target 10 \
    --from "$cheap/final/p-xylene-gfn2.innff" --out runs/p-xylene --resume "$@"
