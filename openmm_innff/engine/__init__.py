"""The nodal density and whole components as compiled kernels, with plain torch as reference."""
