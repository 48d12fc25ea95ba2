// The neighbour list of a simulation: kept until an atom has moved half the skin.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "api.h"
#include "cells.h"

namespace inn {

class VerletList {
public:
    // Answers of `renew`, and of the functions that Python calls.
    enum Fault { NONE = 0, NOT_FINITE = 1, NARROW = 2 };

    int64_t atoms() const { return static_cast<int64_t>(order_.size()); }
    const int64_t* species() const { return species_.data(); }
    int64_t renewals() const { return renewals_; }

    void set_atoms(const InnAtoms& given, double cutoff) {
        order_.assign(given.order, given.order + given.atoms);
        species_.assign(given.species, given.species + given.atoms);
        periodic_ = given.periodic;
        cutoff_ = cutoff;
        skin_ = given.skin;
        wraps_.assign(3 * given.atoms, 0);
        place_.assign(4 * given.atoms, 0);  // x, y, z and the species
        for (int64_t k = 0; k < given.atoms; k++) place_[4 * k + 3] = static_cast<double>(species_[k]);
        reference_.clear();
    }

    // Make the list again if it is out of date; take the positions of this step.
    Fault update(const double* positions, const double* box) {
        if (stale(positions, box))
            if (const Fault fault = renew(positions, box)) return fault;
        place(positions);
        return NONE;
    }

    // Position of atom i of the sorted ones, and its species.
    const double* at(int64_t i) const { return place_.data() + 4 * i; }

    // Write the vectors from atom i to its neighbours within the cutoff.
    template <class P>
    void gather(int64_t i, double cutoff, int nodes, P& pairs) const {
        using S = typename P::S;
        const double limit = cutoff * cutoff, *here = at(i);
        pairs.clear(static_cast<int>(starts_[i + 1] - starts_[i]));
        S *const x = pairs.x, *const y = pairs.y, *const z = pairs.z;
        int *const node = pairs.node, *const other = pairs.other;
        int n = 0;
        each_neighbour(i, [&](uint32_t j, const double* shift) {
            const double* there = at(j);
            const double dx = there[0] - here[0] + shift[0], dy = there[1] - here[1] + shift[1];
            const double dz = there[2] - here[2] + shift[2];
            // Always written, kept only if near: quicker than a jump that is hard to foresee.
            x[n] = static_cast<S>(dx), y[n] = static_cast<S>(dy), z[n] = static_cast<S>(dz);
            node[n] = static_cast<int>(there[3]) * nodes, other[n] = static_cast<int>(j);
            n += dx * dx + dy * dy + dz * dz < limit;
        });
        pairs.count = n;
    }

    // Call f(j, shift) for each neighbour j of atom i in the list, translated by shift.
    template <class F>
    void each_neighbour(int64_t i, const F& f) const {
        const uint32_t* const end = entries_.data() + starts_[i + 1];
        for (const uint32_t* entry = entries_.data() + starts_[i]; entry < end; entry++) f(*entry >> 5, shifts_[*entry & 31]);
    }

    // Write values (atoms, 3) of the sorted atoms in the order of the caller's atoms.
    void scatter(const double* sorted, double* out) const {
        for (size_t k = 0; k < order_.size(); k++)
            for (int a = 0; a < 3; a++) out[3 * order_[k] + a] = sorted[3 * k + a];
    }

private:
    bool stale(const double* positions, const double* box) const {
        if (reference_.empty()) return true;
        if (periodic_ && std::memcmp(box, box_, sizeof(box_)) != 0) return true;
        double most = 0;
        bool finite = true;
        for (size_t k = 0; k < reference_.size(); k += 3) {
            double moved = 0;
            for (size_t a = k; a < k + 3; a++) moved += (positions[a] - reference_[a]) * (positions[a] - reference_[a]);
            finite = finite && moved < 1e300;  // false for NaN as well
            most = moved > most ? moved : most;
        }
        return !finite || most > 0.25 * skin_ * skin_;
    }

    Fault renew(const double* positions, const double* box) {
        for (int64_t k = 0; k < 3 * atoms(); k++)
            if (!std::isfinite(positions[k])) return NOT_FINITE;
        const Box lattice = periodic_ ? Box(box) : Box();
        for (int a = 0; a < 3 && periodic_; a++)
            if (!(lattice.width(a) >= 2 * cutoff_)) return NARROW;
        std::memcpy(box_, box, sizeof(box_));
        for (int k = 0; k < 27; k++) {
            const double n[3] = {k / 9 - 1.0, k / 3 % 3 - 1.0, k % 3 - 1.0};
            lattice.translation(n, shifts_[k]);
        }
        for (int64_t k = 0; k < atoms() && periodic_; k++) {
            double n[3];
            for (int a = 0; a < 3; a++) n[a] = std::floor(lattice.fraction(a, positions + 3 * order_[k]));
            lattice.translation(n, wraps_.data() + 3 * k);
        }
        place(positions);
        fill(CellGrid(atoms(), place_.data(), lattice, periodic_, cutoff_ + skin_));
        reference_.assign(positions, positions + 3 * atoms());
        renewals_++;
        return NONE;
    }

    // Take positions, sorted by species and moved near the box.
    void place(const double* positions) {
        for (size_t k = 0; k < order_.size(); k++)
            for (int a = 0; a < 3; a++) place_[4 * k + a] = positions[3 * order_[k] + a] - wraps_[3 * k + a];
    }

    // The list of each atom is sorted, so that sums are the same whenever it was made, and memory is
    // read forwards.
    void fill(const CellGrid& grid) {
        const int64_t n = atoms();
        found_.clear();
        begins_.resize(n);
        starts_.assign(n + 1, 0);
        grid.each_atom([&](uint32_t i, const uint32_t* near, int64_t count) {
            begins_[i] = found_.size();
            starts_[i + 1] = count;
            found_.insert(found_.end(), near, near + count);
        });
        for (int64_t i = 0; i < n; i++) starts_[i + 1] += starts_[i];
        entries_.resize(found_.size());
        for (int64_t i = 0; i < n; i++) {
            const auto begin = found_.begin() + begins_[i];
            std::copy(begin, begin + (starts_[i + 1] - starts_[i]), entries_.begin() + starts_[i]);
        }
    }

    std::vector<int64_t> order_, species_, starts_, begins_;
    std::vector<uint32_t> entries_, found_;
    std::vector<double> wraps_, reference_, place_;
    double shifts_[32][4] = {}, box_[9] = {};
    double cutoff_ = 0, skin_ = 0;
    bool periodic_ = false;
    int64_t renewals_ = 0;
};

}  // namespace inn
