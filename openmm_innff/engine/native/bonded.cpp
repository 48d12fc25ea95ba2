// Bonds, angles and pairs: INN terms in internal coordinates, as in potential/bonded.py.
#include <algorithm>
#include <cmath>
#include <new>
#include <vector>

#include "api.h"
#include "verlet.h"

namespace inn {
namespace {

constexpr double PADDING = 3, TINY = 1e-12;  // TINY: square angstrom

struct Range {
    double low, high, inverse, wall_low, wall_high;
};

class Functions {
public:
    explicit Functions(const InnFunctions& given) : width_(given.width), values_(given.values, given.values + given.rows * given.width) {
        for (int64_t k = 0; k < given.rows; k++)
            ranges_.push_back({given.low[k], given.high[k], 1 / given.spacing[k], given.wall_low[k], given.wall_high[k]});
    }

    // Value of a row at x, and its derivative.
    double operator()(int64_t row, double x, double& slope) const {
        const Range& range = ranges_[row];
        const double grid = (x - range.low) * range.inverse + PADDING;
        const double inside = std::min(std::max(grid, 0.0), static_cast<double>(width_ - 3));
        const int64_t cell = std::min(static_cast<int64_t>(inside), width_ - 4);
        const double* c = values_.data() + row * width_ + cell;
        const double t = inside - static_cast<double>(cell), s = 1 - t;
        double value = (c[0] * s * s * s + c[3] * t * t * t) / 6 + c[1] * (0.5 * t * t * t - t * t + 2.0 / 3) +
                       c[2] * (0.5 * (t + t * t - t * t * t) + 1.0 / 6);
        slope = 0.5 * (c[3] * t * t - c[0] * s * s) + c[1] * (1.5 * t - 2) * t + c[2] * (0.5 + (1 - 1.5 * t) * t);
        value += slope * (grid - inside);  // straight on, where the grid ends
        slope *= range.inverse;
        const double below = range.low - x, above = x - range.high;
        if (below > 0) value += range.wall_low * below * below * below, slope -= 3 * range.wall_low * below * below;
        if (above > 0) value += range.wall_high * above * above * above, slope += 3 * range.wall_high * above * above;
        return value;
    }

private:
    int64_t width_;
    std::vector<double> values_;
    std::vector<Range> ranges_;
};

struct Distance {
    int32_t first, second;
    double offset[3];
    double vector[3], length, slope;  // of the present positions; slope: dE/d(length)
};

struct Angle {
    int32_t sides[3], row, products;
};

class Bonded {
public:
    Bonded(const InnFunctions& functions, const InnTopology& topology)
        : functions_(functions), modes_(topology.modes), species_(topology.species), cutoff_(topology.cutoff),
          bond_rows_(topology.bond_rows, topology.bond_rows + topology.bonds),
          pair_rows_(topology.pair_rows, topology.pair_rows + topology.species * topology.species) {
        const auto small = [](int64_t k) { return static_cast<int32_t>(k); };
        for (int64_t v = 0; v < topology.bonds + topology.angles; v++)
            distances_.push_back({small(topology.first[v]), small(topology.second[v]), {}, {}, 0, 0});
        for (int64_t k = 0; k < topology.angles; k++) {
            const int64_t* sides = topology.angle + 3 * k;
            angles_.push_back({{small(sides[0]), small(sides[1]), small(sides[2])}, small(topology.angle_rows[k]), small(topology.product_rows[k])});
        }
    }

    void set_atoms(const InnAtoms& atoms) {
        list_.set_atoms(atoms, cutoff_);
        order_.assign(atoms.order, atoms.order + atoms.atoms);
        periodic_ = atoms.periodic;
        excluded_starts_.assign(atoms.atoms + 1, 0);
        for (const Distance& d : distances_) excluded_starts_[d.first + 1]++, excluded_starts_[d.second + 1]++;
        for (int64_t i = 0; i < atoms.atoms; i++) excluded_starts_[i + 1] += excluded_starts_[i];
        excluded_.resize(2 * distances_.size());
        std::vector<int64_t> next(excluded_starts_.begin(), excluded_starts_.end() - 1);
        for (const Distance& d : distances_) excluded_[next[d.first]++] = d.second, excluded_[next[d.second]++] = d.first;
    }

    int64_t renewals() const { return list_.renewals(); }

    VerletList::Fault evaluate(const double* positions, const double* box, double& energy, double* forces) {
        const int64_t before = list_.renewals();
        if (const VerletList::Fault fault = list_.update(positions, box)) return fault;
        if (list_.renewals() != before) renew(positions, box);
        std::fill(forces, forces + 3 * list_.atoms(), 0.0);
        energy = bonded(positions, forces) + contacts(forces);
        return VerletList::NONE;
    }

private:
    // Images of bonded atoms, and the pairs that no bond or angle connects.
    void renew(const double* positions, const double* box) {
        const Box lattice = periodic_ ? Box(box) : Box();
        for (Distance& d : distances_) {
            double n[3], between[3];
            for (int a = 0; a < 3; a++) between[a] = positions[3 * d.second + a] - positions[3 * d.first + a];
            for (int a = 0; a < 3; a++) n[a] = periodic_ ? -std::nearbyint(lattice.fraction(a, between)) : 0;
            lattice.translation(n, d.offset);
        }
        pairs_.clear();
        for (int64_t i = 0; i < list_.atoms(); i++)
            list_.each_neighbour(i, [&](uint32_t j, const double* shift) {
                if (j <= i) return;
                const auto own = excluded_.begin() + excluded_starts_[order_[i]], end = excluded_.begin() + excluded_starts_[order_[i] + 1];
                if (std::find(own, end, order_[j]) != end) return;
                const int64_t row = pair_rows_[list_.species()[i] * species_ + list_.species()[j]];
                pairs_.push_back({static_cast<int32_t>(i), static_cast<int32_t>(j), static_cast<int32_t>(row), shift});
            });
    }

    // Bonds and angles, through the lengths of their sides.
    double bonded(const double* positions, double* forces) {
        for (Distance& d : distances_) {
            double square = TINY;
            for (int a = 0; a < 3; a++) {
                d.vector[a] = positions[3 * d.second + a] - positions[3 * d.first + a] + d.offset[a];
                square += d.vector[a] * d.vector[a];
            }
            d.length = std::sqrt(square);
            d.slope = 0;
        }
        double energy = 0;
        for (size_t k = 0; k < bond_rows_.size(); k++) energy += functions_(bond_rows_[k], distances_[k].length, distances_[k].slope);
        for (const Angle& angle : angles_) energy += bend(angle);
        for (const Distance& d : distances_) pull(3 * d.first, 3 * d.second, d.vector, d.slope / d.length, forces);
        return energy;
    }

    double bend(const Angle& angle) {
        Distance &first = distances_[angle.sides[0]], &second = distances_[angle.sides[1]], &across = distances_[angle.sides[2]];
        const double r = first.length, s = second.length, q = across.length, inverse = 1 / (r * s);
        const double cosine = 0.5 * (r * r + s * s - q * q) * inverse;
        double by_cosine, energy = functions_(angle.row, cosine, by_cosine);
        for (int64_t m = 0; m < modes_; m++) {
            const int64_t row = angle.products + 3 * m;
            double slope_a, slope_b, slope_c;
            const double a = functions_(row, r, slope_a), b = functions_(row + 1, s, slope_b), c = functions_(row + 2, cosine, slope_c);
            energy += a * b * c;
            first.slope += slope_a * b * c;
            second.slope += a * slope_b * c;
            by_cosine += a * b * slope_c;
        }
        first.slope += by_cosine * (r - s * cosine) * inverse;
        second.slope += by_cosine * (s - r * cosine) * inverse;
        across.slope -= by_cosine * q * inverse;
        return energy;
    }

    double contacts(double* forces) const {
        const double limit = cutoff_ * cutoff_;
        double energy = 0;
        for (const Pair& pair : pairs_) {
            const double *here = list_.at(pair.first), *there = list_.at(pair.second);
            double vector[3], square = TINY, slope;
            for (int a = 0; a < 3; a++) {
                vector[a] = there[a] - here[a] + pair.shift[a];
                square += vector[a] * vector[a];
            }
            if (!(square < limit)) continue;
            const double length = std::sqrt(square);
            energy += functions_(pair.row, length, slope);
            pull(3 * order_[pair.first], 3 * order_[pair.second], vector, slope / length, forces);
        }
        return energy;
    }

    static void pull(int64_t first, int64_t second, const double* vector, double strength, double* forces) {
        for (int a = 0; a < 3; a++) {
            forces[first + a] += strength * vector[a];
            forces[second + a] -= strength * vector[a];
        }
    }

    struct Pair {
        int32_t first, second, row;  // of the sorted atoms
        const double* shift;
    };

    Functions functions_;
    int64_t modes_, species_;
    double cutoff_;
    std::vector<int64_t> bond_rows_, pair_rows_, order_;
    std::vector<int64_t> excluded_, excluded_starts_;  // atoms that bonds and angles connect with each
    bool periodic_ = false;
    VerletList list_;
    std::vector<Distance> distances_;
    std::vector<Angle> angles_;
    std::vector<Pair> pairs_;
};

template <class F>
int guarded(const F& f) {
    try {
        return f();
    } catch (const std::bad_alloc&) {
        return -1;
    }
}

inline Bonded& bonded(void* handle) { return *static_cast<Bonded*>(handle); }

}  // namespace
}  // namespace inn

INN_API void* inn_bonded_create(const InnFunctions* functions, const InnTopology* topology) {
    try {
        return new inn::Bonded(*functions, *topology);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

INN_API void inn_bonded_destroy(void* handle) { delete static_cast<inn::Bonded*>(handle); }

INN_API int inn_bonded_set_atoms(void* handle, const InnAtoms* atoms) {
    return inn::guarded([&] { return inn::bonded(handle).set_atoms(*atoms), 0; });
}

// 0: done; 1: a position is not finite; 2: the box is narrower than twice the cutoff.
INN_API int inn_bonded_evaluate(void* handle, const double* positions, const double* box, double* energy, double* forces,
                                int) {
    return inn::guarded([&] { return static_cast<int>(inn::bonded(handle).evaluate(positions, box, *energy, forces)); });
}

INN_API int64_t inn_bonded_renewals(void* handle) { return inn::bonded(handle).renewals(); }
