// From nodal densities of a few atoms to their energies, and back.
#pragma once

#include "readout.h"

namespace inn {

// s; v.v; T:T, v.T.v, |T v|^2, det T of nn/invariants.py for the channels of one row of lanes.
template <class R, class S, int LMAX>
struct Products {
    static constexpr int KINDS = LMAX == 2 ? 6 : LMAX + 1;

    R xx, xy, xz, yy, yz, zz, tv[3];

    void matrix(const R* t) {
        const S h = S(0.7071067811865476), s = S(0.4082482904638631);
        const R axial = t[4] * s, difference = t[3] * h;
        xy = t[0] * h, yz = t[1] * h, xz = t[2] * h;
        xx = difference - axial, yy = -(difference + axial), zz = axial + axial;
    }
    void apply(const R* v) {
        tv[0] = xx * v[0] + xy * v[1] + xz * v[2];
        tv[1] = xy * v[0] + yy * v[1] + yz * v[2];
        tv[2] = xz * v[0] + yz * v[1] + zz * v[2];
    }
    void forward(const R* a, R* x) {
        x[0] = a[0];
        if constexpr (LMAX >= 1) x[1] = dot(a + 1, a + 1);
        if constexpr (LMAX >= 2) {
            const R *v = a + 1, *t = a + 4;
            matrix(t), apply(v);
            x[2] = t[0] * t[0] + t[1] * t[1] + t[2] * t[2] + t[3] * t[3] + t[4] * t[4];
            x[3] = dot(v, tv);
            x[4] = dot(tv, tv);
            x[5] = xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz);
        }
    }
    void backward(const R* a, const R* g, R* out) {
        out[0] = g[0];
        if constexpr (LMAX == 1)
            for (int k = 0; k < 3; k++) out[1 + k] = two(g[1]) * a[1 + k];
        if constexpr (LMAX >= 2) {
            const R *v = a + 1, *t = a + 4;
            matrix(t), apply(v);
            const R g3 = two(g[3]), g4 = two(g[4]);
            R ttv[3] = {xx * tv[0] + xy * tv[1] + xz * tv[2], xy * tv[0] + yy * tv[1] + yz * tv[2],
                        xz * tv[0] + yz * tv[1] + zz * tv[2]};
            for (int k = 0; k < 3; k++) out[1 + k] = two(g[1]) * v[k] + g3 * tv[k] + g4 * ttv[k];
            // Symmetric gradient by the matrix; off-diagonal elements count twice.
            R b[3];
            for (int k = 0; k < 3; k++) b[k] = g[3] * v[k] + g4 * tv[k];
            const R dxx = b[0] * v[0] + g[5] * (yy * zz - yz * yz);
            const R dyy = b[1] * v[1] + g[5] * (xx * zz - xz * xz);
            const R dzz = b[2] * v[2] + g[5] * (xx * yy - xy * xy);
            const R pxy = g[3] * two(v[0] * v[1]) + g4 * (tv[0] * v[1] + tv[1] * v[0]) + two(g[5] * (yz * xz - xy * zz));
            const R pyz = g[3] * two(v[1] * v[2]) + g4 * (tv[1] * v[2] + tv[2] * v[1]) + two(g[5] * (xy * xz - xx * yz));
            const R pxz = g[3] * two(v[0] * v[2]) + g4 * (tv[0] * v[2] + tv[2] * v[0]) + two(g[5] * (xy * yz - yy * xz));
            const S h = S(0.7071067811865476), s = S(0.4082482904638631);
            const R g2 = two(g[2]);
            out[4] = g2 * t[0] + pxy * h, out[5] = g2 * t[1] + pyz * h, out[6] = g2 * t[2] + pxz * h;
            out[7] = g2 * t[3] + (dxx - dyy) * h;
            out[8] = g2 * t[4] + (two(dzz) - dxx - dyy) * s;
        }
    }

private:
    static R dot(const R* a, const R* b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
    static R two(const R& a) { return a + a; }
};

// Readout of the invariants of a nodal density.
template <class T, int LMAX>
class Network : public Readout<T> {
public:
    using typename Readout<T>::S;
    static constexpr int LM = (LMAX + 1) * (LMAX + 1), KINDS = Products<Row<T>, S, LMAX>::KINDS;

    explicit Network(const InnShape& shape) : Readout<T>(shape) {
        features_.zeros(BLOCK * LM * n_.channel_rows);
        by_feature_.zeros(LM * n_.channel_rows);
        by_density_.zeros(LM * n_.density_rows);
    }

    // density (lm, sn): of atom r of the block.
    void mix(const Weights<S>& w, int r, const Row<T>* density) {
        Row<T>* a = features(r);
        for (int k = 0; k < LM * n_.channel_rows; k++) a[k] = Row<T>{};
        mix_degree<0>(w, density, a);
        if constexpr (LMAX >= 1) mix_degree<1>(w, density, a);
        if constexpr (LMAX >= 2) mix_degree<2>(w, density, a);
        multiply_out(w, r);
    }

    // Invariants of the features of atom r.
    void multiply_out(const Weights<S>& w, int r) {
        const Row<T>* a = features(r);
        for (int c = 0; c < n_.channel_rows; c++) {
            Row<T> in[LM], out[KINDS];
            for (int m = 0; m < LM; m++) in[m] = a[m * n_.channel_rows + c];
            Products<Row<T>, S, LMAX>().forward(in, out);
            for (int k = 0; k < KINDS; k++) inputs_[(r * KINDS + k) * n_.channel_rows + c] = out[k];
        }
        this->centre(w, r);
    }

    // Gradient of atom r by its density, (lm, sn); valid until the next call. `extra`: by its features,
    // added to what comes through the invariants.
    const Row<T>* by_density(const Weights<S>& w, int r, const Row<T>* extra = nullptr) {
        by_features(r);
        for (int k = 0; extra && k < LM * n_.channel_rows; k++) by_feature_[k] += extra[k];
        for (int k = 0; k < LM * n_.density_rows; k++) by_density_[k] = Row<T>{};
        unmix_degree<0>(w);
        if constexpr (LMAX >= 1) unmix_degree<1>(w);
        if constexpr (LMAX >= 2) unmix_degree<2>(w);
        return by_density_.data();
    }

    // Add the derivatives of the gradient by the nodal values for atom r.
    void add_nodal(int r, const Row<T>* density, Weights<S>& gradient, const Row<T>* extra = nullptr) {
        by_features(r);
        for (int k = 0; extra && k < LM * n_.channel_rows; k++) by_feature_[k] += extra[k];
        for (int l = 0, m0 = 0; l <= LMAX; m0 += 2 * l + 1, l++)
            for (int g = 0; g < n_.density; g++) {
                Lanes<S>* out = gradient.nodal.data() + (static_cast<size_t>(l) * n_.density + g) * n_.channel_rows;
                for (int m = m0; m < m0 + 2 * l + 1; m++) {
                    const T d = Element<T>::get(density + m * n_.density_rows, g);
                    if (d.v == 0 && d.d == 0) continue;
                    const Row<T>* by = by_feature_.data() + m * n_.channel_rows;
                    for (int c = 0; c < n_.channel_rows; c++) out[c] += d.v * by[c].d + d.d * by[c].v;
                }
            }
    }

    Row<T>* features(int r) { return features_.data() + r * LM * n_.channel_rows; }

    // Gradient of atom r by its features, (lm, k); valid until the next call.
    const Row<T>* by_features(int r) {
        const Row<T>* a = features(r);
        for (int c = 0; c < n_.channel_rows; c++) {
            Row<T> in[LM], g[KINDS], out[LM];
            for (int m = 0; m < LM; m++) in[m] = a[m * n_.channel_rows + c];
            for (int k = 0; k < KINDS; k++) g[k] = by_input_[(r * KINDS + k) * n_.channel_rows + c];
            Products<Row<T>, S, LMAX>().backward(in, g, out);
            for (int m = 0; m < LM; m++) by_feature_[m * n_.channel_rows + c] = out[m];
        }
        return by_feature_.data();
    }

private:
    template <int L>
    void mix_degree(const Weights<S>& w, const Row<T>* density, Row<T>* a) {
        multiply<T, 2 * L + 1>(density + L * L * n_.density_rows, n_.density_rows, w.nodal_panels[L],
                               a + L * L * n_.channel_rows);
    }
    template <int L>
    void unmix_degree(const Weights<S>& w) {
        multiply<T, 2 * L + 1>(by_feature_.data() + L * L * n_.channel_rows, n_.channel_rows, w.nodal_transposed[L],
                               by_density_.data() + L * L * n_.density_rows);
    }

    using Readout<T>::n_;
    using Readout<T>::inputs_;
    using Readout<T>::by_input_;
    Buffer<Row<T>> features_, by_feature_, by_density_;
};

}  // namespace inn
