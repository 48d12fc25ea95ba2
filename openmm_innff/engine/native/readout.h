// From invariants of a few atoms to their energies, and back.
#pragma once

#include "basis.h"
#include "matrix.h"
#include "weights.h"

namespace inn {

// Scratch and sweeps for a block of atoms of one species.
template <class T>
class Readout {
public:
    using S = Scalar<T>;

    // `kinds` of invariants, as in Sizes.
    explicit Readout(const InnShape& shape, int kinds = 0)
        : bound_(S(shape.bound)), grid_(S(shape.intervals / (2 * shape.bound))), n_(shape, kinds) {
        inputs_.zeros(BLOCK * n_.input_rows), by_input_.zeros(BLOCK * n_.input_rows);
        inner_.zeros(BLOCK * n_.projection_rows), by_inner_.zeros(BLOCK * n_.projection_rows);
        argument_.zeros(n_.projection_rows), value_.zeros(n_.projection_rows), slope_.zeros(n_.projection_rows);
        if constexpr (Traits<T>::dual) {
            bend_.zeros(n_.projection_rows), cell_.zeros(n_.projections());
            node_weight_.zeros(4 * n_.projections()), node_slope_.zeros(4 * n_.projections());
            turned_.zeros(n_.inputs() * 2 * BLOCK / WIDTH<S>), paired_.zeros(2 * BLOCK * n_.projection_rows);
        }
    }

    // Take the means away from the inputs of atom r: folded into biases they would cost the small differences digits.
    void centre(const Weights<S>& w, int r) {
        for (int k = 0; k < n_.input_rows; k++) inputs(r)[k] = plus(inputs(r)[k], -w.mean[k]);
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

    const Row<T>* by_input(int r) const { return by_input_.data() + r * n_.input_rows; }
    Row<T>* inputs(int r) { return inputs_.data() + r * n_.input_rows; }
    Row<T>* inner(int r) { return inner_.data() + r * n_.projection_rows; }
    // Values of the interpolants of atom r, if it was the last to be interpolated.
    Row<T> function_row(int r, int p) const { return value_row(p, inner_[r * n_.projection_rows + p]); }

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
    static Row<T> plus(const Row<T>& a, const Lanes<S>& c) {
        if constexpr (Traits<T>::dual) return {a.v + c, a.d};
        else return a + c;
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

    S bound_, grid_;
    Buffer<Row<T>> inner_, by_inner_;
    Buffer<Lanes<S>> argument_, value_, slope_;
    // For the gradients of parameters only.
    Buffer<Lanes<S>> bend_;
    Buffer<S> node_weight_, node_slope_;
    Buffer<int> cell_;
    Buffer<Lanes<S>> turned_, paired_;

protected:
    Sizes<S> n_;
    Buffer<Row<T>> inputs_, by_input_;
};

}  // namespace inn
