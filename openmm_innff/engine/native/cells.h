// Pairs of atoms within a distance, found through a grid of cells.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "near.h"

namespace inn {

// A box whose vectors are rows, and its inverse.
class Box {
public:
    Box() = default;
    explicit Box(const double* rows) {
        std::copy(rows, rows + 9, rows_);
        for (int a = 0; a < 3; a++) {
            const double *p = rows + 3 * ((a + 1) % 3), *q = rows + 3 * ((a + 2) % 3);
            const double normal[3] = {p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]};
            double volume = 0, area = 0;
            for (int b = 0; b < 3; b++) volume += rows[3 * a + b] * normal[b], area += normal[b] * normal[b];
            for (int b = 0; b < 3; b++) inverse_[a][b] = normal[b] / volume;
            width_[a] = std::abs(volume) / std::sqrt(area);
        }
    }
    // Coordinate of a point along box vector a; 0 to 1 inside the box.
    double fraction(int a, const double* x) const { return x[0] * inverse_[a][0] + x[1] * inverse_[a][1] + x[2] * inverse_[a][2]; }
    // Distance between the faces that box vector a connects.
    double width(int a) const { return width_[a]; }
    // Lattice translation by whole numbers of box vectors.
    void translation(const double* n, double* out) const {
        for (int b = 0; b < 3; b++) out[b] = n[0] * rows_[b] + n[1] * rows_[3 + b] + n[2] * rows_[6 + b];
    }

private:
    double rows_[9] = {}, inverse_[3][3] = {}, width_[3] = {};
};

// Atoms by cells that are at least as wide as the reach; half as wide in a small box, which would
// be searched several times over otherwise.
class CellGrid {
public:
    // Positions (atoms, 4; the fourth is not used): inside the box if it is periodic.
    CellGrid(int64_t atoms, const double* positions, const Box& box, bool periodic, double reach)
        : positions_(positions), box_(box), periodic_(periodic), limit_(reach * reach) {
        double low[3] = {};
        if (!periodic) enclose(atoms, reach, low);
        const double most = std::max(1.0, std::cbrt(8.0 * static_cast<double>(atoms)));  // of a dilute system
        for (int a = 0; a < 3; a++) {
            const double ratio = box_.width(a) / reach, fineness = ratio < 2 ? 2 : 1;
            cells_[a] = static_cast<int>(std::min(std::max(std::floor(fineness * ratio), 1.0), most));
            range_[a] = static_cast<int>(std::ceil(reach * cells_[a] / box_.width(a)));
        }
        for (int k = 0; k < 27; k++) {
            const double n[3] = {k / 9 - 1.0, k / 3 % 3 - 1.0, k % 3 - 1.0};
            box_.translation(n, shifts_[k]);
        }
        sort(atoms, low);
        find_candidates(atoms);
    }

    // Call found(i, entries, count) once for each atom i, in any order. An entry, 32 j + image, is a
    // neighbour j translated by a, b, c box vectors, where image = 9 (a + 1) + 3 (b + 1) + c + 1.
    // Entries ascend with j.
    template <class F>
    void each_atom(const F& found) const {
        std::vector<double> x, y, z;
        std::vector<uint32_t> near;
        for (size_t cell = 0; cell + 1 < starts_.size(); cell++) {
            if (starts_[cell] == starts_[cell + 1]) continue;
            const uint32_t* entries = candidates_.data() + begins_[cell];
            const int64_t count = begins_[cell + 1] - begins_[cell];
            if (count > static_cast<int64_t>(x.size())) x.resize(count), y.resize(count), z.resize(count), near.resize(count + 8);
            for (int64_t k = 0; k < count; k++) {
                const double *there = positions_ + 4 * (entries[k] >> 5), *shift = shifts_[entries[k] & 31];
                x[k] = there[0] + shift[0], y[k] = there[1] + shift[1], z[k] = there[2] + shift[2];
            }
            const Points points{x.data(), y.data(), z.data(), entries, count};
            for (int64_t m = starts_[cell]; m < starts_[cell + 1]; m++) {
                const uint32_t i = atom_[m], self = i << 5 | 13;
                found(i, near.data(), select_near(points, positions_ + 4 * i, limit_, self, near.data()));
            }
        }
    }

private:
    // A box around the atoms.
    void enclose(int64_t atoms, double reach, double* low) {
        double rows[9] = {};
        for (int a = 0; a < 3; a++) {
            double high = low[a] = atoms ? positions_[a] : 0;
            for (int64_t i = 1; i < atoms; i++) low[a] = std::min(low[a], positions_[4 * i + a]), high = std::max(high, positions_[4 * i + a]);
            rows[4 * a] = std::max(high - low[a], reach);
        }
        box_ = Box(rows);
    }

    void sort(int64_t atoms, const double* low) {
        place_.resize(3 * atoms);
        starts_.assign(static_cast<size_t>(cells_[0]) * cells_[1] * cells_[2] + 1, 0);
        for (int64_t i = 0; i < atoms; i++) {
            const double x[3] = {positions_[4 * i] - low[0], positions_[4 * i + 1] - low[1], positions_[4 * i + 2] - low[2]};
            for (int a = 0; a < 3; a++) {
                const double c = box_.fraction(a, x) * cells_[a];
                place_[3 * i + a] = std::min(std::max(static_cast<int>(c), 0), cells_[a] - 1);
            }
            starts_[number(place_.data() + 3 * i) + 1]++;
        }
        for (size_t c = 1; c < starts_.size(); c++) starts_[c] += starts_[c - 1];
        std::vector<int64_t> next(starts_.begin(), starts_.end() - 1);
        atom_.resize(atoms);
        for (int64_t i = 0; i < atoms; i++) atom_[next[number(place_.data() + 3 * i)]++] = static_cast<uint32_t>(i);
    }

    // Atom j, in ascending order, becomes a candidate of all atoms in the cells around it: so the
    // candidates of each cell are sorted without further work.
    void find_candidates(int64_t atoms) {
        begins_.assign(starts_.size(), 0);
        for (size_t cell = 0; cell + 1 < starts_.size(); cell++)
            if (const int64_t members = starts_[cell + 1] - starts_[cell])
                each_cell_around(place_.data() + 3 * atom_[starts_[cell]], [&](int64_t near, uint32_t) { begins_[near + 1] += members; });
        for (size_t c = 1; c < begins_.size(); c++) begins_[c] += begins_[c - 1];
        candidates_.resize(begins_.back());
        std::vector<int64_t> next(begins_.begin(), begins_.end() - 1);
        for (int64_t j = 0; j < atoms; j++)
            each_cell_around(place_.data() + 3 * j, [&](int64_t near, uint32_t image) {
                candidates_[next[near]++] = static_cast<uint32_t>(j) << 5 | image;
            });
    }

    // Call f(cell, image) for each cell within reach of one, and the image of the latter's atoms
    // that is near it.
    template <class F>
    void each_cell_around(const int* center, const F& f) const {
        int at[3], a, b, c;
        for (int dx = -range_[0]; dx <= range_[0]; dx++) {
            if (!wrap(0, center[0] + dx, at[0], a)) continue;
            for (int dy = -range_[1]; dy <= range_[1]; dy++) {
                if (!wrap(1, center[1] + dy, at[1], b)) continue;
                for (int dz = -range_[2]; dz <= range_[2]; dz++)
                    if (wrap(2, center[2] + dz, at[2], c)) f(number(at), static_cast<uint32_t>(13 - 9 * a - 3 * b - c));
            }
        }
    }

    int64_t number(const int* at) const { return (static_cast<int64_t>(at[0]) * cells_[1] + at[1]) * cells_[2] + at[2]; }

    // Cell and image behind a cell number that may lie outside of the grid; false if none is there.
    bool wrap(int a, int cell, int& at, int& image) const {
        image = cell < 0 ? -1 : cell >= cells_[a] ? 1 : 0;
        at = cell - image * cells_[a];
        return at >= 0 && at < cells_[a] && (periodic_ || image == 0);
    }

    const double* positions_;
    Box box_;
    bool periodic_;
    double limit_, shifts_[27][3];
    int cells_[3], range_[3];
    std::vector<int> place_;                       // (atoms, 3) cell of each atom
    std::vector<int64_t> starts_, begins_;         // of the cells in atom_ and in candidates_
    std::vector<uint32_t> atom_, candidates_;      // sorted by cell
};

}  // namespace inn
