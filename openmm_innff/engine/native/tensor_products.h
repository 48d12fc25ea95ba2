// Invariants and features of a density of tensors, and back; see TensorProducts in nn/equivariant.py.
#pragma once

#include <algorithm>

#include "gaunt.h"
#include "matrix.h"

namespace inn {

// Fill a matrix from numbers (blocks * in, more * out): each block of channels is padded to rows of lanes.
template <class S>
void fill_blocks(Matrix<S>& matrix, const void* given, int blocks, int in, int more, int out) {
    const int W = WIDTH<S>, in_rows = rounded_up(in, W) / W, out_rows = rounded_up(out, W) / W;
    const S* from = static_cast<const S*>(given);
    matrix.zeros(blocks * in_rows, more * out_rows);
    for (int r = 0; r < blocks * in; r++)
        for (int c = 0; c < more * out; c++)
            matrix.numbers()[static_cast<size_t>(r / in * in_rows * W + r % in) * matrix.columns * W + c / out * out_rows * W + c % out] =
                from[static_cast<size_t>(r) * more * out + c];
    matrix.make_panels();
}

// Densities (lm, 3 factors a, b, c, k): to l = 3 in a first layer, which hands features on, else to l = 2.
template <class S>
class TensorProducts {
public:
    using R = Lanes<S>;

    // What is in use only until the next atom.
    struct Scratch {
        Buffer<R> pairs, triples, by_pairs, by_triples, by_p;
    };

    TensorProducts(bool first, int k, int f)
        : first_(first), paths_(first ? HIGH_PATHS : LOW_PATHS), k_(k), f_(f), pair_rows_(begin_of(paths_, 3)),
          triple_rows_(begin_of(LOW_PATHS, first ? 3 : 1)) {}

    int kinds() const { return first_ ? 13 : 12; }
    int components() const { return first_ ? 16 : LEFT; }

    void set(const GauntTable& pair, const GauntTable& triple, void* const* mixing, void* const* handing_on,
             int channels, int features) {
        pair_.set(pair, pair_rows_, components());
        triple_.set(triple, triple_rows_, LEFT);
        for (int l = 0; l < 3; l++) {
            fill_blocks(mixing_[l], mixing[l], paths_[l], channels, 1, channels);
            if (!handing_on) continue;
            const S* from = static_cast<const S*>(handing_on[l]);
            const auto take = [&](Matrix<S>& matrix, int blocks) {
                fill_blocks(matrix, from, blocks, channels, 1, features);
                from += static_cast<size_t>(blocks) * channels * features;
            };
            take(own_[l], 3), take(from_pairs_[l], paths_[l]), take(from_triples_[l], LOW_PATHS[l]);
        }
    }

    // Sets p (9, k), the inputs of a readout and, in a first layer, features (9, f).
    void forward(const R* a, Scratch& s, R* p, R* inputs, R* features) const {
        const int k = k_, step = 3 * k;
        R* pairs = s.pairs.zeros(pair_rows_ * k);
        for (int c = 0; c < k; c++) pair_.product.add(a + c, step, a + k + c, step, pairs + c, k);
        std::fill_n(p, LEFT * k, R{});
        each_degree([&](auto l) {
            multiply<S, 2 * l + 1>(pairs + begin_of(paths_, l) * k, paths_[l] * k, mixing_[l].forward, p + l * l * k);
        });
        R* triples = s.triples.zeros(triple_rows_ * k);
        for (int c = 0; c < k; c++) triple_.product.add(p + c, k, a + 2 * k + c, step, triples + c, k);

        std::copy_n(a, 3 * k, inputs), std::copy_n(pairs, 3 * k, inputs + 3 * k), std::copy_n(triples, 3 * k, inputs + 6 * k);
        std::fill_n(inputs + 9 * k, (kinds() - 9) * k, R{});
        for (int m = 0; m < LEFT; m++)
            for (int c = 0; c < k; c++) inputs[square_of(m) * k + c] += p[m * k + c] * p[m * k + c];
        for (int m = LEFT; m < components(); m++)
            for (int c = 0; c < k; c++) inputs[12 * k + c] += a[m * step + c] * a[m * step + k + c];
        if (!features) return;

        std::fill_n(features, LEFT * f_, R{});
        each_degree([&](auto l) {
            R* out = features + l * l * f_;
            multiply<S, 2 * l + 1>(a + l * l * step, step, own_[l].forward, out);
            multiply<S, 2 * l + 1>(pairs + begin_of(paths_, l) * k, paths_[l] * k, from_pairs_[l].forward, out);
            multiply<S, 2 * l + 1>(triples + begin_of(LOW_PATHS, l) * k, LOW_PATHS[l] * k, from_triples_[l].forward, out);
        });
    }

    // Sets the gradient by a from those by inputs and, in a first layer, by features.
    void backward(const R* a, const R* p, const R* by_inputs, const R* by_features, Scratch& s, R* by_a) const {
        const int k = k_, step = 3 * k;
        R *by_pairs = s.by_pairs.zeros(pair_rows_ * k), *by_triples = s.by_triples.zeros(triple_rows_ * k);
        R* by_p = s.by_p.zeros(LEFT * k);
        std::fill_n(by_a, components() * step, R{});
        std::copy_n(by_inputs, 3 * k, by_a), std::copy_n(by_inputs + 3 * k, 3 * k, by_pairs), std::copy_n(by_inputs + 6 * k, 3 * k, by_triples);
        if (by_features)
            each_degree([&](auto l) {
                const R* by = by_features + l * l * f_;
                multiply<S, 2 * l + 1>(by, f_, own_[l].backward, by_a + l * l * step);
                multiply<S, 2 * l + 1>(by, f_, from_pairs_[l].backward, by_pairs + begin_of(paths_, l) * k);
                multiply<S, 2 * l + 1>(by, f_, from_triples_[l].backward, by_triples + begin_of(LOW_PATHS, l) * k);
            });
        for (int m = 0; m < LEFT; m++)
            for (int c = 0; c < k; c++) by_p[m * k + c] = S(2) * p[m * k + c] * by_inputs[square_of(m) * k + c];
        for (int c = 0; c < k; c++) {
            triple_.by_left.add(by_triples + c, k, a + 2 * k + c, step, by_p + c, k);
            triple_.by_right.add(by_triples + c, k, p + c, k, by_a + 2 * k + c, step);
        }
        each_degree([&](auto l) {
            multiply<S, 2 * l + 1>(by_p + l * l * k, k, mixing_[l].backward, by_pairs + begin_of(paths_, l) * k);
        });
        for (int c = 0; c < k; c++) {
            pair_.by_left.add(by_pairs + c, k, a + k + c, step, by_a + c, step);
            pair_.by_right.add(by_pairs + c, k, a + c, step, by_a + k + c, step);
        }
        for (int m = LEFT; m < components(); m++)
            for (int c = 0; c < k; c++) {
                const R by = by_inputs[12 * k + c];
                by_a[m * step + c] += by * a[m * step + k + c], by_a[m * step + k + c] += by * a[m * step + c];
            }
    }

private:
    // Among the inputs, the square of p of the degree of component m.
    static int square_of(int m) { return 9 + (m > 0) + (m > 3); }

    template <class F>
    static void each_degree(const F& f) {
        f(std::integral_constant<int, 0>()), f(std::integral_constant<int, 1>()), f(std::integral_constant<int, 2>());
    }

    bool first_;
    const int* paths_;
    int k_, f_, pair_rows_, triple_rows_;  // rows of lanes of channels and of features; rows of products
    Gaunt<S> pair_, triple_;
    Matrix<S> mixing_[3], own_[3], from_pairs_[3], from_triples_[3];
};

}  // namespace inn
