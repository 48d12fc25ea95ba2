// Hydrogens moved to fixed lengths of their bonds, and forces passed on: forces/mollified.py.
#include <algorithm>
#include <cmath>

#include "api.h"
#include "cells.h"

// `bonds` keeps, for each bond, its direction towards the partner and the fixed length by the present one.
INN_API void inn_move_hydrogens(const InnHydrogens* given, int64_t atoms, const double* positions, const double* box,
                                double* moved, double* bonds) {
    const inn::Box lattice = given->periodic ? inn::Box(box) : inn::Box();
    std::copy(positions, positions + 3 * atoms, moved);
    for (int64_t k = 0; k < given->bonds; k++) {
        const int64_t hydrogen = 3 * given->hydrogens[k], partner = 3 * given->partners[k];
        double bond[3], n[3], image[3] = {}, square = 0;
        for (int a = 0; a < 3; a++) bond[a] = positions[partner + a] - positions[hydrogen + a];
        if (given->periodic) {
            for (int a = 0; a < 3; a++) {
                n[a] = std::nearbyint(lattice.fraction(a, bond));
                if (!std::isfinite(n[a])) n[a] = 0;  // who evaluates says what is wrong with the box
            }
            lattice.translation(n, image);
        }
        for (int a = 0; a < 3; a++) bond[a] -= image[a], square += bond[a] * bond[a];
        const double length = std::sqrt(square), ratio = given->lengths[k] / length;
        for (int a = 0; a < 3; a++) {
            moved[hydrogen + a] += (1 - ratio) * bond[a];
            bonds[4 * k + a] = bond[a] / length;
        }
        bonds[4 * k + 3] = ratio;
    }
}

// The gradient through the former: what does not turn a bond acts on the partner.
INN_API void inn_pass_forces(const InnHydrogens* given, const double* bonds, double* forces) {
    for (int64_t k = 0; k < given->bonds; k++) {
        const double *direction = bonds + 4 * k, ratio = direction[3];
        double *own = forces + 3 * given->hydrogens[k], *partner = forces + 3 * given->partners[k];
        const double along = own[0] * direction[0] + own[1] * direction[1] + own[2] * direction[2];
        for (int a = 0; a < 3; a++) {
            const double passed = own[a] - ratio * (own[a] - along * direction[a]);
            own[a] -= passed, partner[a] += passed;
        }
    }
}
