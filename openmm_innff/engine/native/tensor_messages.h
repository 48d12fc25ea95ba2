// Sums over the neighbours of outer products of harmonics and features, and back; see nn/equivariant.py.
#pragma once

#include "basis.h"
#include "gaunt.h"
#include "matrix.h"

namespace inn {

// M_(lm)(l'm') = sum_j R_l(r) Y_lm(u) h_j,l'm' for one atom. Arrays of rows of lanes: radial (species * nodes,
// degree, row), features h (atom, 9, row), M (81, row).
template <class T>
class TensorMessages {
public:
    using S = Scalar<T>;
    using R = Row<T>;
    using P = Pairs<T, 3>;

    TensorMessages(const Lanes<S>* radial, const R* features, int rows) : radial_(radial), features_(features), rows_(rows) {}

    void forward(const P& pairs, Buffer<R>& scratch, R* outer) const {
        constexpr int AT_ONCE = SUMS == 24 && !Traits<T>::dual ? 3 : 1;  // columns of M whose sums stay in registers
        R* left = scratch.reserve(static_cast<size_t>(pairs.count) * LEFT);
        for (int c = 0; c < rows_; c++) {
            for (int p = 0; p < pairs.count; p++) {
                R r[3];
                functions(pairs.weight, pairs, p, c, r);
                times_harmonics(pairs, p, r, left + p * LEFT);
            }
            for (int column = 0; column < LEFT; column += AT_ONCE) {
                R sum[LEFT][AT_ONCE] = {};
                for (int p = 0; p < pairs.count; p++) {
                    const R *h = features_of(features_, pairs, p, c) + column * rows_, *y = left + p * LEFT;
                    for (int m = 0; m < LEFT; m++)
                        for (int a = 0; a < AT_ONCE; a++) sum[m][a] += y[m] * h[a * rows_];
                }
                for (int m = 0; m < LEFT; m++)
                    for (int a = 0; a < AT_ONCE; a++) outer[(m * LEFT + column + a) * rows_ + c] = sum[m][a];
            }
        }
    }

    // From the gradient by M: adds that by the features. Of plain numbers it sets those by harmonics and r^2 of
    // the pairs, of dual ones it adds the derivatives of those by the radial functions to `by_radial`.
    void backward(P& pairs, const R* by_outer, R* by_features, Lanes<S>* by_radial) const {
        for (int p = 0; p < pairs.count; p++) {
            S total[LEFT] = {}, along = 0;
            for (int c = 0; c < rows_; c++) {
                R r[3], left[LEFT], by_left[LEFT] = {};
                functions(pairs.weight, pairs, p, c, r);
                times_harmonics(pairs, p, r, left);
                const R* h = features_of(features_, pairs, p, c);
                R* by_h = by_features + (h - features_);
                for (int n = 0; n < LEFT; n++) {
                    const R there = h[n * rows_];
                    R sum = by_h[n * rows_];
                    for (int m = 0; m < LEFT; m++) {
                        const R by = by_outer[(m * LEFT + n) * rows_ + c];
                        by_left[m] += by * there, sum += by * left[m];
                    }
                    by_h[n * rows_] = sum;
                }
                if constexpr (Traits<T>::dual) add_radial(pairs, p, c, by_left, by_radial);
                else pull(pairs, p, c, r, by_left, total, along);
            }
            if constexpr (!Traits<T>::dual) {
                pairs.by_square[p] = along;
                S* by = reinterpret_cast<S*>(pairs.by_harmonic + static_cast<size_t>(p) * P::ROWS);
                for (int m = 0; m < P::LM; m++) by[m] = m < LEFT ? total[m] : S(0);
            }
        }
    }

private:
    static constexpr int degree(int m) { return (m > 0) + (m > 3); }
    static T harmonic(const P& pairs, int p, int m) {
        return Element<T>::get(pairs.harmonic + static_cast<size_t>(p) * P::ROWS, m);
    }
    const R* features_of(const R* all, const P& pairs, int p, int c) const {
        return all + static_cast<size_t>(pairs.other[p]) * LEFT * rows_ + c;
    }
    static void times_harmonics(const P& pairs, int p, const R* r, R* out) {
        for (int m = 0; m < LEFT; m++) out[m] = r[degree(m)] * harmonic(pairs, p, m);
    }

    // The radial functions of pair p, or (from the slopes of the weights) their derivatives by r^2.
    void functions(const T* weights, const P& pairs, int p, int c, R* out) const {
        const Lanes<S>* node = radial_ + static_cast<size_t>(pairs.node[p]) * 3 * rows_ + c;
        const int stride = pairs.stride();
        for (int l = 0; l < 3; l++) {
            out[l] = times<T>(node[l * rows_], weights[p]);
            for (int a = 1; a < 4; a++) out[l] += times<T>(node[(3 * a + l) * rows_], weights[a * stride + p]);
        }
    }

    // Gradients by harmonics and by r^2, from those by the products of harmonics and radial functions r.
    void pull(const P& pairs, int p, int c, const R* r, const R* by_left, S* total, S& along) const {
        R slope[3];
        functions(pairs.slope, pairs, p, c, slope);
        R steep = slope[0] * by_left[0];
        for (int m = 1; m < LEFT; m++) steep += slope[degree(m)] * by_left[m] * harmonic(pairs, p, m);
        along += sum_of_lanes<S>(steep);
        for (int m = 1; m < LEFT; m++) total[m] += sum_of_lanes<S>(r[degree(m)] * by_left[m]);
    }

    void add_radial(const P& pairs, int p, int c, const R* by_left, Lanes<S>* by_radial) const {
        R by[3] = {};
        for (int m = 0; m < LEFT; m++) by[degree(m)] += by_left[m] * harmonic(pairs, p, m);
        Lanes<S>* node = by_radial + static_cast<size_t>(pairs.node[p]) * 3 * rows_ + c;
        for (int a = 0; a < 4; a++) {
            const T weight = pairs.weight[a * pairs.stride() + p];
            for (int l = 0; l < 3; l++) node[(3 * a + l) * rows_] += by[l].d * weight.v + by[l].v * weight.d;
        }
    }

    const Lanes<S>* radial_;
    const R* features_;
    int rows_;
};

}  // namespace inn
