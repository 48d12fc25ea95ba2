// From nodal densities of a few atoms to their energies, and back.
#pragma once

#include "basis.h"
#include "weights.h"

namespace inn {

// Atoms that go through the readout together: its weights are read once for all of them.
#if INN_VECTOR_BYTES == 64
constexpr int BLOCK = 8, SUMS = 24;  // of 32 registers, SUMS hold partial sums
#else
constexpr int BLOCK = 8, SUMS = 12;  // of 16
#endif
// Rows that are multiplied at a time.
template <class T>
constexpr int TILE = (SUMS == 24 ? 8 : 4) / (Traits<T>::dual ? 2 : 1);

// out[r][c] += sum_k x[r][k] m[k][c] for a tile of R rows and C rows of lanes that stays in registers.
template <class T, int R, int C>
inline void multiply_tile(const Row<T>* x, int x_stride, int inner, const Lanes<Scalar<T>>* m, int m_stride,
                          Row<T>* out, int out_stride) {
    Row<T> sum[R][C];
    for (int r = 0; r < R; r++)
        for (int c = 0; c < C; c++) sum[r][c] = out[r * out_stride + c];
    constexpr int W = WIDTH<Scalar<T>>;
    for (int first = 0; first < inner; first += W) {
        const Scalar<T>* lanes = reinterpret_cast<const Scalar<T>*>(x + first / W);
        const int stride = x_stride * static_cast<int>(sizeof(Row<T>) / sizeof(Scalar<T>));
        const int count = inner - first < W ? inner - first : W;
        for (int k = 0; k < count; k++, m += m_stride)
            for (int r = 0; r < R; r++) {
                const Scalar<T> a = lanes[r * stride + k];
                if constexpr (Traits<T>::dual) {
                    const Scalar<T> d = lanes[r * stride + W + k];
                    for (int c = 0; c < C; c++) sum[r][c].v += a * m[c], sum[r][c].d += d * m[c];
                } else {
                    for (int c = 0; c < C; c++) sum[r][c] += a * m[c];
                }
            }
    }
    for (int r = 0; r < R; r++)
        for (int c = 0; c < C; c++) out[r * out_stride + c] = sum[r][c];
}

template <class T, int R>
inline void multiply(const Row<T>* x, int x_stride, const Panels<Scalar<T>>& m, Row<T>* out) {
    // As many columns at a time as have their sums in registers.
    constexpr int most = SUMS / (R * (Traits<T>::dual ? 2 : 1));
    for (int c = 0; c < m.columns; c += m.width) {
        const int width = m.panel_width(c);
        int d = 0;
        if constexpr (most >= 3)
            for (; d + 3 <= width; d += 3)
                multiply_tile<T, R, 3>(x, x_stride, m.inner, m.panel(c) + d, width, out + c + d, m.columns);
        if constexpr (most >= 2)
            for (; d + 2 <= width; d += 2)
                multiply_tile<T, R, 2>(x, x_stride, m.inner, m.panel(c) + d, width, out + c + d, m.columns);
        for (; d < width; d++)
            multiply_tile<T, R, 1>(x, x_stride, m.inner, m.panel(c) + d, width, out + c + d, m.columns);
    }
}

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

// Scratch and sweeps for a block of atoms of one species.
template <class T, int LMAX>
class Network {
public:
    using S = Scalar<T>;
    static constexpr int LM = (LMAX + 1) * (LMAX + 1), KINDS = Products<Row<T>, S, LMAX>::KINDS;

    explicit Network(const InnShape& shape)
        : n_(shape), bound_(S(shape.bound)), grid_(S(shape.intervals / (2 * shape.bound))) {
        features_.zeros(BLOCK * LM * n_.channel_rows);
        inputs_.zeros(BLOCK * n_.input_rows), by_input_.zeros(BLOCK * n_.input_rows);
        inner_.zeros(BLOCK * n_.projection_rows), by_inner_.zeros(BLOCK * n_.projection_rows);
        argument_.zeros(n_.projection_rows), value_.zeros(n_.projection_rows), slope_.zeros(n_.projection_rows);
        if constexpr (Traits<T>::dual) {
            bend_.zeros(n_.projection_rows), cell_.zeros(n_.projections());
            node_weight_.zeros(4 * n_.projections()), node_slope_.zeros(4 * n_.projections());
            turned_.zeros(n_.inputs() * 2 * BLOCK / WIDTH<S>), paired_.zeros(2 * BLOCK * n_.projection_rows);
        }
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
            for (int k = 0; k < KINDS; k++) inputs_[(r * KINDS + k) * n_.channel_rows + c] =
                centred(out[k], w.mean[k * n_.channel_rows + c]);
        }
    }

    // Energies of `rows` atoms, then their gradients by the invariants for the adjoint `seed` of
    // each energy (1, for dual numbers with the derivative that is asked for).
    void read_out(const Weights<S>& w, int rows, const T* seed, S* energies, Weights<S>* gradient) {
        project(w, rows);
        for (int r = 0; r < rows; r++) energies[r] = value(interpolate(w, r, seed[r], gradient));
        by_inputs(w, rows, seed, nullptr);
        if constexpr (Traits<T>::dual) add_weights(rows, *gradient);
    }

    // The projections of the invariants.
    void project(const Weights<S>& w, int rows) {
        for (int r = 0; r < BLOCK; r++)
            for (int p = 0; p < n_.projection_rows; p++) inner_[r * n_.projection_rows + p] = times<T>(w.bias[p], Traits<T>::constant(S(1)));
        for (int r = 0; r < rows; r += TILE<T>)
            multiply<T, TILE<T>>(inputs_.data() + r * n_.input_rows, n_.input_rows, w.weight_panels,
                              inner_.data() + r * n_.projection_rows);
    }

    // Gradients by the invariants from those by the projections; `extra` (rows, inputs) is added.
    void by_inputs(const Weights<S>& w, int rows, const T* seed, const Row<T>* extra) {
        for (int r = 0; r < BLOCK; r++)
            for (int k = 0; k < n_.input_rows; k++) {
                Row<T> by = times<T>(w.linear[k], r < rows ? seed[r] : T{});
                if (extra && r < rows) by += extra[r * n_.input_rows + k];
                by_input_[r * n_.input_rows + k] = by;
            }
        for (int r = 0; r < rows; r += TILE<T>)
            multiply<T, TILE<T>>(by_inner_.data() + r * n_.projection_rows, n_.projection_rows, w.weights_transposed,
                              by_input_.data() + r * n_.input_rows);
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
    Row<T>* inputs(int r) { return inputs_.data() + r * n_.input_rows; }
    Row<T>* inner(int r) { return inner_.data() + r * n_.projection_rows; }
    // Values of the interpolants of atom r, if it was the last to be interpolated.
    Row<T> function_row(int r, int p) const { return value_row(p, inner_[r * n_.projection_rows + p]); }

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

    // Energy of atom r; its gradient by the projections goes to by_inner_. `extra`: by the values of the
    // interpolants, from elsewhere.
    T interpolate(const Weights<S>& w, int r, T seed, Weights<S>* gradient, const Row<T>* extra = nullptr) {
        const Row<T>* inner = inner_.data() + r * n_.projection_rows;
        evaluate(w, inner);
        const int half = n_.half_rows;
        const Row<T> ones = times<T>(Lanes<S>{} + S(1), seed);
        Row<T>* by = by_inner_.data() + r * n_.projection_rows;
        Row<T> sum{};
        for (int p = 0; p < half; p++) {
            const Row<T> a = value_row(p, inner[p]), b = value_row(half + p, inner[half + p]);
            const Lanes<S> one_a = w.single[p], one_b = w.single[half + p], two = w.paired[p];
            const Row<T> with_b = plus(b * two, one_a);
            sum += a * with_b + b * one_b;
            Row<T> by_a = ones * with_b, by_b = ones * plus(a * two, one_b);
            if (extra) by_a += extra[p], by_b += extra[half + p];
            by[p] = by_a * slope_row(p, inner[p]), by[half + p] = by_b * slope_row(half + p, inner[half + p]);
            if constexpr (Traits<T>::dual) if (gradient) {
                gradient->single[p] += (ones * a).d, gradient->single[half + p] += (ones * b).d;
                gradient->paired[p] += (ones * a * b).d;
                add_table(p, by_a, inner[p].d, *gradient);
                add_table(half + p, by_b, inner[half + p].d, *gradient);
            }
        }
        for (int k = 0; k < n_.input_rows; k++) sum += inputs_[r * n_.input_rows + k] * w.linear[k];
        return sum_of_lanes_as<T>(sum);
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

    // Values and slopes of all interpolants of one atom at their soft-clipped arguments u; for dual
    // numbers also the second derivatives, and how the table's nodes act.
    void evaluate(const Weights<S>& w, const Row<T>* inner) {
        const int count = n_.projections(), nodes = n_.table_nodes(), last = n_.intervals - 1;
        const S *const table = w.table.data(), bound = bound_, density = grid_;
        S *const f = numbers(value_), *const df = numbers(slope_), *const ddf = numbers(bend_);
        S *const act = node_weight_.data(), *const steepen = node_slope_.data();
        int* const cells = cell_.data();
        Lanes<S>* arguments = argument_.data();
        for (int p = 0; p < n_.projection_rows; p++) {
            if constexpr (Traits<T>::dual) arguments[p] = inner[p].v;
            else arguments[p] = inner[p];
        }
        const S* const argument = numbers(argument_);
#pragma omp simd
        for (int p = 0; p < count; p++) {
            const S u = argument[p], q = u * (S(1) / bound), root = inverse_root(S(1) + q * q);
            const S at = (u * root + bound) * density, rate = root * root * root * density;
            const int found = static_cast<int>(at);
            const int below = found < last ? found : last, cell = below > 0 ? below : 0;
            const S t = at - S(cell);
            const Spline<S> b = bspline<S>(t);
            const int k = p * nodes + cell;
            const S t0 = table[k], t1 = table[k + 1], t2 = table[k + 2], t3 = table[k + 3];
            f[p] = b.w0 * t0 + b.w1 * t1 + b.w2 * t2 + b.w3 * t3;
            const S steep = b.d0 * t0 + b.d1 * t1 + b.d2 * t2 + b.d3 * t3;
            df[p] = steep * rate;
            if constexpr (Traits<T>::dual) {
                const S bend = (S(1) - t) * t0 + (S(3) * t - S(2)) * t1 + (S(1) - S(3) * t) * t2 + t * t3;
                ddf[p] = bend * rate * rate - steep * S(3) * q * root * root * rate / bound;
                cells[p] = k;
                act[p] = b.w0, act[p + count] = b.w1, act[p + 2 * count] = b.w2, act[p + 3 * count] = b.w3;
                steepen[p] = b.d0 * rate, steepen[p + count] = b.d1 * rate;
                steepen[p + 2 * count] = b.d2 * rate, steepen[p + 3 * count] = b.d3 * rate;
            }
        }
    }
    Row<T> value_row(int p, const Row<T>& u) const {
        if constexpr (Traits<T>::dual) return {value_[p], slope_[p] * u.d};
        else return value_[p];
    }
    Row<T> slope_row(int p, const Row<T>& u) const {
        if constexpr (Traits<T>::dual) return {slope_[p], bend_[p] * u.d};
        else return slope_[p];
    }
    static S* numbers(Buffer<Lanes<S>>& rows) { return reinterpret_cast<S*>(rows.data()); }

    // Means are taken away here: folded into biases they would cost the small differences digits.
    static Row<T> centred(const Row<T>& x, const Lanes<S>& mean) { return plus(x, -mean); }

    static Row<T> plus(const Row<T>& a, const Lanes<S>& c) {
        if constexpr (Traits<T>::dual) return {a.v + c, a.d};
        else return a + c;
    }
    void add_table(int k, const Row<T>& by, const Lanes<S>& along, Weights<S>& gradient) const {
        const int count = n_.projections();
        const Lanes<S> by_slope = by.v * along;
        for (int lane = 0; lane < WIDTH<S>; lane++) {
            const int p = k * WIDTH<S> + lane;
            S* table = gradient.table.data() + cell_[p];
            for (int a = 0; a < 4; a++)
                table[a] += by_slope[lane] * node_slope_[p + a * count] + by.d[lane] * node_weight_[p + a * count];
        }
    }

public:
    // Derivatives of the gradients by weights and biases: a product of matrices whose inner index
    // runs over the values and the derivatives of the atoms of a block.
    void add_weights(int rows, Weights<S>& gradient) {
        constexpr int INNER = 2 * BLOCK, STRIDE = INNER / WIDTH<S>;
        const int inputs = n_.inputs(), columns = n_.projection_rows;
        S* x = reinterpret_cast<S*>(turned_.data());
        Lanes<S>* by = paired_.data();
        for (int r = 0; r < BLOCK; r++) {
            const bool real = r < rows;
            for (int k = 0; k < inputs; k++) {
                const T in = real ? Element<T>::get(inputs_.data() + r * n_.input_rows, k) : T{};
                x[k * INNER + r] = in.v, x[k * INNER + BLOCK + r] = in.d;
            }
            for (int p = 0; p < columns; p++) {
                const Row<T> g = real ? by_inner_[r * columns + p] : Row<T>{};
                by[r * columns + p] = g.d, by[(BLOCK + r) * columns + p] = g.v;
                gradient.bias[p] += g.d;
            }
        }
        Lanes<S>* out = gradient.weights.data();
        constexpr int ROWS = TILE<S> < WIDTH<S> ? TILE<S> : WIDTH<S>;  // divides the inputs
        for (int k = 0; k < inputs; k += ROWS)
            for (int p = 0; p < columns; p++)
                multiply_tile<S, ROWS, 1>(turned_.data() + k * STRIDE, STRIDE, INNER, by + p, columns,
                                          out + static_cast<size_t>(k) * columns + p, columns);
    }

    void add_linear(int rows, const T* seed, Weights<S>& gradient) {
        for (int r = 0; r < rows; r++)
            for (int k = 0; k < n_.input_rows; k++) {
                const Row<T>& x = inputs_[r * n_.input_rows + k];
                gradient.linear[k] += x.d * seed[r].v + x.v * seed[r].d;
            }
    }
    const Sizes<S>& sizes() const { return n_; }

private:
    Sizes<S> n_;
    S bound_, grid_;
    Buffer<Row<T>> features_, inputs_, by_input_, inner_, by_inner_, by_feature_, by_density_;
    Buffer<Lanes<S>> argument_, value_, slope_;
    // For the gradients of parameters only.
    Buffer<Lanes<S>> bend_;
    Buffer<S> node_weight_, node_slope_;
    Buffer<int> cell_;
    Buffer<Lanes<S>> turned_, paired_;
};

}  // namespace inn
