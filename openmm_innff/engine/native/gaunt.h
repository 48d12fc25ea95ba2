// Products of two sets of spherical tensors, channel by channel; see nn/coupling.py.
#pragma once

#include <vector>

#include "scalar.h"

namespace inn {

// out_o += sum_e value_e x_a(e) y_b(e) over the few entries of each o.
template <class S>
class SparseProduct {
public:
    // Rows of a table (entries, 4) of three places and a value; which of the places are o, a and b.
    void set(const double* table, int64_t entries, int outputs, int o, int a, int b) {
        starts_.assign(outputs + 1, 0);
        for (int64_t e = 0; e < entries; e++) starts_[static_cast<int>(table[4 * e + o]) + 1]++;
        for (int k = 0; k < outputs; k++) starts_[k + 1] += starts_[k];
        std::vector<int> next(starts_.begin(), starts_.end() - 1);
        entries_.resize(entries);
        for (int64_t e = 0; e < entries; e++) {
            const double* row = table + 4 * e;
            entries_[next[static_cast<int>(row[o])]++] = {static_cast<int>(row[a]), static_cast<int>(row[b]), static_cast<S>(row[3])};
        }
    }

    // For one row of lanes, plain or dual; rows of successive components lie a step apart.
    template <class R>
    void add(const R* x, int x_step, const R* y, int y_step, R* out, int out_step) const {
        for (size_t o = 0; o + 1 < starts_.size(); o++) {
            R sum = out[o * out_step];
            for (int e = starts_[o]; e < starts_[o + 1]; e++) {
                const Entry& entry = entries_[e];
                sum += entry.value * x[entry.a * x_step] * y[entry.b * y_step];
            }
            out[o * out_step] = sum;
        }
    }

private:
    struct Entry {
        int a, b;
        S value;
    };
    std::vector<int> starts_;
    std::vector<Entry> entries_;
};

// Tables of row, left and right component, value: those of nn.coupling.Coupling(2, 3, 2) and (2, 2, 2).
struct GauntTable {
    const double* entries;  // (count, 4)
    int64_t count;
};

// Components of left factors, and products of each degree: (2 l + 1, paths) rows of it follow one another.
constexpr int LEFT = 9;
constexpr int HIGH_PATHS[3] = {3, 5, 5}, LOW_PATHS[3] = {3, 4, 4};

constexpr int begin_of(const int* paths, int degree) {
    int rows = 0;
    for (int l = 0; l < degree; l++) rows += (2 * l + 1) * paths[l];
    return rows;
}

// A coupling, and its gradients by both factors.
template <class S>
struct Gaunt {
    SparseProduct<S> product, by_left, by_right;

    // Of its rows the first `rows`.
    void set(const GauntTable& all, int rows, int right) {
        std::vector<double> kept;
        for (int64_t e = 0; e < all.count; e++)
            if (all.entries[4 * e] < rows) kept.insert(kept.end(), all.entries + 4 * e, all.entries + 4 * e + 4);
        const int64_t count = static_cast<int64_t>(kept.size()) / 4;
        product.set(kept.data(), count, rows, 0, 1, 2);
        by_left.set(kept.data(), count, LEFT, 1, 0, 2);
        by_right.set(kept.data(), count, right, 2, 0, 1);
    }
};

// The same of outer products that are sums over neighbours, (left, right, row of lanes), to degrees up to 2.
template <class S>
class OuterGaunt {
public:
    void set(const GauntTable& all) {
        entries_.clear();
        for (int64_t e = 0; e < all.count; e++) {
            const double* entry = all.entries + 4 * e;
            entries_.push_back({static_cast<int>(entry[0]), static_cast<int>(entry[1]) * LEFT + static_cast<int>(entry[2]), static_cast<S>(entry[3])});
        }
    }
    template <class R>
    void add(const R* outer, R* out, int rows) const {
        for (const Entry& e : entries_)
            for (int c = 0; c < rows; c++) out[e.row * rows + c] += e.value * outer[e.place * rows + c];
    }
    template <class R>
    void add_back(const R* by, R* by_outer, int rows) const {
        for (const Entry& e : entries_)
            for (int c = 0; c < rows; c++) by_outer[e.place * rows + c] += e.value * by[e.row * rows + c];
    }

private:
    struct Entry {
        int row, place;
        S value;
    };
    std::vector<Entry> entries_;
};

}  // namespace inn
