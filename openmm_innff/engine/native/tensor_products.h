// Invariants and features of a density of tensors, and back; see TensorProducts in nn/equivariant.py.
#pragma once

#include <algorithm>

#include "gaunt.h"
#include "matrix.h"

namespace inn {

// Visit a matrix of numbers (blocks * in, more * out), of which each block of channels is padded to rows of lanes:
// f(padded number, its place in the contiguous array).
template <class S, class F>
void each_block(Matrix<S>& matrix, void* given, int blocks, int in, int more, int out, const F& f) {
    const int W = WIDTH<S>, in_rows = rounded_up(in, W) / W, out_rows = rounded_up(out, W) / W;
    S* flat = static_cast<S*>(given);
    for (int r = 0; r < blocks * in; r++)
        for (int c = 0; c < more * out; c++)
            f(matrix.numbers()[static_cast<size_t>(r / in * in_rows * W + r % in) * matrix.columns * W + c / out * out_rows * W + c % out],
              flat[static_cast<size_t>(r) * more * out + c]);
}

// Call f for each degree to 2, as a constant.
template <class F>
void each_degree(const F& f) {
    f(std::integral_constant<int, 0>()), f(std::integral_constant<int, 1>()), f(std::integral_constant<int, 2>());
}

// Matrices by degree between the channels of products; gradients have the same form (and leave the panels unused).
template <class S>
struct ProductWeights {
    bool first;
    const int* paths;
    int channels, features, k, f;  // numbers, and rows of lanes
    Matrix<S> mixing[3], own[3], from_pairs[3], from_triples[3];

    // Densities (lm, 3 factors a, b, c, k): to l = 3 in a first layer, which hands features on, else to l = 2.
    ProductWeights(bool first_, int channels_, int features_)
        : first(first_), paths(first_ ? HIGH_PATHS : LOW_PATHS), channels(channels_), features(features_),
          k(rounded_up(channels_, WIDTH<S>) / WIDTH<S>), f(rounded_up(features_, WIDTH<S>) / WIDTH<S>) {}

    void zeros() {
        for (int l = 0; l < 3; l++) {
            mixing[l].zeros(paths[l] * k, k);
            if (!first) continue;
            own[l].zeros(3 * k, f), from_pairs[l].zeros(paths[l] * k, f), from_triples[l].zeros(LOW_PATHS[l] * k, f);
        }
    }
    void make_panels() {
        for (int l = 0; l < 3; l++) {
            mixing[l].make_panels();
            if (first) own[l].make_panels(), from_pairs[l].make_panels(), from_triples[l].make_panels();
        }
    }
    // f(padded number, its place in the contiguous arrays).
    template <class F>
    void each(void* const* given_mixing, void* const* handing_on, const F& visit) {
        for (int l = 0; l < 3; l++) {
            each_block(mixing[l], given_mixing[l], paths[l], channels, 1, channels, visit);
            if (!first) continue;
            S* given = static_cast<S*>(handing_on[l]);
            const auto next = [&](Matrix<S>& matrix, int blocks) {
                each_block(matrix, given, blocks, channels, 1, features, visit);
                given += static_cast<size_t>(blocks) * channels * features;
            };
            next(own[l], 3), next(from_pairs[l], paths[l]), next(from_triples[l], LOW_PATHS[l]);
        }
    }
};

// The couplings of both layers.
template <class S>
struct Couplings {
    Gaunt<S> pair, triple;

    void set(const ProductWeights<S>& w, const GauntTable& high, const GauntTable& low) {
        pair.set(w.first ? high : low, begin_of(w.paths, 3), w.first ? 16 : LEFT);
        triple.set(low, begin_of(LOW_PATHS, w.first ? 3 : 1), LEFT);
    }
};

template <class T>
class TensorProducts {
public:
    using S = Scalar<T>;
    using R = Row<T>;

    // What is in use only until the next atom.
    struct Scratch {
        Buffer<R> pairs, triples, by_pairs, by_triples, by_p;
    };

    TensorProducts(const ProductWeights<S>& weights, const Couplings<S>& couplings)
        : w_(weights), couplings_(couplings), pair_rows_(begin_of(weights.paths, 3)), triple_rows_(begin_of(LOW_PATHS, weights.first ? 3 : 1)) {}

    int kinds() const { return w_.first ? 13 : 12; }
    int components() const { return w_.first ? 16 : LEFT; }

    // Sets p (9, k), the inputs of a readout and, in a first layer, features (9, f).
    void forward(const R* a, Scratch& s, R* p, R* inputs, R* features) const {
        const int k = w_.k, step = 3 * k;
        const R* pairs = multiply_pairs(a, s);
        std::fill_n(p, LEFT * k, R{});
        each_degree([&](auto l) {
            multiply<T, 2 * l + 1>(pairs + begin_of(w_.paths, l) * k, w_.paths[l] * k, w_.mixing[l].forward, p + l * l * k);
        });
        const R* triples = multiply_triples(a, p, s);

        std::copy_n(a, 3 * k, inputs), std::copy_n(pairs, 3 * k, inputs + 3 * k), std::copy_n(triples, 3 * k, inputs + 6 * k);
        std::fill_n(inputs + 9 * k, (kinds() - 9) * k, R{});
        for (int m = 0; m < LEFT; m++)
            for (int c = 0; c < k; c++) inputs[square_of(m) * k + c] += p[m * k + c] * p[m * k + c];
        for (int m = LEFT; m < components(); m++)
            for (int c = 0; c < k; c++) inputs[12 * k + c] += a[m * step + c] * a[m * step + k + c];
        if (!features) return;

        std::fill_n(features, LEFT * w_.f, R{});
        each_degree([&](auto l) {
            R* out = features + l * l * w_.f;
            multiply<T, 2 * l + 1>(a + l * l * step, step, w_.own[l].forward, out);
            multiply<T, 2 * l + 1>(pairs + begin_of(w_.paths, l) * k, w_.paths[l] * k, w_.from_pairs[l].forward, out);
            multiply<T, 2 * l + 1>(triples + begin_of(LOW_PATHS, l) * k, LOW_PATHS[l] * k, w_.from_triples[l].forward, out);
        });
    }

    // Sets the gradient by a from those by inputs and, in a first layer, by features. Of dual numbers the
    // derivatives of the gradients by the matrices are added to `gradient`.
    void backward(const R* a, const R* p, const R* by_inputs, const R* by_features, Scratch& s, R* by_a,
                  ProductWeights<S>* gradient) const {
        const int k = w_.k, step = 3 * k;
        R *by_pairs = s.by_pairs.zeros(pair_rows_ * k), *by_triples = s.by_triples.zeros(triple_rows_ * k);
        R* by_p = s.by_p.zeros(LEFT * k);
        std::fill_n(by_a, components() * step, R{});
        std::copy_n(by_inputs, 3 * k, by_a), std::copy_n(by_inputs + 3 * k, 3 * k, by_pairs), std::copy_n(by_inputs + 6 * k, 3 * k, by_triples);
        if (by_features)
            each_degree([&](auto l) {
                const R* by = by_features + l * l * w_.f;
                multiply<T, 2 * l + 1>(by, w_.f, w_.own[l].backward, by_a + l * l * step);
                multiply<T, 2 * l + 1>(by, w_.f, w_.from_pairs[l].backward, by_pairs + begin_of(w_.paths, l) * k);
                multiply<T, 2 * l + 1>(by, w_.f, w_.from_triples[l].backward, by_triples + begin_of(LOW_PATHS, l) * k);
            });
        for (int m = 0; m < LEFT; m++)
            for (int c = 0; c < k; c++) by_p[m * k + c] = S(2) * (p[m * k + c] * by_inputs[square_of(m) * k + c]);
        for (int c = 0; c < k; c++) {
            couplings_.triple.by_left.add(by_triples + c, k, a + 2 * k + c, step, by_p + c, k);
            couplings_.triple.by_right.add(by_triples + c, k, p + c, k, by_a + 2 * k + c, step);
        }
        each_degree([&](auto l) {
            multiply<T, 2 * l + 1>(by_p + l * l * k, k, w_.mixing[l].backward, by_pairs + begin_of(w_.paths, l) * k);
        });
        for (int c = 0; c < k; c++) {
            couplings_.pair.by_left.add(by_pairs + c, k, a + k + c, step, by_a + c, step);
            couplings_.pair.by_right.add(by_pairs + c, k, a + c, step, by_a + k + c, step);
        }
        for (int m = LEFT; m < components(); m++)
            for (int c = 0; c < k; c++) {
                const R by = by_inputs[12 * k + c];
                by_a[m * step + c] += by * a[m * step + k + c], by_a[m * step + k + c] += by * a[m * step + c];
            }
        if constexpr (Traits<T>::dual) add_matrices(a, p, by_p, by_features, s, *gradient);
    }

private:
    // Among the inputs, the square of p of the degree of component m.
    static int square_of(int m) { return 9 + (m > 0) + (m > 3); }

    R* multiply_pairs(const R* a, Scratch& s) const {
        const int k = w_.k, step = 3 * k;
        R* pairs = s.pairs.zeros(pair_rows_ * k);
        for (int c = 0; c < k; c++) couplings_.pair.product.add(a + c, step, a + k + c, step, pairs + c, k);
        return pairs;
    }
    R* multiply_triples(const R* a, const R* p, Scratch& s) const {
        const int k = w_.k, step = 3 * k;
        R* triples = s.triples.zeros(triple_rows_ * k);
        for (int c = 0; c < k; c++) couplings_.triple.product.add(p + c, k, a + 2 * k + c, step, triples + c, k);
        return triples;
    }

    void add_matrices(const R* a, const R* p, const R* by_p, const R* by_features, Scratch& s, ProductWeights<S>& gradient) const {
        const int k = w_.k, step = 3 * k;
        const R *pairs = multiply_pairs(a, s), *triples = by_features ? multiply_triples(a, p, s) : nullptr;
        each_degree([&](auto l) {
            const R* of_degree = pairs + begin_of(w_.paths, l) * k;
            gradient.mixing[l].template add<2 * l + 1>(of_degree, w_.paths[l] * k, by_p + l * l * k, k);
            if (!by_features) return;
            const R* by = by_features + l * l * w_.f;
            gradient.own[l].template add<2 * l + 1>(a + l * l * step, step, by, w_.f);
            gradient.from_pairs[l].template add<2 * l + 1>(of_degree, w_.paths[l] * k, by, w_.f);
            gradient.from_triples[l].template add<2 * l + 1>(triples + begin_of(LOW_PATHS, l) * k, LOW_PATHS[l] * k, by, w_.f);
        });
    }

    const ProductWeights<S>& w_;
    const Couplings<S>& couplings_;
    int pair_rows_, triple_rows_;
};

}  // namespace inn
