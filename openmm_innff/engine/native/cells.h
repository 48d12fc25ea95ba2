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

// Atoms by cells as wide as the reach, or half as wide.
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
        // Smaller cells have fewer candidates, which pays where there are many; a cell of a dilute
        // system may be large.
        double volume = 1;
        for (int a = 0; a < 3; a++) volume *= box_.width(a);
        const double density = static_cast<double>(atoms) / volume;
        const double fineness = reach * reach * reach * density > 35 ? 2 : 1;
        const double most = std::max(1.0, std::cbrt(8.0 * static_cast<double>(atoms)));
        for (int a = 0; a < 3; a++) {
            cells_[a] = static_cast<int>(std::min(std::max(std::floor(fineness * box_.width(a) / reach), 1.0), most));
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
        atom_.resize(atoms);
        for (std::vector<double>& axis : member_) axis.resize(atoms);
        for (int64_t i = 0; i < atoms; i++) {
            const int64_t k = next[cell[i]]++;
            atom_[k] = i;
            for (int a = 0; a < 3; a++) member_[a][k] = positions[4 * i + a];
        }
        near_.resize(atoms);
        for (int k = 0; k < 27; k++) {
            const double n[3] = {k / 9 - 1.0, k / 3 % 3 - 1.0, k % 3 - 1.0};
            box_.translation(n, shifts_[k]);
        }
    }

    // Call found(j, code) for each neighbour j of atom i, where image code 9 (a + 1) + 3 (b + 1)
    // + c + 1 stands for a translation of j by a, b, c box vectors of -1, 0 or 1.
    template <class F>
    void neighbours(int64_t i, const double* here, const F& found) {
        const int* center = place_.data() + 3 * i;
        for (int dx = -range_[0]; dx <= range_[0]; dx++) {
            int x, y, a, b;
            if (!wrap(0, center[0] + dx, x, a)) continue;
            for (int dy = -range_[1]; dy <= range_[1]; dy++) {
                if (!wrap(1, center[1] + dy, y, b)) continue;
                // Cells along the third direction lie side by side, up to the faces of the box.
                const int64_t row = (static_cast<int64_t>(x) * cells_[1] + y) * cells_[2];
                for (int c = periodic_ ? -1 : 0; c <= (periodic_ ? 1 : 0); c++) {
                    const int low = std::max(center[2] - range_[2] - c * cells_[2], 0);
                    const int high = std::min(center[2] + range_[2] - c * cells_[2], cells_[2] - 1);
                    if (low <= high) search(i, here, starts_[row + low], starts_[row + high + 1], 9 * (a + 1) + 3 * (b + 1) + c + 1, found);
                }
            }
        }
    }

private:
    template <class F>
    void search(int64_t i, const double* here, int64_t begin, int64_t end, int code, const F& found) {
        const double *shift = shifts_[code], x = here[0] - shift[0], y = here[1] - shift[1], z = here[2] - shift[2];
        const double *xs = member_[0].data(), *ys = member_[1].data(), *zs = member_[2].data();
        int64_t count = 0, *near = near_.data();
        for (int64_t k = begin; k < end; k++) {
            const double square = (xs[k] - x) * (xs[k] - x) + (ys[k] - y) * (ys[k] - y) + (zs[k] - z) * (zs[k] - z);
            near[count] = atom_[k];  // always written, kept only if near: no jump
            count += square < limit_;
        }
        for (int64_t k = 0; k < count; k++)
            if (near[k] != i) found(near[k], code);
    }

    int64_t number(int x, int y, int z) const { return (static_cast<int64_t>(x) * cells_[1] + y) * cells_[2] + z; }

    // Cell and image behind a cell number that may lie outside of the grid; false if none is there.
    bool wrap(int a, int cell, int& at, int& image) const {
        image = cell < 0 ? -1 : cell >= cells_[a] ? 1 : 0;
        at = cell - image * cells_[a];
        return at >= 0 && at < cells_[a] && (periodic_ || image == 0);
    }

    Box box_;
    bool periodic_;
    double limit_, shifts_[27][3];
    int cells_[3], range_[3];
    std::vector<int> place_;  // cell of each atom
    std::vector<int64_t> starts_, atom_, near_;
    std::vector<double> member_[3];
};

}  // namespace inn
