// Pairs of atoms within a distance, found through a grid of cells.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

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

// Neighbouring cells are searched up to the reach, with cells of about half the reach.
class CellGrid {
public:
    // Positions (atoms, 4; the fourth is not used): inside the box if it is periodic.
    CellGrid(int64_t atoms, const double* positions, const Box& box, bool periodic, double reach)
        : box_(box), periodic_(periodic), limit_(reach * reach) {
        double low[3] = {}, extent[3] = {1, 1, 1};
        if (!periodic) {  // a box around the atoms
            for (int a = 0; a < 3; a++) {
                double high = low[a] = atoms ? positions[a] : 0;
                for (int64_t i = 1; i < atoms; i++) low[a] = std::min(low[a], positions[4 * i + a]), high = std::max(high, positions[4 * i + a]);
                extent[a] = std::max(high - low[a], reach);
            }
            const double rows[9] = {extent[0], 0, 0, 0, extent[1], 0, 0, 0, extent[2]};
            box_ = Box(rows);
        }
        const double most = std::max(1.0, std::cbrt(8.0 * static_cast<double>(atoms)));
        for (int a = 0; a < 3; a++) {
            cells_[a] = static_cast<int>(std::min(std::max(std::floor(2 * box_.width(a) / reach), 1.0), most));
            range_[a] = static_cast<int>(std::ceil(reach * cells_[a] / box_.width(a)));
        }
        place_.resize(3 * atoms);
        std::vector<int64_t> cell(atoms);
        starts_.assign(static_cast<size_t>(cells_[0]) * cells_[1] * cells_[2] + 1, 0);
        for (int64_t i = 0; i < atoms; i++) {
            const double x[3] = {positions[4 * i] - low[0], positions[4 * i + 1] - low[1], positions[4 * i + 2] - low[2]};
            for (int a = 0; a < 3; a++) {
                const double c = box_.fraction(a, x) * cells_[a];
                place_[3 * i + a] = std::min(std::max(static_cast<int>(c), 0), cells_[a] - 1);
            }
            cell[i] = number(place_[3 * i], place_[3 * i + 1], place_[3 * i + 2]);
            starts_[cell[i] + 1]++;
        }
        for (size_t c = 1; c < starts_.size(); c++) starts_[c] += starts_[c - 1];
        std::vector<int64_t> next(starts_.begin(), starts_.end() - 1);
        members_.resize(atoms);
        for (int64_t i = 0; i < atoms; i++) {
            const double* x = positions + 4 * i;
            members_[next[cell[i]]++] = {x[0], x[1], x[2], i};
        }
    }

    // Call found(j, code) for each neighbour j of atom i, where image code 9 (a + 1) + 3 (b + 1)
    // + c + 1 stands for a translation of j by a, b, c box vectors of -1, 0 or 1.
    template <class F>
    void neighbours(int64_t i, const double* here, const F& found) const {
        const int *center = place_.data() + 3 * i;
        double shift[3];
        int at[3], image[3];
        for (int dx = -range_[0]; dx <= range_[0]; dx++) {
            if (!wrap(0, center[0] + dx, at[0], image[0])) continue;
            for (int dy = -range_[1]; dy <= range_[1]; dy++) {
                if (!wrap(1, center[1] + dy, at[1], image[1])) continue;
                for (int dz = -range_[2]; dz <= range_[2]; dz++) {
                    if (!wrap(2, center[2] + dz, at[2], image[2])) continue;
                    const double n[3] = {static_cast<double>(image[0]), static_cast<double>(image[1]), static_cast<double>(image[2])};
                    box_.translation(n, shift);
                    const int code = 9 * (image[0] + 1) + 3 * (image[1] + 1) + image[2] + 1;
                    const int64_t c = number(at[0], at[1], at[2]);
                    const double x = here[0] - shift[0], y = here[1] - shift[1], z = here[2] - shift[2];
                    for (int64_t k = starts_[c]; k < starts_[c + 1]; k++) {
                        const Member& there = members_[k];
                        const double square = (there.x - x) * (there.x - x) + (there.y - y) * (there.y - y) + (there.z - z) * (there.z - z);
                        if (square < limit_ && there.atom != i) found(there.atom, code);
                    }
                }
            }
        }
    }

private:
    struct Member {
        double x, y, z;
        int64_t atom;
    };

    int64_t number(int x, int y, int z) const { return (static_cast<int64_t>(x) * cells_[1] + y) * cells_[2] + z; }

    // Cell and image behind a cell number that may lie outside of the grid; false if none is there.
    bool wrap(int a, int cell, int& at, int& image) const {
        image = cell < 0 ? -1 : cell >= cells_[a] ? 1 : 0;
        at = cell - image * cells_[a];
        return at >= 0 && at < cells_[a] && (periodic_ || image == 0);
    }

    Box box_;
    bool periodic_;
    double limit_;
    int cells_[3], range_[3];
    std::vector<int> place_;
    std::vector<int64_t> starts_;
    std::vector<Member> members_;
};

}  // namespace inn
