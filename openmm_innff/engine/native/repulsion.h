// Core repulsion as in potential/repulsion.py (Ziegler, Biersack and Littmark, 1985).
#pragma once

#include <cmath>

namespace inn {

// Half of the energy of a pair (both directions are in the list), and d(energy)/d(r^2).
inline double core_repulsion(double square, double radius, double strength, double inverse_length, double& slope) {
    const double amplitude[4] = {0.18175, 0.50986, 0.28022, 0.02817};
    const double decay[4] = {3.19980, 0.94229, 0.40290, 0.20162};
    const double r = std::sqrt(square), p = 1 - square / (radius * radius);
    double screening = 0, steepness = 0;
    for (int k = 0; k < 4; k++) {
        const double term = amplitude[k] * std::exp(-decay[k] * inverse_length * r);
        screening += term;
        steepness -= decay[k] * inverse_length * term;
    }
    const double front = 0.5 * strength / r, envelope = p * p * p;
    const double by_r = front * ((steepness - screening / r) * envelope) ;
    slope = by_r / (2 * r) - front * screening * 3 * p * p / (radius * radius);
    return front * screening * envelope;
}

}  // namespace inn
