// The neighbour list of a simulation: kept until an atom has moved half the skin.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "api.h"

namespace inn {

class VerletList {
public:
    int64_t atoms() const { return static_cast<int64_t>(order_.size()); }
    const int64_t* species() const { return species_.data(); }

    void set(const InnList& list) {
        const int64_t n = list.atoms;
        order_.assign(list.order, list.order + n);
        species_.assign(list.species, list.species + n);
        wraps_.assign(list.wraps, list.wraps + 3 * n);
        reference_.assign(list.positions, list.positions + 3 * n);
        box_.assign(list.box, list.box + 9);
        periodic_ = list.periodic;
        limit_ = 0.25 * list.skin * list.skin;
        for (int k = 0; k < 27; k++)
            for (int a = 0; a < 3; a++)
                shifts_[k][a] = periodic_ ? (k / 9 - 1) * box_[a] + (k / 3 % 3 - 1) * box_[3 + a] + (k % 3 - 1) * box_[6 + a] : 0;
        place_.resize(4 * n);  // x, y, z and the species
        for (int64_t k = 0; k < n; k++) place_[4 * k + 3] = static_cast<double>(species_[k]);
        fill(list);
    }

    bool stale(const double* positions, const double* box) const {
        if (order_.empty()) return true;
        if (periodic_ && std::memcmp(box, box_.data(), 9 * sizeof(double)) != 0) return true;
        double most = 0;
        bool finite = true;
        for (size_t k = 0; k < order_.size(); k++) {
            const double* here = positions + 3 * order_[k];
            const double* there = reference_.data() + 3 * k;
            double moved = 0;
            for (int a = 0; a < 3; a++) moved += (here[a] - there[a]) * (here[a] - there[a]);
            finite = finite && moved < 1e300;  // false for NaN as well
            most = moved > most ? moved : most;
        }
        return !finite || most > limit_;
    }

    // Take the positions of a step, sorted by species and moved near the box.
    void place(const double* positions) {
        for (size_t k = 0; k < order_.size(); k++)
            for (int a = 0; a < 3; a++) place_[4 * k + a] = positions[3 * order_[k] + a] - wraps_[3 * k + a];
    }

    // Write the vectors from atom i to its neighbours within the cutoff.
    template <class P>
    void gather(int64_t i, double cutoff, int nodes, P& pairs) const {
        using S = typename P::S;
        const double limit = cutoff * cutoff, *here = place_.data() + 4 * i;
        pairs.clear(static_cast<int>(starts_[i + 1] - starts_[i]));
        S *const x = pairs.x, *const y = pairs.y, *const z = pairs.z;
        int *const node = pairs.node, *const other = pairs.other;
        const uint32_t* const end = entries_.data() + starts_[i + 1];
        int n = 0;
        for (const uint32_t* entry = entries_.data() + starts_[i]; entry < end; entry++) {
            const uint32_t j = *entry >> 5;
            const double *there = place_.data() + 4 * static_cast<size_t>(j), *shift = shifts_[*entry & 31];
            const double dx = there[0] - here[0] + shift[0], dy = there[1] - here[1] + shift[1];
            const double dz = there[2] - here[2] + shift[2];
            // Always written, kept only if near: quicker than a jump that is hard to foresee.
            x[n] = static_cast<S>(dx), y[n] = static_cast<S>(dy), z[n] = static_cast<S>(dz);
            node[n] = static_cast<int>(there[3]) * nodes, other[n] = static_cast<int>(j);
            n += dx * dx + dy * dy + dz * dz < limit;
        }
        pairs.count = n;
    }

    // Write values (atoms, 3) of the sorted atoms in the order of the caller's atoms.
    void scatter(const double* sorted, double* out) const {
        for (size_t k = 0; k < order_.size(); k++)
            for (int a = 0; a < 3; a++) out[3 * order_[k] + a] = sorted[3 * k + a];
    }

private:
    // Each pair comes once; the list holds it for both atoms.
    void fill(const InnList& list) {
        const int64_t n = list.atoms;
        starts_.assign(n + 1, 0);
        for (int64_t p = 0; p < list.pairs; p++) starts_[list.first[p] + 1]++, starts_[list.second[p] + 1]++;
        for (int64_t i = 0; i < n; i++) starts_[i + 1] += starts_[i];
        entries_.resize(2 * list.pairs);
        std::vector<int64_t> next(starts_.begin(), starts_.end() - 1);
        for (int64_t p = 0; p < list.pairs; p++) {
            const int64_t i = list.first[p], j = list.second[p];
            const int32_t* s = list.shifts + 3 * p;
            const int code = 9 * (s[0] + 1) + 3 * (s[1] + 1) + s[2] + 1;
            entries_[next[i]++] = static_cast<uint32_t>(j << 5 | code);
            entries_[next[j]++] = static_cast<uint32_t>(i << 5 | (26 - code));
        }
        // Sums in the same order whenever the list was made, and memory read forwards.
        for (int64_t i = 0; i < n; i++) std::sort(entries_.begin() + starts_[i], entries_.begin() + starts_[i + 1]);
    }

    std::vector<int64_t> order_, species_, starts_;
    std::vector<uint32_t> entries_;
    std::vector<double> wraps_, reference_, box_, place_;
    double shifts_[32][4] = {};
    double limit_ = 0;
    bool periodic_ = false;
};

}  // namespace inn
