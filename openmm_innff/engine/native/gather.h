// From a list of pairs to the vectors within the cutoff.
#pragma once

#include "api.h"
#include "basis.h"

namespace inn {

// Directions of differentiation, for dual numbers: (atoms, 3) and (pairs, 3), either may be null.
struct Tangent {
    const double* positions = nullptr;
    const double* offsets = nullptr;
};

template <class T, int LMAX>
void gather(const InnSystem& system, const Tangent& tangent, int64_t i, double cutoff, int nodes,
            Pairs<T, LMAX>& pairs) {
    using S = Scalar<T>;
    const int64_t first = system.starts[i], end = system.starts[i + 1];
    const double limit = cutoff * cutoff, *here = system.positions + 3 * i;
    pairs.clear(static_cast<int>(end - first));
    int n = 0;
    for (int64_t p = first; p < end; p++) {
        const int64_t j = system.second[p];
        double v[3], square = 0;
        for (int a = 0; a < 3; a++) {
            v[a] = system.positions[3 * j + a] - here[a] + system.offsets[3 * p + a];
            square += v[a] * v[a];
        }
        if (!(square < limit)) continue;
        T* const out[3] = {pairs.x, pairs.y, pairs.z};
        for (int a = 0; a < 3; a++) {
            if constexpr (Traits<T>::dual) {
                double d = 0;
                if (tangent.positions) d += tangent.positions[3 * j + a] - tangent.positions[3 * i + a];
                if (tangent.offsets) d += tangent.offsets[3 * p + a];
                out[a][n] = T{static_cast<S>(v[a]), static_cast<S>(d)};
            } else {
                out[a][n] = static_cast<S>(v[a]);
            }
        }
        pairs.node[n] = static_cast<int>(system.species[j]) * nodes;
        pairs.other[n] = static_cast<int>(j);
        pairs.slot[n] = p;
        n++;
    }
    pairs.count = n;
}

}  // namespace inn
