"""Reference calculations: energies, forces and dipoles of frames by quantum chemistry."""
